package connectortest

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
)

// hostileBodies are bodies that no vendor sends, and genuine ones that were cut or had a value changed for one of
// another type, at every place.
func hostileBodies(batches []Batch) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, body := range strangeBodies() {
			if !yield([]byte(body)) {
				return
			}
		}
		for _, batch := range batches {
			for n := 0; n < len(batch.Body); n += 1 + len(batch.Body)/64 {
				if !yield(batch.Body[:n]) {
					return
				}
			}
			var value any
			if json.Unmarshal(batch.Body, &value) == nil && !mutate(value, func() bool { return yieldJSON(value, yield) }) {
				return
			}
		}
	}
}

func strangeBodies() []string {
	return []string{
		"", " ", "\x00", "null", "true", "0", `""`, "[]", "{}", "[null]", "[[]]", "[{}]", "{", "[", `{"a"`, "\xef\xbb\xbf{}",
		"\xff\xfe{\x00}\x00", `{"a":"\ud800"}`, `{"a":"\u0000"}`, "{\"a\":\"\xc0\x80\"}", `{"a":1e400}`, `{"a":NaN}`,
		`{} {}`, `{}junk`, `{"":""}`, `{"__proto__":{}}`, "<html><body>Sign in</body></html>", "payload=%7B%7D",
		`{"a":` + strings.Repeat("9", 100_000) + "}",
		strings.Repeat("[", 100_000),
		strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000),
		`{"` + strings.Repeat("k", 1<<20) + `":1}`,
	}
}

// mutate visits every member and element of a value, puts values of other types there one after the other, calls
// visit for each, and puts the first one back. It is false when visit was once.
func mutate(value any, visit func() bool) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if !mutateAt(value[name], func(v any) { value[name] = v }, visit) {
				return false
			}
		}
	case []any:
		for i := range value {
			if !mutateAt(value[i], func(v any) { value[i] = v }, visit) {
				return false
			}
		}
	}
	return true
}

func mutateAt(value any, set func(any), visit func() bool) bool {
	defer set(value)
	for _, strange := range []any{
		nil, -1.5, 1e300, "", "\x00\u202e", true, []any{}, []any{nil, map[string]any{}}, map[string]any{"": nil},
	} {
		if set(strange); !visit() {
			return false
		}
	}
	set(value)
	return mutate(value, visit)
}

func yieldJSON(value any, yield func([]byte) bool) bool {
	body, err := json.Marshal(value)
	return err != nil || yield(body)
}
