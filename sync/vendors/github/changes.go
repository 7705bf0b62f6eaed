package github

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// changes pairs the members that tell a former value (old_x, previous_x, x_was) with those that tell the new one (x or
// new_x), in the record and in its `data`. The members stay in the metadata: GitHub's names say more than ours.
func (r record) changes() []audit.Change {
	return append(changesAmong(r.Members), changesAmong(r.Object("data"))...)
}

func changesAmong(members *connector.Members) []audit.Change {
	var found []audit.Change
	for name, before := range members.All() {
		field, former := formerly(name)
		if !former {
			continue
		}
		after := members.Get("new_" + field)
		if !after.Exists() {
			after = members.Get(field)
		}
		found = appendChange(found, field, side(before), side(after))
		if len(found) == connector.MaxChanges {
			break
		}
	}
	return found
}

// formerly finds the field whose former value a member tells.
func formerly(name string) (field string, ok bool) {
	for _, prefix := range []string{"old_", "previous_"} {
		if field, ok = strings.CutPrefix(name, prefix); ok {
			return field, field != ""
		}
	}
	field, ok = strings.CutSuffix(name, "_was")
	return field, ok && field != ""
}

// appendChange adds a change unless nothing is told, or both sides say the same.
func appendChange(changes []audit.Change, field string, before, after *string) []audit.Change {
	if before == nil && after == nil || before != nil && after != nil && *before == *after {
		return changes
	}
	return append(changes, audit.Change{Field: field, Before: before, After: after})
}

// labels are what stands for an object in a change.
var labels = []string{"login", "full_name", "name", "title", "slug"}

// maxUnwrap is how many objects with a single member may lie around one with a label: {"user":{"login":…}}.
const maxUnwrap = 2

// side is one side of a change as text: a scalar itself, an object by its label if it has one, else the JSON. Nil where
// nothing is told. A truth value says nothing without its name: {"push":false}.
func side(value gjson.Result) *string {
	for range maxUnwrap {
		if !value.IsObject() {
			break
		}
		for _, label := range labels {
			if name := text(value.Get(label)); name != "" {
				return new(string(name))
			}
		}
		if only, ok := onlyMember(value); ok && !only.IsBool() {
			value = only
		}
	}
	if !value.Exists() || value.Type == gjson.Null {
		return nil
	}
	if value.Type == gjson.JSON {
		return new(string(appendValue(nil, value, nothing, 0)))
	}
	return new(string(text(value)))
}

// onlyMember is the member of an object that has one.
func onlyMember(object gjson.Result) (only gjson.Result, ok bool) {
	count := 0
	object.ForEach(func(_, member gjson.Result) bool {
		only = member
		count++
		return count == 1
	})
	return only, count == 1
}
