package github

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// deliveryChanges reads a webhook's `changes`: objects with `from`, perhaps `to`, alone or one level deeper. Where `to`
// is not told the new value is the one of the changed object, or of the payload. An issue or a discussion that moves
// tells the other repository, which is the old one where it arrives and the new one where it leaves.
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
		case key == "old_repository" && !told(change):
			found = appendMove(found, change, r.Get("repository"))
		case key == "new_repository" && !told(change):
			found = appendMove(found, r.Get("repository"), change)
		case old && told(changes.Get(field)): // GitHub tells it twice
		case told(change):
			found = appendTold(found, field, change, field, object, payload)
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
			found = appendTold(found, prefix+inner.Str, change, inner.Str, member, object)
		}
		return len(found) < connector.MaxChanges
	})
	return found
}

func told(change gjson.Result) bool { return change.Get("from").Exists() || change.Get("to").Exists() }

// appendMove adds the change of the repository that something belongs to.
func appendMove(found []audit.Change, from, to gjson.Result) []audit.Change {
	return appendChange(found, "repository", side(from), side(to))
}

// appendTold adds a change that GitHub tells. Without `to` the new value is the field of the first object that has it.
// Such a change counts even where the object bears the same value: it is GitHub that says it changed.
func appendTold(found []audit.Change, name string, change gjson.Result, field string, objects ...sides) []audit.Change {
	before, to := side(change.Get("from")), change.Get("to")
	if to.Exists() {
		return appendChange(found, name, before, side(to))
	}
	after := firstSide(field, objects)
	if before == nil && after == nil {
		return found
	}
	return append(found, audit.Change{Field: name, Before: before, After: after})
}

func firstSide(field string, objects []sides) *string {
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
