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
		found = appendChange(found, field, before, after)
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
func appendChange(changes []audit.Change, field string, before, after gjson.Result) []audit.Change {
	from, to := side(before), side(after)
	if from == nil && to == nil || from != nil && to != nil && *from == *to {
		return changes
	}
	return append(changes, audit.Change{Field: field, Before: from, After: to})
}

// labels are what stands for an object in a change.
var labels = []string{"login", "full_name", "name", "title", "slug"}

// maxUnwrap is how many objects with a single member may lie around one with a label: {"user":{"login":…}}.
const maxUnwrap = 2

// side is one side of a change as text: a scalar itself, an object by its label if it has one, else the JSON.
func side(value gjson.Result) *string {
	for range maxUnwrap {
		for _, label := range labels {
			if name := text(value.Get(label)); name != "" {
				return new(string(name))
			}
		}
		if only := value.Map(); len(only) == 1 {
			for _, member := range only {
				value = member
			}
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

// deliveryChanges reads a webhook's `changes`: objects with `from`, perhaps `to`, alone or one level deeper. Where `to`
// is not told the new value is the one of the changed object, or of the payload.
func deliveryChanges(changes, object, payload gjson.Result) []audit.Change {
	var found []audit.Change
	changes.ForEach(func(key, change gjson.Result) bool {
		field, old := strings.CutPrefix(key.Str, "old_")
		if old && told(changes.Get(gjson.Escape(field))) {
			return true // GitHub tells it twice
		}
		if told(change) {
			found = appendChange(found, field, change.Get("from"), newValue(change, field, object, payload))
			return true
		}
		change.ForEach(func(inner, change gjson.Result) bool {
			if told(change) {
				after := newValue(change, inner.Str, payload.Get(gjson.Escape(key.Str)), object)
				found = appendChange(found, key.Str+"."+inner.Str, change.Get("from"), after)
			}
			return true
		})
		return true
	})
	return found
}

func told(change gjson.Result) bool { return change.Get("from").Exists() || change.Get("to").Exists() }

// newValue reads `to`, else the field of the first object that has it.
func newValue(change gjson.Result, field string, objects ...gjson.Result) gjson.Result {
	if to := change.Get("to"); to.Exists() {
		return to
	}
	for _, object := range objects {
		if value := object.Get(gjson.Escape(field)); value.Exists() {
			return value
		}
	}
	return gjson.Result{}
}
