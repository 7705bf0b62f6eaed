package github

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// deliveryChanges reads a webhook's `changes`: objects with `from`, perhaps `to`, alone or one level deeper. Where `to`
// is not told the new value is the one of the changed object, or of the payload.
func (r record) deliveryChanges(event string) []audit.Change {
	if !r.Get("changes").IsObject() {
		return nil
	}
	changes := r.Object("changes")
	object, payload := sidesOf(connector.ReadMembers(r.object(event).Raw)), sidesOf(r.Members)
	var found []audit.Change
	for key, change := range changes.All() {
		field, old := strings.CutPrefix(key, "old_")
		switch {
		case old && told(changes.Get(field)): // GitHub tells it twice
		case told(change):
			found = appendChange(found, field, side(change.Get("from")), newSide(change, field, object, payload))
		case change.IsObject():
			found = r.appendInner(found, key, change, object)
		}
		if len(found) >= connector.MaxChanges {
			break
		}
	}
	return found
}

// appendInner adds the changes of a member's members.
func (r record) appendInner(found []audit.Change, key string, changes gjson.Result, object sides) []audit.Change {
	member, prefix := sidesOf(r.Object(key)), key[:min(len(key), maxName)]+"."
	changes.ForEach(func(inner, change gjson.Result) bool {
		if told(change) {
			found = appendChange(found, prefix+inner.Str, side(change.Get("from")), newSide(change, inner.Str, member, object))
		}
		return len(found) < connector.MaxChanges
	})
	return found
}

func told(change gjson.Result) bool { return change.Get("from").Exists() || change.Get("to").Exists() }

// newSide reads `to`, else the field of the first object that has it.
func newSide(change gjson.Result, field string, objects ...sides) *string {
	if to := change.Get("to"); to.Exists() {
		return side(to)
	}
	for _, object := range objects {
		if value, ok := object.side(field); ok {
			return value
		}
	}
	return nil
}

// sides are the members of an object as sides of changes. Each is read once, however many changes ask for it.
type sides struct {
	members *connector.Members
	known   map[string]*string
}

func sidesOf(members *connector.Members) sides { return sides{members, map[string]*string{}} }

func (s sides) side(field string) (text *string, ok bool) {
	if text, ok = s.known[field]; ok {
		return text, true
	}
	value := s.members.Get(field)
	if !value.Exists() {
		return nil, false
	}
	text = side(value)
	s.known[field] = text
	return text, true
}
