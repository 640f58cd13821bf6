package stile

# The Todo application of the AuthZEN interop events. The test adds its people as data: `users`,
# by the id of the subject, each with an address and roles.

decision := {"decision": outcome, "reasons": [{"code": outcome, "message": message}]}

default outcome := "deny"

outcome := "allow" if permitted

message := sprintf("%s is permitted", [input.action.name]) if permitted

message := sprintf("%s is not permitted", [input.action.name]) if not permitted

user := data.users[input.subject.id]

permitted if input.action.name in {"can_read_user", "can_read_todos"}

permitted if {
	input.action.name == "can_create_todo"
	some role in {"admin", "editor"}
	role in user.roles
}

permitted if {
	input.action.name == "can_update_todo"
	"evil_genius" in user.roles
}

permitted if {
	input.action.name == "can_delete_todo"
	"admin" in user.roles
}

permitted if {
	input.action.name in {"can_update_todo", "can_delete_todo"}
	"editor" in user.roles
	input.resource.properties.ownerID == user.id
}
