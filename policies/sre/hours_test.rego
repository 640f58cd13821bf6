package stile.hours_test

import data.stile.hours
import data.stile.testing_test as given

inside_at(id, now) if {
	hours.inside with input as object.union(given.request(id, "deploy.production"), {"now_ns": now})
}

hour := 3600000000000

wednesday_midnight := given.now_ns - (10 * hour)

test_office_hours_are_from_seven_to_before_eighteen if {
	not inside_at("bo", (wednesday_midnight + (7 * hour)) - 1)
	inside_at("bo", wednesday_midnight + (7 * hour))
	inside_at("bo", (wednesday_midnight + (18 * hour)) - 1)
	not inside_at("bo", wednesday_midnight + (18 * hour))
}

test_seniors_have_longer_hours if {
	inside_at("ada", wednesday_midnight + (21 * hour))
	not inside_at("ada", wednesday_midnight + (23 * hour))
}

test_each_weekday_is_found if {
	every day in [-2, -1, 0, 1, 2] {
		inside_at("bo", given.now_ns + ((day * 24) * hour))
	}
	not inside_at("bo", given.now_ns + ((3 * 24) * hour))
	not inside_at("bo", given.now_ns + ((4 * 24) * hour))
}

test_a_commander_has_no_hours if {
	inside_at("cleo", wednesday_midnight)
	hours.inside with input as {"subject": {"type": "user", "id": "cleo"}, "action": {"name": "deploy.production"}}
}

test_without_a_usable_time_nobody_is_inside if {
	not hours.inside with input as {"subject": {"type": "user", "id": "bo"}, "action": {"name": "deploy.production"}}
	every now in [-1, 1e400, "10", null] {
		not inside_at("bo", now)
	}
}
