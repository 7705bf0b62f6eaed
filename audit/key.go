package audit

import "strings"

// ActorKey is what facets group actors by: the lower-case e-mail, else `<connector>:<vendorId>`, else
// `<connector>:name:<name>`; empty when nothing names the actor.
func ActorKey(connector string, vendorID, name, email Text) string {
	switch {
	case email != "":
		return strings.ToLower(string(email))
	case vendorID != "":
		return connector + ":" + string(vendorID)
	case name != "":
		return connector + ":name:" + string(name)
	}
	return ""
}

// NewActor makes an actor with its key. A connector that knows nothing of the actor gets nil, not an empty one.
func NewActor(connector string, kind ActorType, vendorID, name, email Text) *Actor {
	key := ActorKey(connector, vendorID, name, email)
	if key == "" {
		return nil
	}
	return &Actor{Key: key, Type: kind, VendorID: vendorID, Name: name, Email: email}
}

// NewTarget makes a target with its key `<connector>:<type>:<vendorId>`, with the name where there is no id.
func NewTarget(connector, kind string, vendorID, name Text) Target {
	id := vendorID
	if id == "" {
		id = name
	}
	return Target{Key: connector + ":" + kind + ":" + string(id), Type: kind, VendorID: vendorID, Name: name}
}
