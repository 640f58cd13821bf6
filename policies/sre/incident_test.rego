package stile.incident_test

import data.stile.incident
import data.stile.testing_test as given

named(id, name) := given.but(given.request(id, "deploy.production"), [{"path": "/context/incident", "value": name}])

test_a_named_open_incident_is_declared if {
	incident.declared with input as named("cleo", "INC-7")
	incident.commanded with input as named("cleo", "INC-7")
	not incident.claimed_in_vain with input as named("cleo", "INC-7")
}

test_it_helps_the_commander_only if {
	not incident.commanded with input as named("ada", "INC-7")
	not incident.claimed_in_vain with input as named("ada", "INC-8")
}

test_what_is_not_open_is_not_declared if {
	incident.claimed_in_vain with input as named("cleo", "INC-8")
	not incident.commanded with input as named("cleo", "INC-8")
}

test_a_list_that_is_not_fresh_declares_nothing if {
	every state in ["stale", "missing", 7, null] {
		not incident.declared with input as given.but(named("cleo", "INC-7"), [{"path": "/freshness/global/incidents/state", "value": state}])
	}
	not incident.declared with input as object.remove(named("cleo", "INC-7"), ["freshness"])
}

test_the_request_must_name_it if {
	not incident.declared with input as given.request("cleo", "deploy.production")
	not incident.claimed_in_vain with input as given.request("cleo", "deploy.production")
}
