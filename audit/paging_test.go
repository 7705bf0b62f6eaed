package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annals/audit"
)

func TestPageSize(t *testing.T) {
	t.Parallel()
	n := func(n int) *int { return &n }
	for _, tc := range []struct {
		args     audit.PageArgs
		want     int
		argument string // that is wrong
	}{
		{audit.PageArgs{}, 50, ""},
		{audit.PageArgs{First: n(0)}, 0, ""},
		{audit.PageArgs{First: n(200)}, 200, ""},
		{audit.PageArgs{Last: n(7)}, 7, ""},
		{audit.PageArgs{Last: n(200)}, 200, ""},
		{audit.PageArgs{First: n(201)}, 0, "x.first"},
		{audit.PageArgs{First: n(-1)}, 0, "x.first"},
		{audit.PageArgs{Last: n(201)}, 0, "x.last"},
		{audit.PageArgs{Last: n(-1)}, 0, "x.last"},
		{audit.PageArgs{First: n(1), Last: n(1)}, 0, "x.last"},
		{audit.PageArgs{First: n(0), Last: n(0)}, 0, "x.last"},
	} {
		size, err := tc.args.Size("x")
		if bad, _ := errors.AsType[*audit.ArgumentError](err); size != tc.want || (bad == nil) != (tc.argument == "") || bad != nil && bad.Argument != tc.argument {
			t.Errorf("%v %v: %d, %v, want %d, %q", tc.args.First, tc.args.Last, size, err, tc.want, tc.argument)
		}
	}
}

func self(s string) string { return s }

// TestCutWalks: in both directions and with any page sizes each element comes once, and pageInfo is exact.
func TestCutWalks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var all []string
		for i := range rapid.IntRange(0, 12).Draw(rt, "elements") {
			all = append(all, fmt.Sprint(i))
		}
		size, backwards := rapid.IntRange(1, 5).Draw(rt, "size"), rapid.Bool().Draw(rt, "backwards")
		var seen []string
		args := audit.PageArgs{First: &size}
		if backwards {
			args = audit.PageArgs{Last: &size}
		}
		for {
			part, cursors, info, err := audit.Cut("x", all, self, args)
			if err != nil || len(part) != len(cursors) || len(part) > size {
				rt.Fatalf("%d elements, %d cursors, %v", len(part), len(cursors), err)
			}
			if len(part) > 0 && (*info.StartCursor != cursors[0] || *info.EndCursor != cursors[len(part)-1]) {
				rt.Fatalf("%v: the ends are not those of %v", info, cursors)
			}
			if backwards {
				seen = append(slices.Clone(part), seen...)
			} else {
				seen = append(seen, part...)
			}
			left := len(seen) < len(all)
			if more := map[bool]bool{true: info.HasPreviousPage, false: info.HasNextPage}[backwards]; more != left {
				rt.Fatalf("more %v, %d of %d seen", more, len(seen), len(all))
			}
			if !left {
				break
			}
			args.After, args.Before = info.EndCursor, nil
			if backwards {
				args.After, args.Before = nil, info.StartCursor
			}
		}
		if !slices.Equal(seen, all) {
			rt.Fatalf("seen %v of %v", seen, all)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	all := []string{"a", "b", "c", "d", "e"}
	_, cursors, _, err := audit.Cut("x", all, self, audit.PageArgs{})
	if err != nil || len(cursors) != 5 {
		t.Fatalf("%v, %v", cursors, err)
	}
	n, of := func(n int) *int { return &n }, func(i int) *string { return &cursors[i] }
	for _, tc := range []struct {
		args           audit.PageArgs
		want           string
		previous, next bool
	}{
		{audit.PageArgs{}, "abcde", false, false},
		{audit.PageArgs{First: n(2)}, "ab", false, true},
		{audit.PageArgs{Last: n(2)}, "de", true, false},
		{audit.PageArgs{First: n(0)}, "", false, true},
		{audit.PageArgs{Last: n(0)}, "", true, false},
		{audit.PageArgs{After: of(1)}, "cde", true, false},
		{audit.PageArgs{Before: of(3)}, "abc", false, true},
		{audit.PageArgs{After: of(0), Before: of(4)}, "bcd", true, true},
		{audit.PageArgs{First: n(1), After: of(0), Before: of(4)}, "b", true, true},
		{audit.PageArgs{Last: n(1), After: of(0), Before: of(4)}, "d", true, true},
		{audit.PageArgs{After: of(4)}, "", true, false},
		{audit.PageArgs{Before: of(0)}, "", false, true},
		{audit.PageArgs{After: of(3), Before: of(1)}, "", true, true},
		{audit.PageArgs{After: of(1), Before: of(2)}, "", true, true},
	} {
		part, cursors, info, err := audit.Cut("x", all, self, tc.args)
		if err != nil || join(part) != tc.want ||
			info.HasPreviousPage != tc.previous || info.HasNextPage != tc.next {
			t.Errorf("%+v: %v, previous %v, next %v, %v, want %+v", tc.args, part, info.HasPreviousPage, info.HasNextPage, err, tc)
		}
		if len(part) == 0 && (info.StartCursor != nil || info.EndCursor != nil || len(cursors) > 0) {
			t.Errorf("%+v: an empty page has cursors", tc.args)
		}
	}
}

func join(parts []string) (text string) {
	for _, part := range parts {
		text += part
	}
	return text
}

func TestCutRefuses(t *testing.T) {
	t.Parallel()
	all := []string{"a", "b"}
	_, cursors, _, _ := audit.Cut("x", all, self, audit.PageArgs{})
	_, foreign, _, _ := audit.Cut("y", all, self, audit.PageArgs{})
	for name, cursor := range map[string]string{
		"another field's": foreign[0], "empty": "", "nonsense": "!", "with a newline": cursors[0] + "\n", "a key": "a",
	} {
		for _, args := range []audit.PageArgs{{After: &cursor}, {Before: &cursor}} {
			if part, _, _, err := audit.Cut("x", all, self, args); !errors.Is(err, audit.ErrCursor) {
				t.Errorf("%s: %v, %v", name, part, err)
			}
		}
	}
	if _, _, _, err := audit.Cut("x", all, self, audit.PageArgs{First: new(1), Last: new(1)}); err == nil {
		t.Error("first and last together are taken")
	}
}
