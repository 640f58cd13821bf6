# A request with which nothing is wrong, for the tests of this folder to bend.
package stile.testing_test

now_ns := 1784109600000000000 # 2026-07-15T10:00:00Z, a Wednesday

features := {
	"subject": {
		"failed_logins_15m": 0,
		"known_devices": ["laptop-1"],
		"known_countries": ["NL"],
		"impossible_travel": false,
		"risk_score": 0.1,
		"step_ups_1h": 0,
	},
	"address": {"failed_logins_15m": 0},
	"resource": {"change_freeze": false},
	"global": {"incidents": ["INC-7"]},
}

all_fresh(given) := {entity: states |
	some entity, values in given
	states := {name: {"age_ms": 1000, "state": "fresh"} | some name, _ in values}
}

# Asks for an action on service:payments as a person of the demo team.
request(id, action) := {
	"subject": {"type": "user", "id": id},
	"action": {"name": action},
	"resource": {"type": "service", "id": "payments"},
	"context": {"device_id": "laptop-1", "country": "NL", "ip": "192.0.2.7"},
	"features": features,
	"freshness": all_fresh(features),
	"now_ns": now_ns,
}

robot_request(action) := object.union(
	request("ci-deployer", action),
	{"subject": {"type": "service", "id": "ci-deployer"}, "context": {"change": "CHG-1"}},
)

but(base, patches) := json.patch(base, [object.union({"op": "add"}, patch) | some patch in patches])

without(base, paths) := json.remove(base, paths)

codes(reasons) := {reason.code | some reason in reasons}

test_the_request_has_each_feature_that_is_weighed if {
	count([name | some entity in features; some name, _ in entity]) == 9
}
