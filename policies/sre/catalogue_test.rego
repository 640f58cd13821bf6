package stile.catalogue_test

import data.stile.catalogue
import data.stile.testing_test as given

levels := {"harmless", "low", "sensitive", "critical"}

classes := {class |
	some role in data.sre.roles
	some class, _ in role.may
}

test_each_action_has_a_level_a_title_and_a_class_that_some_role_may if {
	every action in data.sre.actions {
		action.level in levels
		action.title != ""
		action.class in classes
	}
}

test_a_listed_action_has_the_level_of_the_catalogue if {
	catalogue.level == "critical" with input as given.request("ada", "system.halt")
	catalogue.entry.title == "a production deploy" with input as given.request("ada", "deploy.production")
}

test_an_unlisted_action_is_sensitive_unless_it_only_reads if {
	catalogue.level == "sensitive" with input as {"action": {"name": "x.do"}}
	catalogue.level == "low" with input as {"action": {"name": "x.get", "properties": {"read_only": true}}}
	catalogue.level == "sensitive" with input as {"action": {"name": "x.get", "properties": {"read_only": "true"}}}
	not catalogue.entry with input as {"action": {"name": 7}}
	not catalogue.entry with input as {"action": {"name": 7, "properties": {"read_only": true}}}
}

test_read_only_does_not_ease_a_listed_action if {
	catalogue.level == "sensitive" with input as {"action": {"name": "secret.read", "properties": {"read_only": true}}}
}

test_the_environment_is_the_resources_then_the_callers_then_production if {
	both := {"resource": {"properties": {"environment": "test"}}, "context": {"environment": "staging"}}
	catalogue.environment == "test" with input as both
	catalogue.environment == "staging" with input as object.remove(both, ["resource"])
	catalogue.environment == "production" with input as {}
}

level_in(environment, action) := level if {
	level := catalogue.level with input as {"action": {"name": action}, "context": {"environment": environment}}
}

test_outside_production_a_sensitive_action_is_low if {
	level_in("staging", "firewall.change") == "low"
	level_in("production", "firewall.change") == "sensitive"
	level_in("nowhere", "firewall.change") == "sensitive"
}

test_some_actions_weigh_the_same_everywhere if {
	level_in("staging", "deploy.production") == "sensitive"
	level_in("staging", "backup.delete") == "critical"
	level_in("staging", "x.do") == "sensitive"
	level_in("staging", "dashboard.read") == "harmless"
}

test_a_freeze_stops_deploys_but_not_a_rollback if {
	catalogue.stopped_by_freeze with input as {"action": {"name": "deploy.staging"}}
	not catalogue.stopped_by_freeze with input as {"action": {"name": "deploy.rollback"}}
	catalogue.is_deploy with input as {"action": {"name": "deploy.rollback"}}
	not catalogue.is_deploy with input as {"action": {"name": "firewall.change"}}
}
