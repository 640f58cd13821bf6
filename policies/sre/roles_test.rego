package stile.roles_test

import data.stile.roles
import data.stile.testing_test as given

asserted(names) := {
	"subject": {"type": "user", "id": "guest", "properties": {"roles": names}},
	"action": {"name": "deploy.production"},
}

test_an_assignment_wins_over_what_the_caller_says if {
	held := roles.held with input as {"subject": {"type": "user", "id": "dov", "properties": {"roles": ["security"]}}}
	held == ["viewer"]
}

test_an_assignment_is_of_one_type_of_subject if {
	not roles.known with input as {"subject": {"type": "service", "id": "ada"}, "action": {"name": "log.read"}}
}

test_without_assignment_the_caller_says_the_roles if {
	roles.role.title == "a senior engineer" with input as asserted(["senior_engineer"])
	roles.known with input as asserted(["viewer"])
	not roles.role with input as asserted(["viewer"])
	not roles.known with input as asserted(["root", 7, null])
	not roles.known with input as asserted("senior_engineer")
	not roles.known with input as asserted([])
}

test_the_highest_role_that_may_is_in_force if {
	roles.role.title == "a senior engineer" with input as asserted(["junior_engineer", "senior_engineer", "viewer"])

	# security ranks above release_manager but deploys nothing
	roles.role.title == "a release manager" with input as asserted(["security", "release_manager"])
}

test_thresholds_are_those_of_the_role_at_the_level if {
	roles.limits.max_age_s == 600 with input as given.request("bo", "deploy.production")
	roles.limits.max_age_s == 3600 with input as given.request("ada", "deploy.production")
	roles.limits.max_age_s == 300 with input as given.request("ada", "system.halt")
}

test_a_junior_is_challenged_earlier_than_a_senior if {
	junior := data.sre.caution[data.sre.roles.junior_engineer.caution]
	senior := data.sre.caution[data.sre.roles.senior_engineer.caution]
	every level in ["low", "sensitive", "critical"] {
		every name, limit in junior[level] {
			limit < senior[level][name]
		}
	}
}

test_a_robot_is_one_by_role_or_by_type if {
	roles.robot with input as given.robot_request("deploy.production")
	roles.robot with input as asserted(["ci_robot"])
	roles.robot with input as {"subject": {"type": "workload", "id": "x"}, "action": {"name": "log.read"}}
	not roles.robot with input as given.request("ada", "deploy.production")
}

test_who_says_it_in_words if {
	roles.who == "bo is a junior engineer" with input as given.request("bo", "deploy.production")
}
