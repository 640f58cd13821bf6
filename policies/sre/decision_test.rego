package stile.decision_test

import data.stile
import data.stile.testing_test as given

proof := {"acr": "aal2", "amr": ["otp"], "age_s": 60, "bind": "action", "once": true}

decide(request) := decision if decision := stile.decision with input as request

# Outcome and codes, in their order.
said(request) := [decision.decision, [reason.code | some reason in decision.reasons]] if decision := decide(request)

test_harmless_is_open_to_all_whatever_else_is_wrong if {
	said(given.request("nobody", "dashboard.read")) == ["allow", ["harmless"]]
	said({"action": {"name": "dashboard.read"}, "subject": 7, "features": []}) == ["allow", ["harmless"]]
}

test_malformed_is_denied if {
	said(given.but(given.request("ada", "deploy.production"), [{"path": "/context", "value": 7}])) == ["deny", ["malformed_input"]]
	decide(7).decision == "deny"
	decide({}).decision == "deny"
}

test_no_role_and_no_permission_are_told_apart if {
	said(given.request("nobody", "log.read")) == ["deny", ["no_role"]]
	said(given.request("dov", "deploy.production")) == ["deny", ["not_permitted"]]
}

test_a_refusal_is_not_cured_by_a_proof if {
	request := given.but(given.request("ada", "deploy.production"), [
		{"path": "/features/resource/change_freeze", "value": true},
		{"path": "/features/subject/risk_score", "value": 0.95},
		{"path": "/authn", "value": proof},
	])
	said(request) == ["deny", ["change_freeze", "risk_too_high"]]
}

test_a_commander_is_not_slowed_down_but_recorded if {
	request := given.but(object.remove(given.request("cleo", "deploy.production"), ["features", "freshness"]), [
		{"path": "/context/incident", "value": "INC-7"},
		{"path": "/features", "value": {"global": {"incidents": ["INC-7"]}}},
		{"path": "/freshness", "value": {"global": {"incidents": {"age_ms": 1, "state": "fresh"}}}},
	])
	said(request) == ["allow", ["incident_declared"]]
	decide(request).obligations == [{"id": "record_incident", "incident": "INC-7"}]
	said(given.but(request, [{"path": "/action/name", "value": "system.halt"}])) == ["step_up", ["critical_action"]]
	said(given.but(request, [{"path": "/context/incident", "value": "INC-8"}])) == ["step_up", ["feature_missing", "incident_not_declared"]]
}

test_in_order_is_allowed if {
	said(given.request("ada", "deploy.production")) == ["allow", ["permitted"]]
	said(given.robot_request("deploy.production")) == ["allow", ["permitted"]]
}

test_a_robot_is_denied_where_a_person_is_asked if {
	said(given.but(given.robot_request("deploy.production"), [
		{"path": "/features/subject/risk_score", "value": 0.3},
		{"path": "/authn", "value": proof},
	])) == ["deny", ["risk_score_high", "robot_needs_approval"]]
}

test_a_proof_opens_and_its_lack_asks if {
	said(given.request("bo", "deploy.production")) == ["step_up", ["junior_role"]]
	said(object.union(given.request("bo", "deploy.production"), {"authn": proof})) == ["allow", ["step_up_satisfied"]]
	weak := object.union(proof, {"acr": "aal1"})
	said(object.union(given.request("bo", "deploy.production"), {"authn": weak})) == ["step_up", ["junior_role", "proof_insufficient"]]
}

test_the_junior_reads_a_sentence if {
	decide(given.request("bo", "deploy.production")).reasons == [{
		"code": "junior_role",
		"message": "bo is a junior engineer: a production deploy asks for a second factor",
	}]
}

test_only_a_step_up_has_terms if {
	decide(given.request("bo", "deploy.production")).step_up.max_age == 600
	not decide(given.request("ada", "deploy.production")).step_up
	not decide(given.request("dov", "deploy.production")).step_up
}

test_an_unlisted_action_says_so if {
	said(given.request("ada", "quantum.entangle")) == ["allow", ["not_in_catalogue", "permitted"]]
	said(given.request("bo", "quantum.entangle")) == ["step_up", ["junior_role", "not_in_catalogue"]]
	said(given.request("dov", "quantum.entangle")) == ["deny", ["not_in_catalogue", "not_permitted"]]
}

test_a_critical_action_is_synced if {
	decide(given.request("ada", "system.halt")).audit == "synced"
	decide(given.request("dov", "system.halt")).audit == "synced"
	decide(given.request("ada", "deploy.production")).audit == "journal"
}

test_nobody_is_exempt_on_a_critical_action if {
	every action, entry in data.sre.actions {
		outcomes := {outcome |
			entry.level == "critical"
			some id in object.keys(data.sre.assignments.user)
			outcome := decide(given.but(given.request(id, action), [{"path": "/context/incident", "value": "INC-7"}])).decision
		}
		not "allow" in outcomes
	}
}

test_what_no_rule_speaks_for_is_denied if {
	decision := stile.decision with input as given.request("bo", "deploy.production") with data.sre.step_up as {}
	decision.decision == "deny"
	decision.reasons[0].code == "no_rule"
}
