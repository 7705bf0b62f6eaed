package engine

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"annals/audit"
	"annals/sync/connector"
)

func TestFitText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxText)
	tests := []struct{ what, text, want string }{
		{"nothing", "", ""},
		{"a plain text", "jane", "jane"},
		{"NUL", "ad\x00min", "ad\uFFFDmin"},
		{"only NUL", "\x00", "\uFFFD"},
		{"a byte that is no text", "a\xffb", "a\uFFFDb"},
		{"an overlong NUL", "a\xc0\x80b", "a\uFFFDb"},
		{"a surrogate as bytes", "a\xed\xa0\x80b", "a\uFFFDb"},
		{"what turns the reading direction stays", "\u202Enimda", "\u202Enimda"},
		{"both ways to write one letter stay apart", "e\u0301 \u00e9", "e\u0301 \u00e9"},
		{"escape sequences stay", "\x1b]8;;https://example.com\x07", "\x1b]8;;https://example.com\x07"},
		{"exactly as long as may be", long, long},
		{"one byte too long", long + "b", long},
		{"a character across the end", long[:maxText-1] + "é", long[:maxText-1]},
		{"an emoji across the end", long[:maxText-2] + "👩‍🚀", long[:maxText-2]},
		{"nothing but rests of characters", strings.Repeat("\x80", 2*maxText), "\uFFFD"},
		{"NUL all over", strings.Repeat("\x00", 2*maxText), strings.Repeat("\uFFFD", maxText/3)},
	}
	for _, test := range tests {
		if got := fitText(test.text, maxText); got != test.want {
			t.Errorf("%s: %.40q of %d bytes, want %.40q of %d", test.what, got, len(got), test.want, len(test.want))
		}
	}
}

func FuzzFitText(f *testing.F) {
	for _, seed := range []string{"", "jane", "\x00", "\xff\xfe", "\xed\xa0\x80", strings.Repeat("é", maxText), strings.Repeat("\xf0\x9f", maxText)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := fitText(text, maxText)
		if !utf8.ValidString(got) || strings.IndexByte(got, 0) >= 0 || len(got) > maxText {
			t.Fatalf("%q of %d bytes cannot be stored", got, len(got))
		}
		if again := fitText(got, maxText); again != got {
			t.Fatalf("%q became %q", got, again)
		}
		if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 && !strings.HasPrefix(text, got) {
			t.Fatalf("%q became %q, want it untouched or cut", text, got)
		}
		if text != "" && got == "" {
			t.Fatalf("%q vanished", text)
		}
	})
}

// TestEveryTextIsMadeFit walks over a draft by reflection, so that a field which is added is not forgotten.
func TestEveryTextIsMadeFit(t *testing.T) {
	t.Parallel()
	draft := &audit.Draft{}
	fill(reflect.ValueOf(draft).Elem())
	fitTexts(draft)
	// Not shown, or made fit in another way.
	draft.Raw, draft.Key, draft.Metadata, draft.Action, draft.Category, draft.Outcome = nil, "", nil, "", "", ""
	draft.Actor.Type, draft.OnBehalfOf.Type, draft.Origin.Location.Source = "", "", ""
	check(t, "draft", reflect.ValueOf(draft).Elem())
}

const unfit = "a\x00b\xff"

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(unfit)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field)
			}
		}
	}
}

func check(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		if text := v.String(); !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			t.Errorf("%s is still %q", path, text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			check(t, path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			check(t, path+"[]", v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				check(t, path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
}

func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	draft := audit.Draft{Targets: make([]audit.Target, 3*connector.MaxTargets), Changes: make([]audit.Change, 3*connector.MaxChanges)}
	fitTexts(&draft)
	if len(draft.Targets) != connector.MaxTargets || len(draft.Changes) != connector.MaxChanges {
		t.Errorf("%d targets and %d changes", len(draft.Targets), len(draft.Changes))
	}
}

// TestAllTextsTogetherAreBounded: however large a draft is, nothing is lost of it but the rest of its longest texts, and
// after them the end of its lists.
func TestAllTextsTogetherAreBounded(t *testing.T) {
	t.Parallel()
	text := func(n int) string { return strings.Repeat("é", n/2) }
	lists := func(targets, changes, length int) audit.Draft {
		draft := audit.Draft{Type: "test.done", Description: "Jane did it.", Actor: &audit.Actor{Key: "jane@example.com"}}
		for range targets {
			draft.Targets = append(draft.Targets, audit.Target{Key: text(length), Type: "repo", VendorID: "17", Name: audit.Text(text(length))})
		}
		for range changes {
			draft.Changes = append(draft.Changes, audit.Change{Field: "role", Before: new(text(length)), After: new("admin")})
		}
		return draft
	}
	tests := map[string]struct {
		draft            audit.Draft
		targets, changes int // that are left
		longest          int
	}{
		"all fits":                       {lists(10, 10, maxText), 10, 10, maxText},
		"a few long texts":               {lists(20, 20, maxText), 20, 20, maxText / 2},
		"many long texts":                {lists(100, 300, maxText), 100, 300, 512},
		"many short texts are not cut":   {lists(1000, 1000, 60), 1000, 1000, 60},
		"too many for any length":        {lists(1000, 1000, maxText), 335, 334, shortText},
		"too many of what is not cut":    {lists(1000, 1000, 200), 426, 426, 200},
		"too many targets, some changes": {lists(1000, 5, shortText), 503, 5, shortText},
		"too many changes, no target":    {lists(0, 1000, shortText), 0, 989, shortText},
	}
	for name, test := range tests {
		draft := test.draft
		fitTexts(&draft)
		size, longest := 0, 0
		measure(reflect.ValueOf(draft), func(text string) { size, longest = size+len(text), max(longest, len(text)) })
		if size > maxTexts || longest != test.longest || len(draft.Targets) != test.targets || len(draft.Changes) != test.changes {
			t.Errorf("%s: %d bytes, the longest of %d, %d targets and %d changes, want at most %d, %d, %d and %d", name,
				size, longest, len(draft.Targets), len(draft.Changes), maxTexts, test.longest, test.targets, test.changes)
		}
		if draft.Type != "test.done" || draft.Description != "Jane did it." || draft.Actor.Key != "jane@example.com" {
			t.Errorf("%s: short texts became %+v", name, draft)
		}
		check(t, name, reflect.ValueOf(draft))
	}
}

// measure walks over all texts.
func measure(v reflect.Value, see func(string)) {
	switch v.Kind() {
	case reflect.String:
		see(v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			measure(v.Elem(), see)
		}
	case reflect.Slice:
		for i := range v.Len() {
			measure(v.Index(i), see)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				measure(value, see)
			}
		}
	}
}

// TestSharedTextsStay: what a connector gave to several drafts is not changed under the others.
func TestSharedTextsStay(t *testing.T) {
	t.Parallel()
	shared := unfit
	draft := audit.Draft{Changes: []audit.Change{{Before: &shared}}}
	fitTexts(&draft)
	if shared != unfit || *draft.Changes[0].Before == unfit {
		t.Errorf("%q became %q", shared, *draft.Changes[0].Before)
	}
}

func TestCoordinates(t *testing.T) {
	t.Parallel()
	for what, bad := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(-1), "off the globe": 181} {
		place := &audit.Location{City: "Berlin", Latitude: new(52.5), Longitude: new(bad)}
		fitTexts(&audit.Draft{Origin: audit.Origin{Location: place}})
		if place.Latitude != nil || place.Longitude != nil || place.City != "Berlin" {
			t.Errorf("%s: %+v, want the city without coordinates", what, place)
		}
	}
	place := &audit.Location{Latitude: new(-33.9), Longitude: new(151.2)}
	fitTexts(&audit.Draft{Origin: audit.Origin{Location: place}})
	if place.Latitude == nil || *place.Latitude != -33.9 || *place.Longitude != 151.2 {
		t.Errorf("%+v, want the coordinates as they were", place)
	}
}
