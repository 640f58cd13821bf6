package stile.risk_test

import data.stile.risk
import data.stile.testing_test as given

triggers(request) := given.codes(reasons) if reasons := risk.triggers with input as request

refusals(request) := given.codes(reasons) if reasons := risk.refusals with input as request

senior := given.request("ada", "deploy.production")

junior := given.request("bo", "deploy.production")

low := given.request("ada", "log.read")

subject(name, value) := [{"path": concat("/", ["/features/subject", name]), "value": value}]

test_nothing_speaks_against_a_senior_in_order if {
	triggers(senior) == set()
	refusals(senior) == set()
	triggers(low) == set()
}

test_a_junior_is_always_asked_for_sensitive_actions if {
	triggers(junior) == {"junior_role"}
	triggers(given.request("bo", "log.read")) == set()
}

test_a_critical_action_asks_of_everyone if {
	triggers(given.request("ada", "system.halt")) == {"critical_action"}
	triggers(given.request("cleo", "system.halt")) == {"critical_action"}
}

# One sign each, at the threshold, at both levels; and nothing just under it.
signs := [
	{"feature": "failed_logins_15m", "code": "failed_logins", "low": 6, "sensitive": 4, "under": 3},
	{"feature": "risk_score", "code": "risk_score_high", "low": 0.7, "sensitive": 0.5, "under": 0.49},
	{"feature": "step_ups_1h", "code": "many_step_ups", "low": 16, "sensitive": 10, "under": 9},
	{"feature": "impossible_travel", "code": "impossible_travel", "low": true, "sensitive": true, "under": false},
]

test_signs_ask_from_their_threshold_on if {
	every sign in signs {
		triggers(given.but(senior, subject(sign.feature, sign.sensitive))) == {sign.code}
		triggers(given.but(low, subject(sign.feature, sign.low))) == {sign.code}
		triggers(given.but(senior, subject(sign.feature, sign.under))) == set()
		triggers(given.but(low, subject(sign.feature, sign.under))) == set()
	}
}

test_the_address_counts_too if {
	path := "/features/address/failed_logins_15m"
	triggers(given.but(senior, [{"path": path, "value": 15}])) == {"address_failed_logins"}
	triggers(given.but(senior, [{"path": path, "value": 14}])) == set()
	triggers(given.but(low, [{"path": path, "value": 30}])) == {"address_failed_logins"}
}

test_a_stale_sign_still_counts if {
	stale := given.but(senior, [
		{"path": "/features/subject/risk_score", "value": 0.6},
		{"path": "/freshness/subject/risk_score/state", "value": "stale"},
	])
	triggers(stale) == {"risk_score_high", "feature_stale"}
}

test_a_sign_that_is_not_weighed_does_not_count if {
	bad := given.but(senior, [
		{"path": "/features/subject/failed_logins_15m", "value": 99},
		{"path": "/features/subject/risk_score", "value": 0.99},
		{"path": "/features/subject/step_ups_1h", "value": 99},
		{"path": "/features/subject/impossible_travel", "value": true},
		{"path": "/features/subject/known_devices", "value": []},
		{"path": "/features/subject/known_countries", "value": []},
		{"path": "/features/address/failed_logins_15m", "value": 99},
		{"path": "/features/resource/change_freeze", "value": true},
	])
	nothing := {name: false | some name, _ in data.sre.weigh}
	risk.triggers == set() with input as bad with data.sre.weigh as nothing
	risk.refusals == set() with input as bad with data.sre.weigh as nothing
}

test_a_low_action_asks_where_device_and_country_are_new if {
	both := given.but(low, [{"path": "/context/device_id", "value": "x"}, {"path": "/context/country", "value": "KP"}])
	triggers(both) == {"place_unknown"}
	triggers(given.but(low, [{"path": "/context/device_id", "value": "x"}])) == set()
	triggers(given.but(low, [{"path": "/context/country", "value": "KP"}])) == set()
	triggers(object.remove(low, ["features", "freshness"])) == set()
}

test_what_is_not_known_asks if {
	triggers(object.remove(senior, ["features", "freshness"])) == {"feature_missing"}
	triggers(object.remove(senior, ["freshness"])) == {"feature_stale"}
}

test_the_device_is_asked_about if {
	triggers(given.but(senior, [{"path": "/context/device_id", "value": "x"}])) == {"device_unknown"}
	triggers(given.but(senior, [{"path": "/context/device_id", "value": ""}])) == {"device_missing"}
	triggers(given.without(senior, ["/context/device_id"])) == {"device_missing"}
}

test_the_country_is_asked_about if {
	triggers(given.but(senior, [{"path": "/context/country", "value": "KP"}])) == {"country_new"}
	triggers(given.but(senior, [{"path": "/context/country", "value": ""}])) == {"country_missing"}
	triggers(given.without(senior, ["/context/country"])) == {"country_missing"}
}

test_a_sensitive_action_names_device_and_country_each if {
	both := given.but(senior, [{"path": "/context/device_id", "value": "x"}, {"path": "/context/country", "value": "KP"}])
	triggers(both) == {"device_unknown", "country_new"}
}

test_off_hours_ask_unless_the_device_is_managed if {
	sunday := object.union(senior, {"now_ns": given.now_ns + 345600000000000})
	triggers(sunday) == {"off_hours"}
	managed := given.but(sunday, [
		{"path": "/features/device", "value": {"managed": true}},
		{"path": "/freshness/device", "value": {"managed": {"state": "fresh"}}},
	])
	triggers(managed) == set()
}

test_an_old_proof_asks_for_a_new_one if {
	old := object.union(senior, {"authn": {"acr": "aal2", "amr": ["otp"], "age_s": 3601, "bind": "session"}})
	triggers(old) == {"proof_too_old"}
	triggers(given.but(old, [{"path": "/authn/age_s", "value": 3600}])) == set()
}

test_robots_are_weighed_by_what_robots_have if {
	robot := given.robot_request("deploy.production")
	bare := given.without(robot, ["/context/device_id", "/context/country", "/features/subject/known_devices"])
	triggers(bare) == set()
	triggers(given.but(bare, [
		{"path": "/features/subject/impossible_travel", "value": true},
		{"path": "/features/subject/step_ups_1h", "value": 99},
		{"path": "/features/subject/risk_score", "value": 0.3},
		{"path": "/features/subject/known_devices", "value": []},
		{"path": "/features/subject/known_countries", "value": []},
		{"path": "/authn", "value": {"age_s": 99999}},
	])) == {"risk_score_high"}
	triggers(object.union(robot, {"action": {"name": "log.read"}, "context": {"device_id": "x", "country": "KP"}})) == set()
}

test_a_robot_has_no_device_no_country_and_no_hours if {
	janitor := given.but(object.union(senior, {"now_ns": given.now_ns + 345600000000000}), [
		{"path": "/subject", "value": {"type": "service", "id": "janitor", "properties": {"roles": ["senior_engineer"]}}},
		{"path": "/context/device_id", "value": "x"},
		{"path": "/context/country", "value": "KP"},
	])
	triggers(janitor) == set()
	nameless := given.but(janitor, [{"path": "/context/device_id", "value": ""}, {"path": "/context/country", "value": ""}])
	triggers(nameless) == set()
}

test_a_robot_needs_a_change if {
	robot := given.robot_request("deploy.staging")
	refusals(robot) == set()
	refusals(given.but(robot, [{"path": "/context/change", "value": ""}])) == {"change_required"}
	refusals(given.without(robot, ["/context/change"])) == {"change_required"}
	refusals(given.without(given.robot_request("log.read"), ["/context/change"])) == set()
}

test_a_freeze_stops_all_but_a_rollback_and_a_commander if {
	frozen := [{"path": "/features/resource/change_freeze", "value": true}]
	refusals(given.but(senior, frozen)) == {"change_freeze"}
	refusals(given.but(given.request("ada", "deploy.rollback"), frozen)) == set()
	refusals(given.but(given.request("cleo", "deploy.production"), frozen)) == {"change_freeze"}
	named := given.but(given.request("cleo", "deploy.production"), [{"path": "/context/incident", "value": "INC-7"}])
	refusals(given.but(named, frozen)) == set()
}

test_a_very_high_score_ends_it if {
	refusals(given.but(low, subject("risk_score", 0.9))) == {"risk_too_high"}
	refusals(given.but(senior, subject("risk_score", 7))) == {"risk_too_high"}
	refusals(given.but(senior, subject("risk_score", 0.89))) == set()
}

test_impossible_travel_with_a_new_device_ends_a_critical_action if {
	travelled := given.but(given.request("ada", "system.halt"), subject("impossible_travel", true))
	refusals(travelled) == set()
	refusals(given.but(travelled, [{"path": "/context/device_id", "value": "x"}])) == {"impossible_travel_new_device"}
	refusals(given.without(travelled, ["/features/subject/known_devices"])) == {"impossible_travel_new_device"}
	refusals(given.but(given.without(senior, ["/context/device_id"]), subject("impossible_travel", true))) == set()
}
