package stile.step_up_test

import data.stile.step_up
import data.stile.testing_test as given

proof := {"acr": "aal2", "amr": ["otp"], "age_s": 60, "bind": "action", "once": true}

with_proof(action, change) := object.union(given.request("ada", action), {"authn": object.union(proof, change)})

enough(action, change) if step_up.satisfied with input as with_proof(action, change)

codes(action, change) := given.codes(shortfall) if {
	shortfall := step_up.shortfall with input as with_proof(action, change)
}

test_what_is_asked_can_be_met_with_totp if {
	every terms in data.sre.step_up {
		terms.ask.methods[0] == "totp"
		terms.accept.acr.aal2
		terms.accept.amr.otp
		terms.accept.acr[terms.ask.acr]
		terms.accept.bind[terms.ask.bind]
		every word in terms.ask.amr {
			terms.accept.amr[word]
		}
	}
}

test_doing_what_is_asked_is_enough if {
	every action in ["log.read", "deploy.production", "system.halt"] {
		asked := step_up.asked with input as given.request("ada", action)
		enough(action, {"acr": asked.acr, "age_s": asked.max_age, "bind": asked.bind, "once": asked.once})
	}
}

test_what_is_asked_has_every_part if {
	asked := step_up.asked with input as given.request("ada", "system.halt")
	asked == {
		"acr": "aal2", "amr": ["otp", "hwk"], "methods": ["totp", "passkey"],
		"bind": "action", "once": true, "max_age": 300,
	}
}

test_a_passkey_is_as_good_as_a_code if {
	enough("system.halt", {"acr": "phr", "amr": ["hwk", "user"]})
}

test_the_class_and_the_method_must_be_strong_enough if {
	not enough("deploy.production", {"acr": "aal1"})
	not enough("deploy.production", {"acr": null})
	not enough("deploy.production", {"amr": ["pwd"]})
	not enough("deploy.production", {"amr": []})
	not enough("deploy.production", {"amr": "otp"})
	not enough("deploy.production", {"amr": {"0": "otp"}})
}

test_the_age_must_be_a_number_from_zero_to_the_roles_limit if {
	every age in [0, 0.5, 3600] {
		enough("deploy.production", {"age_s": age})
	}
	every age in [-1, 3600.1, 3601, 1e400, "60", null, true, [60]] {
		not enough("deploy.production", {"age_s": age})
	}
}

test_a_sensitive_action_takes_any_bond_a_critical_one_the_action_and_once if {
	every bind in ["action", "resource", "session"] {
		enough("deploy.production", {"bind": bind, "once": false})
	}
	enough("system.halt", {})
	not enough("deploy.production", {"bind": "subject"})
	not enough("system.halt", {"bind": "resource"})
	not enough("system.halt", {"bind": "session"})
	not enough("system.halt", {"once": false})
	not enough("system.halt", {"once": "true"})
}

test_no_proof_is_not_enough_and_has_no_shortfall if {
	not step_up.satisfied with input as given.request("ada", "deploy.production")
	step_up.shortfall == set() with input as given.request("ada", "deploy.production")
}

test_a_proof_that_does_not_do_says_why if {
	codes("deploy.production", {"age_s": 3601}) == {"proof_too_old"}
	codes("system.halt", {"age_s": 301}) == {"proof_too_old"}
	codes("system.halt", {"bind": "session"}) == {"proof_insufficient"}
	codes("deploy.production", {"age_s": -1}) == {"proof_insufficient"}
	codes("deploy.production", {"age_s": "9999"}) == {"proof_insufficient"}
	codes("deploy.production", {}) == set()
}
