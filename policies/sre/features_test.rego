package stile.features_test

import data.stile.features
import data.stile.testing_test as given

base := given.request("ada", "deploy.production")

bent(patches) := given.but(base, patches)

everything := {
	"change freezes", "failed sign-ins", "failed sign-ins from the address", "impossible travel",
	"known countries", "known devices", "recent step-ups", "risk score",
}

of_robots := {"change freezes", "failed sign-ins", "failed sign-ins from the address", "risk score"}

test_nothing_is_missing_or_stale_where_all_is_told if {
	features.missing == set() with input as base
	features.stale == set() with input as base
}

test_without_features_everything_is_missing if {
	features.missing == everything with input as object.remove(base, ["features", "freshness"])
	features.stale == set() with input as object.remove(base, ["features", "freshness"])
	features.missing == of_robots with input as object.remove(given.robot_request("deploy.production"), ["features"])
}

test_without_freshness_everything_is_stale if {
	features.stale == everything with input as object.remove(base, ["freshness"])
	features.missing == set() with input as object.remove(base, ["freshness"])
	features.stale == of_robots with input as object.remove(given.robot_request("deploy.production"), ["freshness"])
}

test_a_freeze_is_asked_about_for_deploys_only if {
	unfrozen := given.without(given.request("ada", "firewall.change"), ["/features/resource"])
	features.missing == set() with input as unfrozen
	frozen_long_ago := given.without(given.request("ada", "firewall.change"), ["/freshness/resource"])
	features.stale == set() with input as frozen_long_ago
}

test_what_is_not_weighed_is_not_asked_about if {
	nothing := {name: false | some name, _ in data.sre.weigh}
	features.missing == set() with input as object.remove(base, ["features"]) with data.sre.weigh as nothing
	features.stale == set() with input as object.remove(base, ["freshness"]) with data.sre.weigh as nothing
}

test_travel_and_freeze_count_when_true if {
	features.impossible_travel with input as bent([{"path": "/features/subject/impossible_travel", "value": true}])
	not features.impossible_travel with input as base
	features.change_freeze with input as bent([{"path": "/features/resource/change_freeze", "value": true}])
	not features.change_freeze with input as base
	not features.travel_told with input as {}
	not features.freeze_told with input as {}
}

test_a_listed_device_is_known_while_the_list_is_fresh if {
	features.device_known with input as base
	not features.device_new with input as base
	not features.device_known with input as bent([{"path": "/freshness/subject/known_devices/state", "value": "stale"}])
	not features.device_new with input as bent([{"path": "/freshness/subject/known_devices/state", "value": "stale"}])
}

test_an_unlisted_device_is_new_unless_it_is_vouched_for if {
	new := bent([{"path": "/context/device_id", "value": "laptop-2"}])
	features.device_new with input as new
	not features.device_known with input as new
	vouched := given.but(new, [
		{"path": "/features/device", "value": {"known": true, "managed": true}},
		{"path": "/freshness/device", "value": {"known": {"state": "fresh"}, "managed": {"state": "fresh"}}},
	])
	features.device_known with input as vouched
	features.device_managed with input as vouched
	not features.device_new with input as vouched
	stale := given.but(vouched, [
		{"path": "/freshness/device/known/state", "value": "stale"},
		{"path": "/freshness/device/managed/state", "value": "stale"},
	])
	features.device_new with input as stale
	disowned := given.but(vouched, [{"path": "/features/device", "value": {"known": false, "managed": false}}])
	features.device_new with input as disowned
	not features.device_managed with input as disowned
	not features.device_managed with input as stale
}

test_a_device_that_is_vouched_for_needs_no_list if {
	vouched := given.but(base, [
		{"path": "/features/device", "value": {"known": true}},
		{"path": "/freshness/device", "value": {"known": {"state": "fresh"}}},
	])
	features.missing == set() with input as given.without(vouched, ["/features/subject/known_devices"])
	features.stale == set() with input as given.without(vouched, ["/freshness/subject/known_devices"])
}

test_an_unlisted_country_is_new if {
	not features.country_new with input as base
	features.country_new with input as bent([{"path": "/context/country", "value": "KP"}])
	features.country_new with input as given.without(base, ["/context/country"])
	not features.country_new with input as given.without(base, ["/features/subject/known_countries"])
}
