package stile.shape_test

import data.stile.shape
import data.stile.testing_test as given

full := given.but(given.request("guest", "deploy.production"), [
	{"path": "/subject/properties", "value": {"roles": ["viewer"]}},
	{"path": "/action/properties", "value": {"read_only": false}},
	{"path": "/resource/properties", "value": {"environment": "production"}},
	{"path": "/authn", "value": {}},
	{"path": "/context", "value": {
		"device_id": "laptop-1", "session_id": "s-1", "ip": "192.0.2.7", "country": "NL", "user_agent": "kubectl",
		"incident": "INC-7", "change": "CHG-1", "environment": "production",
	}},
	{"path": "/features/device", "value": {"known": true, "managed": true}},
])

# Each path, with values that are wrong there.
wrong := {
	"/subject": [null, 7, "ada", []],
	"/subject/type": ["", 7, null, false],
	"/subject/id": ["", 7, null, {}],
	"/subject/properties": [7, null, []],
	"/subject/properties/roles": ["viewer", [7], {"a": "viewer"}, null, numbers.range(1, 40), [$"r{n}" | some n in numbers.range(1, 33)]],
	"/action": [null, 7, []],
	"/action/name": ["", 7, null, ["deploy.production"]],
	"/action/properties": [7, null],
	"/action/properties/read_only": ["true", 1, null],
	"/resource": [null, "payments"],
	"/resource/type": ["", 7],
	"/resource/id": ["", 7],
	"/resource/properties": [[], false],
	"/resource/properties/environment": [7, null],
	"/context": [7, null, [], "x"],
	"/context/environment": [7, null],
	"/context/device_id": [7, null, ["laptop-1"]],
	"/context/session_id": [7],
	"/context/ip": [7],
	"/context/country": [7, false],
	"/context/user_agent": [7],
	"/context/incident": [7, ["INC-7"]],
	"/context/change": [7, true],
	"/authn": [7, null, []],
	"/features": [7, null, []],
	"/features/subject": [7, null, []],
	"/features/device": [7],
	"/features/address": [7],
	"/features/resource": [7],
	"/features/global": [7],
	"/features/subject/failed_logins_15m": ["0", -1, null],
	"/features/subject/risk_score": ["0", -0.1, true],
	"/features/subject/step_ups_1h": ["0", -1],
	"/features/subject/known_devices": ["laptop-1", ["laptop-1", 7], {}],
	"/features/subject/known_countries": ["NL", [null]],
	"/features/subject/impossible_travel": [0, "false", null],
	"/features/device/known": [1],
	"/features/device/managed": ["yes"],
	"/features/address/failed_logins_15m": [-1, "3"],
	"/features/resource/change_freeze": [0, "false"],
	"/features/global/incidents": ["INC-7", [7]],
	"/freshness": [7, null],
	"/now_ns": ["1784109600000000000", null],
}

test_a_full_request_has_no_problem if {
	shape.problems == set() with input as full
}

test_the_least_request_has_no_problem if {
	shape.problems == set() with input as {
		"subject": {"type": "user", "id": "ada"},
		"action": {"name": "deploy.production"},
		"resource": {"type": "service", "id": "payments"},
	}
}

test_each_wrong_type_is_named if {
	every path, values in wrong {
		every value in values {
			problems := shape.problems with input as given.but(full, [{"path": path, "value": value}])
			count(problems) > 0
		}
	}
}

test_each_required_part_is_missed if {
	every path in ["/subject", "/subject/type", "/subject/id", "/action", "/action/name", "/resource", "/resource/type", "/resource/id"] {
		problems := shape.problems with input as given.without(full, [path])
		count(problems) > 0
	}
}

test_an_input_that_is_no_object_has_problems if {
	every value in [null, true, 7, "x", [], {}] {
		problems := shape.problems with input as value
		count(problems) == 5
	}
}

test_the_roles_of_an_assigned_subject_are_not_read if {
	request := given.but(given.request("ada", "log.read"), [{"path": "/subject/properties", "value": {"roles": 7}}])
	shape.problems == set() with input as request
}
