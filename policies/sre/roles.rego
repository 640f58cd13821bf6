# METADATA
# title: Who asks
# description: >-
#   The roles a subject holds: by assignment (data.sre.assignments) or, for a subject
#   without one, as the calling service asserts them. The highest role that may do the
#   action is in force, so only its thresholds count.
package stile.roles

import data.stile.catalogue

held := names if names := data.sre.assignments[input.subject.type][input.subject.id]

else := names if names := input.subject.properties.roles

known if {
	some name in held
	data.sre.roles[name]
}

role := data.sre.roles[name] if {
	name := max([[role.rank, name] |
		some name in held
		role := data.sre.roles[name]
		role.may[catalogue.entry.class]
	])[1]
}

limits := data.sre.caution[role.caution][catalogue.level]

robot if role.robot

robot if data.sre.robot_types[input.subject.type]

# "bo is a junior engineer"
who := $"{input.subject.id} is {role.title}"
