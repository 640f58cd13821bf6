# METADATA
# title: What is known
# description: >-
#   Reads features with their freshness. A value that is stale still counts against a
#   request, never for it; a value that is missing counts as unknown. A feature that
#   data.sre.weigh switches off is not looked at. Paths are written out: a rule that
#   only renames a path costs more than the path.
package stile.features

import data.stile.catalogue
import data.stile.roles

impossible_travel if {
	input.features.subject.impossible_travel
	data.sre.weigh.impossible_travel
}

change_freeze if {
	input.features.resource.change_freeze
	data.sre.weigh.change_freeze
}

# A device management that knows the device vouches for it.
device_vouched if {
	input.features.device.known
	input.freshness.device.known.state == "fresh"
}

device_managed if {
	input.features.device.managed
	input.freshness.device.managed.state == "fresh"
}

# The device is one that the subject is known by, surely.
device_known if device_vouched

device_known if {
	device_listed
	input.freshness.subject.known_devices.state == "fresh"
}

device_listed if input.context.device_id in input.features.subject.known_devices

# There is a list of devices, and the one at hand (or none) is not in it.
device_new if {
	input.features.subject.known_devices
	data.sre.weigh.known_devices
	not device_listed
	not device_vouched
}

country_listed if input.context.country in input.features.subject.known_countries

country_new if {
	input.features.subject.known_countries
	data.sre.weigh.known_countries
	not country_listed
}

# Told, be it true or false.
travel_told if is_boolean(input.features.subject.impossible_travel)

freeze_told if is_boolean(input.features.resource.change_freeze)

# What a plain allow of a sensitive action must know, and does not.

missing contains "failed sign-ins" if {
	not input.features.subject.failed_logins_15m
	data.sre.weigh.failed_logins_15m
}

missing contains "risk score" if {
	not input.features.subject.risk_score
	data.sre.weigh.risk_score
}

missing contains "failed sign-ins from the address" if {
	not input.features.address.failed_logins_15m
	data.sre.weigh.address_failed_logins_15m
}

missing contains "change freezes" if {
	not freeze_told
	data.sre.weigh.change_freeze
	catalogue.stopped_by_freeze
}

missing contains "known devices" if {
	not input.features.subject.known_devices
	data.sre.weigh.known_devices
	not device_vouched
	not roles.robot
}

missing contains "known countries" if {
	not input.features.subject.known_countries
	data.sre.weigh.known_countries
	not roles.robot
}

missing contains "impossible travel" if {
	not travel_told
	data.sre.weigh.impossible_travel
	not roles.robot
}

missing contains "recent step-ups" if {
	not input.features.subject.step_ups_1h
	data.sre.weigh.step_ups_1h
	not roles.robot
}

# The same, where there is a value, but of too long ago.

stale contains "failed sign-ins" if {
	not input.freshness.subject.failed_logins_15m.state == "fresh"
	input.features.subject.failed_logins_15m
	data.sre.weigh.failed_logins_15m
}

stale contains "risk score" if {
	not input.freshness.subject.risk_score.state == "fresh"
	input.features.subject.risk_score
	data.sre.weigh.risk_score
}

stale contains "failed sign-ins from the address" if {
	not input.freshness.address.failed_logins_15m.state == "fresh"
	input.features.address.failed_logins_15m
	data.sre.weigh.address_failed_logins_15m
}

stale contains "change freezes" if {
	not input.freshness.resource.change_freeze.state == "fresh"
	freeze_told
	data.sre.weigh.change_freeze
	catalogue.stopped_by_freeze
}

stale contains "known devices" if {
	not input.freshness.subject.known_devices.state == "fresh"
	input.features.subject.known_devices
	data.sre.weigh.known_devices
	not device_vouched
	not roles.robot
}

stale contains "known countries" if {
	not input.freshness.subject.known_countries.state == "fresh"
	input.features.subject.known_countries
	data.sre.weigh.known_countries
	not roles.robot
}

stale contains "impossible travel" if {
	not input.freshness.subject.impossible_travel.state == "fresh"
	travel_told
	data.sre.weigh.impossible_travel
	not roles.robot
}

stale contains "recent step-ups" if {
	not input.freshness.subject.step_ups_1h.state == "fresh"
	input.features.subject.step_ups_1h
	data.sre.weigh.step_ups_1h
	not roles.robot
}
