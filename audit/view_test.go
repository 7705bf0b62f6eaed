package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

func TestViewSees(t *testing.T) {
	t.Parallel()
	a := &audit.Activity{Tenant: tenant, Seq: 7, Connector: "github"}
	okta := normalise(t, `{"connector":{"in":["okta"]}}`)
	for name, tc := range map[string]struct {
		view audit.View
		want bool
	}{
		"all":         {audit.NewView(tenant, nil, 7, now), true},
		"later":       {audit.NewView(tenant, nil, 6, now), false},
		"grown":       {audit.NewView(tenant, nil, 6, now).Until(7), true},
		"empty":       {audit.NewView(tenant, nil, -1, now), false},
		"foreign":     {audit.NewView(tenant+1, nil, 7, now), false},
		"restricted":  {audit.NewView(tenant, okta, 7, now), false},
		"unhindered":  {audit.NewView(tenant, normalise(t, `{"not":{"connector":{"in":["okta"]}}}`), 7, now), true},
		"still bound": {audit.NewView(tenant, okta, 6, now).Until(7).At(now.Add(time.Hour)), false},
	} {
		if got := tc.view.Sees(a); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestViewVisible: the whole condition holds of what the filter lets through and the view sees, and adding to it
// changes no other.
func TestViewVisible(t *testing.T) {
	t.Parallel()
	activities := recorded(60)
	rapid.Check(t, func(rt *rapid.T) {
		filters := audittest.Filters{Tenant: tenant, MaxSeq: 60}.Filter(1)
		where, err := filters.Draw(rt, "filter").Normalise("f", tenant, now)
		restriction, err2 := filters.Draw(rt, "restriction").Normalise("r", tenant, now)
		if err != nil || err2 != nil {
			rt.Fatal(err, err2)
		}
		view := audit.NewView(tenant, restriction, rapid.Int64Range(-1, 60).Draw(rt, "asOf"), now)
		before := append(audit.All(nil), where...)
		visible := view.Visible(where)
		for _, a := range activities {
			if got, want := audit.Match(visible, a), view.Sees(a) && audit.Match(where, a); got != want {
				rt.Fatalf("%v of %+v, want %v", got, a, want)
			}
		}
		if diff := cmp.Diff(before, where, cmpPrefix); diff != "" && len(where) > 0 {
			rt.Fatal(diff)
		}
		if view.Restricted() != (len(restriction) > 0) {
			rt.Fatalf("restricted %v by %v", view.Restricted(), restriction)
		}
	})
}

func TestViewClock(t *testing.T) {
	t.Parallel()
	view := audit.NewView(tenant, nil, 3, now.In(time.FixedZone("", 3600)).Add(999))
	if view.Now() != now || view.AsOf() != 3 || view.Tenant() != tenant {
		t.Errorf("clock %s, as of %d, tenant %d", view.Now(), view.AsOf(), view.Tenant())
	}
	if later := view.At(now.Add(time.Hour)); later.Now() != now.Add(time.Hour) || view.Now() != now {
		t.Errorf("at another clock: %s, %s", later.Now(), view.Now())
	}
}

func TestViewSeesIntegration(t *testing.T) {
	t.Parallel()
	for restriction, want := range map[string]bool{ // of integration 7, connector github
		`{}`: true,
		`{"integration":{"in":["` + id(7) + `"]}}`:                                        true,
		`{"integration":{"in":["` + id(8) + `"]}}`:                                        false,
		`{"integration":{"in":["nonsense"]}}`:                                             false,
		`{"integration":{"notIn":["` + id(7) + `"]}}`:                                     false,
		`{"integration":{"notIn":["` + id(8) + `"]}}`:                                     true,
		`{"connector":{"in":["okta"]}}`:                                                   false,
		`{"connector":{"prefix":["git"]}}`:                                                true,
		`{"connector":{"exists":false}}`:                                                  false,
		`{"type":{"in":["okta.user"]}}`:                                                   true, // may be
		`{"type":{"in":["okta.user"]},"connector":{"in":["okta"]}}`:                       false,
		`{"and":[{"type":{"in":["x"]}},{"and":[{"connector":{"in":["okta"]}}]}]}`:         false,
		`{"or":[{"connector":{"in":["okta"]}},{"type":{"in":["x"]}}]}`:                    true,
		`{"or":[{"connector":{"in":["okta"]}},{"integration":{"in":["` + id(8) + `"]}}]}`: false,
		`{"not":{"connector":{"in":["github"]}}}`:                                         false,
		`{"not":{"connector":{"in":["github"]},"type":{"in":["x"]}}}`:                     true,
		`{"not":{"or":[{"connector":{"in":["github"]}},{"type":{"in":["x"]}}]}}`:          false,
		`{"not":{"not":{"connector":{"in":["okta"]}}}}`:                                   false,
		`{"not":{}}`:                          false,
		`{"target":{"type":{"in":["repo"]}}}`: true,
	} {
		view := audit.NewView(tenant, normalise(t, restriction), 9, now)
		if got := view.SeesIntegration(7, "github"); got != want {
			t.Errorf("%s: %v", restriction, got)
		}
	}
}

// TestViewNeverHidesAnIntegrationWithVisibleActivities: never is said only where no activity can be visible.
func TestViewNeverHidesAnIntegrationWithVisibleActivities(t *testing.T) {
	t.Parallel()
	activities := recorded(200)
	hidden := 0
	rapid.Check(t, func(rt *rapid.T) {
		restriction, err := audittest.Filters{Tenant: tenant, MaxSeq: 200}.Filter(3).Draw(rt, "restriction").Normalise("r", tenant, audittest.Noon)
		if err != nil {
			rt.Fatal(err)
		}
		view := audit.NewView(tenant, restriction, 200, audittest.Noon)
		for _, a := range activities {
			sees := view.SeesIntegration(a.IntegrationID, a.Connector)
			if view.Sees(a) && !sees {
				rt.Fatalf("%v hides integration %d of %+v", restriction, a.IntegrationID, a)
			}
			if !sees {
				hidden++
			}
		}
	})
	if hidden == 0 {
		t.Error("no restriction hides an integration: nothing is proved")
	}
}
