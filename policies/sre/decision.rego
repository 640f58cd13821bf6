# METADATA
# title: The decision
# description: >-
#   One rule, first match wins, from what is harmless to what must be proven. No input
#   leaves it undefined and none makes two of its branches hold.
package stile

import data.stile.catalogue
import data.stile.incident
import data.stile.risk
import data.stile.roles
import data.stile.shape
import data.stile.step_up

default decision := {
	"decision": "deny",
	"reasons": [{"code": "no_rule", "message": "No rule of the policy speaks for this"}],
	"obligations": [],
	"audit": "journal",
}

decision := answer("allow", {reason("harmless", $"{catalogue.entry.title} is open to everybody")}, []) if {
	catalogue.level == "harmless"
}

else := {
	"decision": "deny",
	"reasons": [{"code": "malformed_input", "message": problem} | some problem in sort(shape.problems)],
	"obligations": [],
	"audit": audit,
} if {
	count(shape.problems) > 0
}

else := answer("deny", {reason("no_role", $"{input.subject.id} holds no role here")}, []) if {
	# the cheaper of the two first: who has a role in force needs no further search
	not roles.role
	not roles.known
}

else := answer("deny", {reason("not_permitted", $"No role of {input.subject.id} covers this: {catalogue.entry.title}")}, []) if {
	not roles.role
}

else := answer("deny", risk.refusals, []) if {
	count(risk.refusals) > 0
}

else := answer(
	"allow",
	{reason("incident_declared", $"{roles.who} on a declared incident: nothing is asked, everything is recorded")},
	[{"id": "record_incident", "incident": input.context.incident}],
) if {
	catalogue.level != "critical"
	incident.commanded
}

else := answer("allow", {reason("permitted", $"{roles.who}, and nothing speaks against {catalogue.entry.title}")}, []) if {
	count(risk.triggers) == 0
}

else := answer("deny", risk.triggers | robot_stopped, []) if {
	roles.robot
}

else := answer("allow", {reason("step_up_satisfied", $"{roles.who}, and has proven it")}, []) if {
	step_up.satisfied
}

else := {
	"decision": "step_up",
	"reasons": sort(((risk.triggers | step_up.shortfall) | notes)),
	"step_up": step_up.asked,
	"obligations": [],
	"audit": audit,
} if {
	step_up.asked
}

robot_stopped := {reason("robot_needs_approval", "A person would be asked for a second factor here; a robot cannot answer")}

# What is worth knowing whatever the outcome.

notes contains reason("not_in_catalogue", $"{input.action.name} is not in the catalogue of actions, so it is weighed as {catalogue.level}") if {
	not catalogue.listed
}

notes contains reason("incident_not_declared", "The incident that the request names is not known to be open") if {
	incident.claimed_in_vain
}

answer(outcome, reasons, obligations) := {
	"decision": outcome,
	"reasons": sort(reasons | notes),
	"obligations": obligations,
	"audit": audit,
}

# What is critical is on disk before the answer leaves.
default audit := "journal"

audit := "synced" if catalogue.level == "critical"

reason(code, message) := {"code": code, "message": message}
