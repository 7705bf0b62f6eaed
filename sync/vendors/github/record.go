package github

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// record is one of GitHub's JSON objects. Nothing in it is taken for granted: any member may be absent, null, or of
// another type than documented.
type record struct{ *connector.Members }

// readRecord reads valid JSON; ok is false when it is no object.
func readRecord(raw []byte) (r record, ok bool) {
	object := bytes.TrimLeft(raw, " \t\r\n")
	return record{connector.ReadMembers(string(object))}, bytes.HasPrefix(object, []byte("{"))
}

// at reads a member, or with a dot a member of a member.
func (r record) at(path string) gjson.Result {
	name, rest, nested := strings.Cut(path, ".")
	if nested {
		return r.Get(name).Get(rest)
	}
	return r.Get(name)
}

// peek reads the first of the places that has a text, and leaves it for the metadata.
func (r record) peek(paths ...string) audit.Text {
	for _, path := range paths {
		if value := text(r.at(path)); value != "" {
			return value
		}
	}
	return ""
}

// take is peek for what is mapped exactly: the member, and others of the names that say the same, are taken.
func (r record) take(names ...string) audit.Text {
	value := r.peek(names...)
	for _, name := range names {
		if value != "" && text(r.Get(name)) == value {
			r.Take(name)
		}
	}
	return value
}

// takeTime reads the first of the members that is a time.
func (r record) takeTime(names ...string) time.Time {
	var found time.Time
	for _, name := range names {
		t := moment(r.Get(name))
		if found.IsZero() {
			found = t
		}
		if !t.IsZero() && t.Equal(found) {
			r.Take(name)
		}
	}
	return found
}

// text reads a scalar. Numbers keep their digits, whatever their size.
func text(value gjson.Result) audit.Text {
	switch value.Type {
	case gjson.String:
		return audit.Text(value.Str)
	case gjson.Number, gjson.True, gjson.False:
		return audit.Text(value.Raw)
	case gjson.Null, gjson.JSON:
		return ""
	}
	return ""
}

// texts reads a scalar as a list of one, and the scalars of an array. Holes stay, so that two lists keep in step.
func texts(value gjson.Result) []audit.Text {
	if !value.IsArray() {
		if one := text(value); one != "" {
			return []audit.Text{one}
		}
		return nil
	}
	var list []audit.Text
	value.ForEach(func(_, element gjson.Result) bool {
		list = append(list, text(element))
		return true
	})
	return list
}

// Bounds that tell epoch seconds, milliseconds and nonsense apart: seconds reach this value in the year 5138,
// milliseconds did so in 1973.
const (
	secondsBelow = 1e11
	millisBelow  = 1e14
)

var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	time.DateOnly,
}

// moment reads a time: epoch milliseconds as documented, and what else is seen in its place (seconds, fractions,
// digits or dates in a string). A time without a zone is UTC. Zero when it is none.
func moment(value gjson.Result) time.Time {
	switch value.Type {
	case gjson.Number:
		return epoch(value.Raw)
	case gjson.String:
		if t := epoch(value.Str); !t.IsZero() {
			return t
		}
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, value.Str); err == nil && t.Year() > 0 {
				return t.UTC()
			}
		}
	case gjson.Null, gjson.False, gjson.True, gjson.JSON:
	}
	return time.Time{}
}

func epoch(digits string) time.Time {
	value, err := strconv.ParseFloat(digits, 64)
	switch {
	case err != nil || math.IsNaN(value) || value <= 0 || value >= millisBelow:
		return time.Time{}
	case value < secondsBelow:
		return time.UnixMicro(int64(math.Round(value * 1e6))).UTC()
	}
	return time.UnixMicro(int64(math.Round(value * 1e3))).UTC()
}
