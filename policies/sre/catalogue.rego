# METADATA
# title: What is asked for
# description: >-
#   Finds the action in the catalogue (data.sre.actions, by name) and tells its level
#   of sensitivity in the environment it is asked for.
package stile.catalogue

listed := data.sre.actions[input.action.name]

entry := action if action := listed

else := {"class": "observe", "level": "low", "title": input.action.name} if {
	is_string(input.action.name)
	input.action.properties.read_only == true
}

else := {"class": "other", "level": "sensitive", "title": input.action.name} if {
	is_string(input.action.name)
}

# A sensitive action weighs less where nothing is at stake. A critical one never does.
level := "low" if {
	entry.level == "sensitive"
	listed
	not listed.everywhere
	data.sre.environments[environment].eased
}

else := entry.level

# What names no environment is production.
environment := name if name := input.resource.properties.environment

else := name if name := input.context.environment

else := "production"

is_deploy if listed.class == "deploy"

stopped_by_freeze if listed.held_by_freeze
