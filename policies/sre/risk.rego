# METADATA
# title: What speaks against a request
# description: >-
#   refusals end it; triggers ask for a second factor. Both are sets of reasons. Thresholds are those of the role in force at the action's level.
package stile.risk

import data.stile.catalogue
import data.stile.features
import data.stile.hours
import data.stile.incident
import data.stile.roles
import data.stile.step_up

# --- Refusals

refusals contains reason("change_required", "A robot deploys with an approved change only: name it in context.change") if {
	roles.robot
	catalogue.is_deploy
	not named_change
}

named_change if input.context.change != ""

refusals contains reason("change_freeze", "The resource is under a change freeze: only a rollback goes through, or an incident commander on a declared incident") if {
	features.change_freeze
	catalogue.stopped_by_freeze
	not incident.commanded
}

refusals contains reason("risk_too_high", "The risk score is so high that no proof would do") if {
	input.features.subject.risk_score >= data.sre.refuse.risk_score
	data.sre.weigh.risk_score
}

refusals contains reason("impossible_travel_new_device", "The last two places are too far apart for the time between, and the device is not known: too much for a critical action") if {
	features.impossible_travel
	catalogue.level == "critical"
	not features.device_known
}

# --- Triggers

triggers := {reason("critical_action", $"{catalogue.entry.title} is critical: everybody proves who they are, each time")} if {
	catalogue.level == "critical"
}

else := signs | doubts if catalogue.level == "sensitive"

else := signs

# Signs of trouble weigh on low and on sensitive actions.

signs contains reason("failed_logins", "There were several failed sign-ins in the last 15 minutes") if {
	input.features.subject.failed_logins_15m >= roles.limits.failed_logins
	data.sre.weigh.failed_logins_15m
}

signs contains reason("address_failed_logins", "The address had many failed sign-ins in the last 15 minutes") if {
	input.features.address.failed_logins_15m >= roles.limits.address_failed_logins
	data.sre.weigh.address_failed_logins_15m
}

signs contains reason("risk_score_high", "The risk score is higher than the role may have") if {
	input.features.subject.risk_score >= roles.limits.risk_score
	data.sre.weigh.risk_score
}

signs contains reason("impossible_travel", "The last two places are too far apart for the time between") if {
	features.impossible_travel
	not roles.robot
}

signs contains reason("many_step_ups", "There were unusually many step-ups in the last hour") if {
	input.features.subject.step_ups_1h >= roles.limits.step_ups
	data.sre.weigh.step_ups_1h
	not roles.robot
}

signs contains reason("place_unknown", "Neither the device nor the country was seen before") if {
	catalogue.level == "low"
	features.device_new
	features.country_new
	not roles.robot
}

# Doubts weigh on sensitive actions only. Robots have no device, no country, no working hours.

doubts contains reason("feature_missing", $"Not known: {concat(", ", sort(features.missing))}") if count(features.missing) > 0

doubts contains reason("feature_stale", $"Not known lately: {concat(", ", sort(features.stale))}") if count(features.stale) > 0

doubts contains reason("junior_role", $"{roles.who}: {catalogue.entry.title} asks for a second factor") if roles.role.always_asked

doubts contains reason("device_missing", "The request names no device") if {
	not input.context.device_id
	not roles.robot
}

doubts contains reason("device_missing", "The request names no device") if {
	input.context.device_id == ""
	not roles.robot
}

doubts contains reason("device_unknown", $"{input.subject.id} has not used this device before") if {
	features.device_new
	input.context.device_id != ""
	not roles.robot
}

doubts contains reason("country_missing", "The request names no country") if {
	not input.context.country
	not roles.robot
}

doubts contains reason("country_missing", "The request names no country") if {
	input.context.country == ""
	not roles.robot
}

doubts contains reason("country_new", $"{input.subject.id} has not worked from this country before") if {
	features.country_new
	input.context.country != ""
	not roles.robot
}

doubts contains reason("off_hours", $"It is outside the working hours of {roles.role.title}") if {
	not hours.inside
	not features.device_managed
	not roles.robot
}

doubts contains step_up.too_old_reason if {
	step_up.too_old
	not roles.robot
}

reason(code, message) := {"code": code, "message": message}
