package connector

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestObjects(t *testing.T) {
	t.Parallel()
	list, err := Objects([]byte(` [ {"a" : 1}, null, [2] ] `))
	var got []string
	for _, element := range list {
		got = append(got, string(element))
	}
	if want := []string{`{"a" : 1}`, `null`, `[2]`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q, error %v", got, want, err)
	}
	if list, err := Objects([]byte(`null`)); err != nil || list != nil {
		t.Errorf("null is %v, error %v", list, err)
	}
	for _, raw := range []string{``, `{}`, `[1`, `[1]]`, `7`} {
		if list, err := Objects([]byte(raw)); ClassOf(err) != Malformed {
			t.Errorf("%s is %v, error %v", raw, list, err)
		}
	}
}

func TestObjectsAreBounded(t *testing.T) {
	t.Parallel()
	most := `[0` + strings.Repeat(`,0`, maxObjects-1)
	if list, err := Objects([]byte(most + `]`)); err != nil || len(list) != maxObjects {
		t.Errorf("%d elements, error %v", len(list), err)
	}
	if list, err := Objects([]byte(most + `,0]`)); ClassOf(err) != Malformed || list != nil {
		t.Errorf("%d elements, error %v", len(list), err)
	}
}

// TestContentLinear: sorting the members of an object may not compare each with all others, nor move them without bound.
func TestContentLinear(t *testing.T) {
	t.Parallel()
	const n = 150_000
	wide := func(name string) string {
		object := []byte("{")
		for i := range n {
			object = fmt.Appendf(object, `"%s%d":0,`, name, n-i)
		}
		return string(append(object, `"":0}`...))
	}
	for name, raw := range map[string]string{
		"members": wide("k"),
		"escaped": wide(`k\n`),
		"same":    `{` + strings.Repeat(`"k":0,`, n) + `"":0}`,
		"deep":    strings.Repeat(`{"b":0,"a":`, maxDepth-1) + wide("k") + strings.Repeat("}", maxDepth-1),
		"texts":   `["` + strings.Repeat(`\u00e9","é","`, n) + `"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			soon(t, func() {
				if _, err := Content([]byte(raw)); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
