package connector

import (
	"iter"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// Members are the members of one JSON object of a vendor record while it is translated: those that the draft has a
// place for are taken out, and Rest is the metadata. A member of a type that was not expected is not taken, so that it
// stays in the metadata instead of being lost.
type Members struct {
	list  []member
	index map[string]int // of list, once it is longer than searched
}

// searched is how long a list of members is looked through. Nearly every object is shorter; of a longer one an index is
// made, so that the time which an object takes grows with its length and no faster.
const searched = 64

type member struct {
	name, raw string
	taken     bool
}

// ReadMembers reads an object that is known to be valid JSON. What is no object has no members; of a name that comes
// twice the last one counts.
func ReadMembers(object string) *Members { return readMembers(object, 32) }

func readMembers(object string, room int) *Members {
	parsed := gjson.Parse(object)
	m := &Members{}
	if !parsed.IsObject() {
		return m
	}
	// A short object has no room for many: the shortest member is `"":0,`.
	m.list = make([]member, 0, min(room, len(object)/len(`"":0,`)))
	parsed.ForEach(func(name, value gjson.Result) bool {
		if known := m.find(name.Str); known != nil {
			known.raw = value.Raw
		} else {
			m.add(member{name: name.Str, raw: value.Raw})
		}
		return true
	})
	return m
}

// add appends a member whose name is new.
func (m *Members) add(added member) {
	m.list = append(m.list, added)
	switch {
	case m.index != nil:
		m.index[added.name] = len(m.list) - 1
	case len(m.list) > searched:
		m.index = make(map[string]int, 2*searched)
		for i := range m.list {
			m.index[m.list[i].name] = i
		}
	}
}

func (m *Members) find(name string) *member {
	if m.index != nil {
		if i, known := m.index[name]; known {
			return &m.list[i]
		}
		return nil
	}
	for i := range m.list {
		if m.list[i].name == name {
			return &m.list[i]
		}
	}
	return nil
}

// Get looks at a member without taking it.
func (m *Members) Get(name string) gjson.Result {
	if found := m.find(name); found != nil {
		return gjson.Parse(found.raw)
	}
	return gjson.Result{}
}

// Object looks at the members of a member, none where it is no object.
func (m *Members) Object(name string) *Members {
	found := m.find(name)
	if found == nil {
		return &Members{}
	}
	return readMembers(found.raw, 8)
}

// Take takes a member whatever it is.
func (m *Members) Take(name string) {
	if found := m.find(name); found != nil {
		found.taken = true
	}
}

// Text takes a member that is a text or a number.
func (m *Members) Text(name string) audit.Text {
	found := m.find(name)
	if found == nil {
		return ""
	}
	switch value := gjson.Parse(found.raw); value.Type {
	case gjson.String:
		found.taken = true
		return audit.Text(value.Str)
	case gjson.Number:
		found.taken = true
		return audit.Text(value.Raw)
	}
	return ""
}

// Time takes a member that is a text in one of the layouts. It is the zero time where there is none.
func (m *Members) Time(name string, layouts ...string) time.Time {
	text := m.Get(name)
	if text.Type != gjson.String {
		return time.Time{}
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text.Str); err == nil {
			m.Take(name)
			return at.UTC()
		}
	}
	return time.Time{}
}

// All gives every member in the order of the record, taken or not.
func (m *Members) All() iter.Seq2[string, gjson.Result] {
	return func(yield func(string, gjson.Result) bool) {
		for _, each := range m.list {
			if !yield(each.name, gjson.Parse(each.raw)) {
				return
			}
		}
	}
}

// Put gives a member another value, which is JSON, or none.
func (m *Members) Put(name string, value audit.JSON) {
	if found := m.find(name); found != nil {
		found.raw, found.taken = string(value), len(value) == 0
	}
}

// Rest is an object of the members that were not taken and are not null, absent when there are none.
func (m *Members) Rest() audit.JSON {
	size := 2
	for _, each := range m.list {
		if each.left() {
			size += len(each.name) + len(each.raw) + 4
		}
	}
	object := append(make([]byte, 0, size), '{')
	for _, each := range m.list {
		if !each.left() {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = gjson.AppendJSONString(object, each.name)
		object = append(object, ':')
		object = append(object, each.raw...)
	}
	if len(object) == 1 {
		return nil
	}
	return append(object, '}')
}

func (m member) left() bool { return !m.taken && m.raw != "null" }
