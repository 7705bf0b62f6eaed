package integration_test

import (
	"testing"
	"time"

	"annals/audit"
)

// TestFeedsFallBehind: a watermark says COMPLETE for as long as it is not older than polling explains.
func TestFeedsFallBehind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("lagging")
	fetches, err := r.db.ClaimFetches(t.Context(), audit.FetchLive, 10, time.Minute)
	if err != nil || len(fetches) != 2 {
		t.Fatalf("claimed %v, %v, want two live fetches", fetches, err)
	}
	for _, fetch := range fetches {
		_, err := r.db.Append(t.Context(), audit.Batch{
			Tenant: i.Tenant, IntegrationID: i.Number, Connector: "example", Feed: fetch.Feed, Path: audit.PathPoll,
			Progress: &audit.Progress{Fetch: fetch.Lease, Watermark: time.Now()},
		})
		if err != nil {
			t.Fatal(err)
		}
		end := audit.FetchEnd{Delay: time.Hour}
		if fetch.Feed == "web" {
			end.PollInterval = 5 * time.Minute // the other's is not known
		}
		if err := r.db.FinishFetch(t.Context(), fetch, end); err != nil {
			t.Fatal(err)
		}
	}
	backfills, err := r.Backfills(t.Context(), r.view, i)
	if err != nil {
		t.Fatal(err)
	}
	for _, backfill := range backfills {
		if _, err := r.CancelBackfill(t.Context(), r.view, backfill.ID()); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		later    time.Duration
		web, all audit.CoverageStatus
	}{
		{0, audit.CoverageComplete, audit.CoverageComplete},
		{10 * time.Minute, audit.CoverageComplete, audit.CoverageComplete},
		{12 * time.Minute, audit.CoverageBehind, audit.CoverageComplete}, // more than 2 × 5 + 1
		{32 * time.Minute, audit.CoverageBehind, audit.CoverageBehind},   // more than 2 × 15 + 1
	} {
		r.ahead.Store(int64(test.later))
		shown, err := r.ByID(t.Context(), r.view, []audit.IntegrationID{i.Number})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]audit.CoverageStatus{}
		for _, feed := range shown[0].Feeds {
			got[feed.Name] = feed.Status
		}
		if got["web"] != test.web || got["all"] != test.all || got["hook"] != audit.CoverageUnverifiable {
			t.Errorf("%s later: %v, want %s and %s", test.later, got, test.web, test.all)
		}
	}
}

// TestFollowReadsForAll: all of one tenant and none of another, whatever the view of who asks; a view still narrows All.
func TestFollowReadsForAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.create("a"), r.create("b")
	other := r.tenant("another")
	if _, _, err := r.Create(t.Context(), other, "c", "example", valid(), nil); err != nil {
		t.Fatal(err)
	}
	all, err := r.Follow(t.Context(), r.view.Tenant())
	if err != nil || len(all) != 2 || all[0].Number != a.Number || all[1].Number != b.Number || all[0].Feeds[0].Label == "" {
		t.Errorf("followed %+v, %v, want a and b with the labels of their feeds", all, err)
	}
	narrow := audit.NewView(r.view.Tenant(), audit.All{audit.InIntegrations{IDs: []audit.IntegrationID{b.Number}}}, -1, time.Now())
	if seen, err := r.All(t.Context(), narrow); err != nil || len(seen) != 1 || seen[0].Number != b.Number {
		t.Errorf("a narrow view sees %+v, %v, want b", seen, err)
	}
}
