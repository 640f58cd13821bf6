# METADATA
# title: A declared incident
# description: >-
#   An incident counts when the caller names it and it stands in the fresh list of those
#   that are open. It helps the one who commands incidents, and nobody else.
package stile.incident

import data.stile.roles

declared if {
	input.context.incident in input.features.global.incidents
	input.freshness.global.incidents.state == "fresh"
}

commanded if {
	roles.role.commands_incidents
	declared
}

claimed_in_vain if {
	roles.role.commands_incidents
	input.context.incident
	not declared
}
