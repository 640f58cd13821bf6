# METADATA
# title: What the input must look like
# description: >-
#   Each part that is there has the type that the rules count on; what has not is named.
#   An input with a problem is denied, whatever else it says (unless the action is harmless).
package stile.shape

# More roles than this on one subject is a mistake, and would make the search for one long.
most_roles := 32

filled(text) if {
	is_string(text)
	text != ""
}

measured(value) if {
	is_number(value)
	value >= 0
}

texts(list) if {
	is_array(list)
	every item in list {
		is_string(item)
	}
}

# Subject, action, resource: what they must have.

problems contains "subject.type must be a filled string" if not input.subject.type

problems contains "subject.type must be a filled string" if {
	value := input.subject.type
	not filled(value)
}

problems contains "subject.id must be a filled string" if not input.subject.id

problems contains "subject.id must be a filled string" if {
	value := input.subject.id
	not filled(value)
}

problems contains "action.name must be a filled string" if not input.action.name

problems contains "action.name must be a filled string" if {
	value := input.action.name
	not filled(value)
}

problems contains "resource.type must be a filled string" if not input.resource.type

problems contains "resource.type must be a filled string" if {
	value := input.resource.type
	not filled(value)
}

problems contains "resource.id must be a filled string" if not input.resource.id

problems contains "resource.id must be a filled string" if {
	value := input.resource.id
	not filled(value)
}

# Everything else may be absent.

problems contains "subject.properties must be an object" if {
	value := input.subject.properties
	not is_object(value)
}

problems contains "action.properties must be an object" if {
	value := input.action.properties
	not is_object(value)
}

problems contains "resource.properties must be an object" if {
	value := input.resource.properties
	not is_object(value)
}

problems contains "context must be an object" if {
	value := input.context
	not is_object(value)
}

problems contains "authn must be an object" if {
	value := input.authn
	not is_object(value)
}

problems contains "features must be an object" if {
	value := input.features
	not is_object(value)
}

problems contains "freshness must be an object" if {
	value := input.freshness
	not is_object(value)
}

problems contains "subject.properties.roles must be at most 32 strings" if {
	value := input.subject.properties.roles
	not data.sre.assignments[input.subject.type][input.subject.id]
	not role_names(value)
}

role_names(list) if {
	is_array(list)
	count(list) <= most_roles
	every name in list {
		is_string(name)
	}
}

problems contains "action.properties.read_only must be a boolean" if {
	value := input.action.properties.read_only
	not is_boolean(value)
}

problems contains "resource.properties.environment must be a string" if {
	value := input.resource.properties.environment
	not is_string(value)
}

problems contains "context.environment must be a string" if {
	value := input.context.environment
	not is_string(value)
}

problems contains "context.device_id must be a string" if {
	value := input.context.device_id
	not is_string(value)
}

problems contains "context.session_id must be a string" if {
	value := input.context.session_id
	not is_string(value)
}

problems contains "context.ip must be a string" if {
	value := input.context.ip
	not is_string(value)
}

problems contains "context.country must be a string" if {
	value := input.context.country
	not is_string(value)
}

problems contains "context.user_agent must be a string" if {
	value := input.context.user_agent
	not is_string(value)
}

problems contains "context.incident must be a string" if {
	value := input.context.incident
	not is_string(value)
}

problems contains "context.change must be a string" if {
	value := input.context.change
	not is_string(value)
}

problems contains "now_ns must be a number" if {
	value := input.now_ns
	not is_number(value)
}

# Features: the service checks them by their declaration; the rules do not rely on it.

problems contains "features.subject must be an object" if {
	value := input.features.subject
	not is_object(value)
}

problems contains "features.device must be an object" if {
	value := input.features.device
	not is_object(value)
}

problems contains "features.address must be an object" if {
	value := input.features.address
	not is_object(value)
}

problems contains "features.resource must be an object" if {
	value := input.features.resource
	not is_object(value)
}

problems contains "features.global must be an object" if {
	value := input.features.global
	not is_object(value)
}

problems contains "subject.failed_logins_15m must be a number from 0" if {
	value := input.features.subject.failed_logins_15m
	not measured(value)
}

problems contains "subject.risk_score must be a number from 0" if {
	value := input.features.subject.risk_score
	not measured(value)
}

problems contains "subject.step_ups_1h must be a number from 0" if {
	value := input.features.subject.step_ups_1h
	not measured(value)
}

problems contains "subject.known_devices must be strings" if {
	value := input.features.subject.known_devices
	not texts(value)
}

problems contains "subject.known_countries must be strings" if {
	value := input.features.subject.known_countries
	not texts(value)
}

problems contains "subject.impossible_travel must be a boolean" if {
	value := input.features.subject.impossible_travel
	not is_boolean(value)
}

problems contains "device.known must be a boolean" if {
	value := input.features.device.known
	not is_boolean(value)
}

problems contains "device.managed must be a boolean" if {
	value := input.features.device.managed
	not is_boolean(value)
}

problems contains "address.failed_logins_15m must be a number from 0" if {
	value := input.features.address.failed_logins_15m
	not measured(value)
}

problems contains "resource.change_freeze must be a boolean" if {
	value := input.features.resource.change_freeze
	not is_boolean(value)
}

problems contains "global.incidents must be strings" if {
	value := input.features.global.incidents
	not texts(value)
}
