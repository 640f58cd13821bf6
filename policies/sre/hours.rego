# METADATA
# title: Office hours
# description: >-
#   The windows of data.sre.hours, by the role in force: days and whole hours in UTC, from
#   the first to before the last. Without a time nobody is inside.
package stile.hours

import data.stile.roles

inside if data.sre.hours[roles.role.hours].always

# Guarded, for a number with a huge exponent would make the division long.
# 1970-01-01 was a Thursday, and so the list of weekdays in data begins with one.
inside if {
	input.now_ns < 9223372036854775807
	hours := floor(input.now_ns / 3600000000000)
	weekday := data.sre.weekdays[floor(hours / 24) % 7]
	window := data.sre.hours[roles.role.hours]
	window.days[weekday]
	hour := hours % 24
	hour >= window.from
	hour < window.to
}
