package stile

# Decides by the rules of a fixture, which the test adds as data: every member of a rule names a
# part of the request and what it must be. A rule that denies wins over one that permits.

decision := {"decision": outcome, "reasons": [{"code": outcome, "message": message}]}

default outcome := "deny"

outcome := "allow" if {
	some rule in data.fixture.rules
	matches(rule)
	rule.decision
	not denied
}

denied if {
	some rule in data.fixture.rules
	matches(rule)
	not rule.decision
}

message := "a rule of the fixture permits it" if outcome == "allow"

message := "no rule of the fixture permits it" if outcome == "deny"

matches(rule) if {
	every part, wanted in object.remove(rule, ["n", "decision"]) {
		object.get(input, path_of(part), null) == wanted
	}
}

path_of(part) := {"subject": ["subject", "id"], "action": ["action", "name"], "resource": ["resource", "id"]}[part]

path_of(part) := split(part, ".") if contains(part, ".")
