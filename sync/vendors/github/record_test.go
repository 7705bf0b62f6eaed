package github

import (
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		`1772438400000`:               at,
		`1772438400000.0`:             at,
		`1.7724384e12`:                at,
		`"1772438400000"`:             at,
		`1772438400`:                  at,
		`"1772438400.125"`:            at.Add(125 * time.Millisecond),
		`1772438400123`:               at.Add(123 * time.Millisecond),
		`"2026-03-02T08:00:00Z"`:      at,
		`"2026-03-02T09:00:00+01:00"`: at,
		`"2026-03-02 08:00:00.5"`:     at.Add(500 * time.Millisecond),
		`"2026-03-02 08:00:00 UTC"`:   at,
		`"2026-03-02"`:                at.Add(-8 * time.Hour),
		`0`:                           {},
		`-5`:                          {},
		`1e400`:                       {},
		`1772438400000000`:            {},
		`"yesterday"`:                 {},
		`"0000-01-01T00:00:00Z"`:      {},
		`"NaN"`:                       {},
		`""`:                          {},
		`null`:                        {},
		`true`:                        {},
		`{"at":1772438400000}`:        {},
		`[1772438400000]`:             {},
	} {
		if got := moment(gjson.Parse(value)); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s is %v instead of %v", value, got, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]audit.Text{
		`"a\u00e9"`: "aé", `9007199254740993`: "9007199254740993", `1e2`: "1e2", `true`: "true", `null`: "", `["a"]`: "", `{}`: "",
	} {
		if got := text(gjson.Parse(value)); got != want {
			t.Errorf("%s is %q instead of %q", value, got, want)
		}
	}
}

// TestUnreadableTargetsStay: what makes no target stays in the metadata.
func TestUnreadableTargetsStay(t *testing.T) {
	t.Parallel()
	draft := translate([]byte(`{"action":"org.rename","org":[{"login":"a"}],"org_id":[[1]],"user":{"login":"b"},"actor_is_agent":true}`))
	want := `{"org":[{"login":"a"}],"org_id":[[1]],"user":{"login":"b"},"actor_is_agent":true}`
	if len(draft.Targets) > 0 || string(draft.Metadata) != want {
		t.Errorf("targets %v, metadata %s", draft.Targets, draft.Metadata)
	}
}

// TestPairedTargets: names and ids pair only where there are as many of both.
func TestPairedTargets(t *testing.T) {
	t.Parallel()
	one := audit.NewTarget("github", "organization", "1", "a")
	two := audit.NewTarget("github", "organization", "2", "b")
	for raw, want := range map[string][]audit.Target{
		`{"org":"a","org_id":1}`:             {one},
		`{"org":["a","b"],"org_id":["1",2]}`: {one, two},
		`{"org":["a","b"],"org_id":1}`:       {audit.NewTarget("github", "organization", "", "a"), audit.NewTarget("github", "organization", "", "b")},
		`{"org_id":[1,2]}`:                   {audit.NewTarget("github", "organization", "1", ""), audit.NewTarget("github", "organization", "2", "")},
		`{"org":["a",null],"org_id":[1,2]}`:  {one, audit.NewTarget("github", "organization", "2", "")},
		`{"org":["a","a"]}`:                  {audit.NewTarget("github", "organization", "", "a")},
		`{"org":[],"org_id":null}`:           nil,
		`{"org":[{}],"org_id":[[]]}`:         nil,
	} {
		r, ok := readRecord([]byte(raw))
		if !ok {
			t.Fatalf("%s is no record", raw)
		}
		got := r.takeTargets("org.rename")
		if len(got) != len(want) {
			t.Errorf("%s gives %v instead of %v", raw, got, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s gives %v instead of %v", raw, got, want)
			}
		}
	}
}
