# METADATA
# title: What proof is asked for, and whether the proof at hand is enough
# description: >-
#   input.authn is the grant that came with the request, verified by the service. It is
#   enough when its class and method are as strong, its age is no more than the role's,
#   and its bond is as close as the level of the action wants.
package stile.step_up

import data.stile.catalogue
import data.stile.roles

terms := data.sre.step_up[catalogue.level]

asked := object.union(terms.ask, {"max_age": roles.limits.max_age_s})

satisfied if {
	strong
	recent
	bound
}

strong if {
	terms.accept.acr[input.authn.acr]
	is_array(input.authn.amr)
	some method in input.authn.amr
	terms.accept.amr[method]
}

recent if {
	is_number(input.authn.age_s)
	input.authn.age_s >= 0
	input.authn.age_s <= roles.limits.max_age_s
}

bound if {
	terms.accept.bind[input.authn.bind]
	not terms.ask.once
}

bound if {
	terms.accept.bind[input.authn.bind]
	input.authn.once == true
}

too_old if {
	is_number(input.authn.age_s)
	input.authn.age_s > roles.limits.max_age_s
}

too_old_reason := {"code": "proof_too_old", "message": "The last proof is older than the role may rely on"}

# Why a proof that came does not do.

shortfall contains too_old_reason if too_old

shortfall contains {"code": "proof_insufficient", "message": "The proof at hand is too weak for this, or bound too loosely"} if {
	input.authn
	not too_old
	not satisfied
}
