package audit_test

import (
	"testing"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

func TestAlways(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`null`:                               true,
		`{}`:                                 true,
		`{"type":{}}`:                        true,
		`{"actor":{}}`:                       true,
		`{"actor":{"email":{}}}`:             true,
		`{"actor":{"email":{"in":null}}}`:    true,
		`{"target":{"key":{}}}`:              true,
		`{"occurredAt":{},"seq":{},"ip":{}}`: true,
		`{"and":[{},{"actor":{}}]}`:          true,
		`{"or":[{"type":{"in":["a"]}},{}]}`:  true,
		`{"not":{"not":{}}}`:                 true,
		`{"not":{"or":[{"not":{}},{"not":{"actor":{}}}]}}`: true,
		`{"type":{"prefix":["a",""]}}`:                     true,
		`{"target":{"name":{"prefix":[""]}}}`:              true,
		`{"integration":{"notIn":["nonsense"]}}`:           true,
		`{"not":{"integration":{"in":["nonsense"]}}}`:      true,
		`{"not":{}}`:                                                false,
		`{"integration":{"in":["nonsense"]}}`:                       false,
		`{"integration":{"notIn":["` + id(9) + `"]}}`:               false,
		`{"type":{"in":["a"]}}`:                                     false,
		`{"type":{"in":["a"]},"actor":{}}`:                          false,
		`{"type":{"in":[""]}}`:                                      false,
		`{"type":{"exists":true}}`:                                  false,
		`{"seq":{"min":3}}`:                                         false,
		`{"target":{"name":{"prefix":["a"]}}}`:                      false,
		`{"or":[{"type":{"in":["a"]}},{"not":{}}]}`:                 false,
		`{"not":{"type":{"in":["a"]}}}`:                             false,
		`{"and":[{},{"occurredAt":{"to":"2026-11-01T00:00:00Z"}}]}`: false,
	} {
		if got := audit.Always(normalise(t, text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestAlwaysMeansEveryActivity: what is said to restrict nothing hides nothing, and its opposite shows nothing.
func TestAlwaysMeansEveryActivity(t *testing.T) {
	t.Parallel()
	activities := audittest.Activities(200)
	filters := audittest.Filters{Tenant: tenant, MaxSeq: 200}
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		f := filters.Filter(2).Draw(rt, "filter")
		if rapid.Bool().Draw(rt, "or anything") {
			f = &audit.Filter{Or: []*audit.Filter{f, {}}}
		}
		where, err := f.Normalise("f", tenant, audittest.Noon)
		if err != nil || !audit.Always(where) {
			return
		}
		found++
		for _, a := range activities {
			if a.Tenant = tenant; !audit.Match(where, a) || audit.Match(audit.Not{Of: where}, a) {
				rt.Fatalf("%+v hides %+v", where, a)
			}
		}
	})
	if found < 20 {
		t.Errorf("only %d filters restrict nothing: they prove nothing", found)
	}
}
