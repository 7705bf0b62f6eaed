package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"annals/audit"
	"annals/db"
)

// setUp makes an integration with fetches; their ids tell them apart.
func setUp(t *testing.T, d *db.DB, tenant audit.TenantID, id audit.IntegrationID, fetches ...audit.NewFetch) {
	t.Helper()
	past := time.Now().Add(-time.Minute)
	err := d.CreateIntegration(t.Context(), audit.NewIntegration{
		StoredIntegration: audit.StoredIntegration{Integration: audit.Integration{
			Tenant: tenant, Number: id, Name: id.String(), ConnectorName: "github", CreatedAt: past, UpdatedAt: past,
		}},
		Fetches: fetches,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func live(id int64, feed string) audit.NewFetch {
	return audit.NewFetch{ID: id, Feed: feed, Kind: audit.FetchLive}
}

func backfill(id int64, feed string) audit.NewFetch {
	return audit.NewFetch{ID: id, Feed: feed, Kind: audit.FetchBackfill, From: noon.Add(-24 * time.Hour), To: noon}
}

// claim gives what is claimed of both kinds, by id.
func claim(t *testing.T, d *db.DB) map[int64]audit.Fetch {
	t.Helper()
	claimed := map[int64]audit.Fetch{}
	for _, kind := range []audit.FetchKind{audit.FetchLive, audit.FetchBackfill} {
		fetches, err := d.ClaimFetches(t.Context(), kind, 100, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, fetch := range fetches {
			claimed[fetch.Lease.ID] = fetch
		}
	}
	return claimed
}

func finish(t *testing.T, d *db.DB, fetch audit.Fetch, end audit.FetchEnd) {
	t.Helper()
	if err := d.FinishFetch(t.Context(), fetch, end); err != nil {
		t.Fatal(err)
	}
}

func throttle(delay time.Duration) audit.FetchEnd {
	return audit.FetchEnd{Delay: delay, Reason: audit.ReasonRateLimited}
}

func TestAThrottleHoldsTheWholeIntegration(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"), live(11, "git"), backfill(12, "web"))
	setUp(t, d, tenant, 2, live(20, "web"))
	claimed := claim(t, d)
	if len(claimed) != 4 {
		t.Fatalf("claimed %v, want all four", claimed)
	}
	finish(t, d, claimed[20], audit.FetchEnd{})
	finish(t, d, claimed[12], throttle(time.Hour))
	// Those that were running when the throttle was told end later, each in its own way.
	finish(t, d, claimed[10], audit.FetchEnd{Delay: -time.Second})
	finish(t, d, claimed[11], audit.FetchEnd{Delay: -time.Second, Reason: audit.ReasonVendorUnavailable, Failures: 1})

	for what, do := range map[string]func() error{
		"a webhook":           func() error { return d.PokeFetches(t.Context(), tenant, 1) },
		"a change of secrets": func() error { return d.RunFetches(t.Context(), tenant, 1) },
		"a new backfill":      func() error { return d.AddFetches(t.Context(), tenant, 1, []audit.NewFetch{backfill(13, "git")}) },
		"nothing":             func() error { return nil },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		for id, fetch := range claim(t, d) {
			if fetch.IntegrationID == 1 {
				t.Errorf("fetch %d was claimed after %s although the vendor throttles", id, what)
			}
			finish(t, d, fetch, audit.FetchEnd{})
		}
	}
	i := integrations(t, d, tenant)[1]
	for _, feed := range i.Feeds {
		if feed.NextPollAt == nil || feed.NextPollAt.Before(time.Now().Add(50*time.Minute)) {
			t.Errorf("next poll of %s at %v, want it behind the throttle", feed.Name, feed.NextPollAt)
		}
	}
}

func integrations(t *testing.T, d *db.DB, tenant audit.TenantID) map[audit.IntegrationID]*audit.Integration {
	t.Helper()
	list, err := d.Integrations(t.Context(), all(t, d, tenant))
	if err != nil {
		t.Fatal(err)
	}
	byID := map[audit.IntegrationID]*audit.Integration{}
	for _, i := range list {
		byID[i.Number] = i
	}
	return byID
}

func TestAThrottleEnds(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"), live(11, "git"))
	claimed := claim(t, d)
	finish(t, d, claimed[10], throttle(2*time.Second))
	told := time.Now()
	finish(t, d, claimed[11], audit.FetchEnd{})
	for {
		again := claim(t, d)
		if len(again) == 0 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if waited := time.Since(told); waited < time.Second || waited > 20*time.Second {
			t.Errorf("claimed %d after %s, want them all right after 2 s", len(again), waited)
		}
		if len(again) != 2 {
			t.Errorf("claimed %v, want both", again)
		}
		return
	}
}

// TestThrottledAtOnce: a vendor tells all that ask it at the same time, and webhooks and people come in between.
func TestThrottledAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	var fetches []audit.NewFetch
	for n := range int64(4) {
		fetches = append(fetches, live(10+n, "web"), backfill(20+n, "web"))
	}
	setUp(t, d, tenant, 1, fetches...)
	for range 10 {
		var ending sync.WaitGroup
		for _, fetch := range claim(t, d) {
			ending.Go(func() {
				mine := batch(tenant, draft(int(fetch.Lease.ID)))
				mine.IntegrationID, mine.Progress = 1, &audit.Progress{Fetch: fetch.Lease}
				if _, err := d.Append(context.Background(), mine); err != nil {
					t.Error(err)
				}
				if err := d.FinishFetch(context.Background(), fetch, throttle(time.Millisecond)); err != nil {
					t.Error(err)
				}
			})
		}
		ending.Go(func() {
			err := errors.Join(d.PokeFetches(context.Background(), tenant, 1), d.RunFetches(context.Background(), tenant, 1))
			if err != nil {
				t.Error(err)
			}
		})
		ending.Wait()
		time.Sleep(5 * time.Millisecond)
	}
}

func TestABackfillGivesWayToLive(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"), backfill(11, "web"))
	backfills := func() []audit.Fetch {
		fetches, err := d.ClaimFetches(t.Context(), audit.FetchBackfill, 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return fetches
	}
	if early := backfills(); len(early) != 0 {
		t.Fatalf("claimed %v while a live fetch is due", early)
	}
	claimed := claim(t, d)
	if len(claimed) != 2 {
		t.Fatalf("claimed %v, want the live one and behind it the backfill", claimed)
	}
	mayGoOn(t, d, claimed[11], true)
	finish(t, d, claimed[10], audit.FetchEnd{Delay: time.Hour})
	mayGoOn(t, d, claimed[11], true)
	if err := d.RunFetches(t.Context(), tenant, 1); err != nil {
		t.Fatal(err)
	}
	mayGoOn(t, d, claimed[11], false)
}

func mayGoOn(t *testing.T, d *db.DB, fetch audit.Fetch, want bool) {
	t.Helper()
	if got, err := d.MayGoOn(t.Context(), fetch); err != nil || got != want {
		t.Errorf("fetch %d may go on: %v, %v, want %v", fetch.Lease.ID, got, err, want)
	}
}

func TestWhoMayGoOn(t *testing.T) {
	t.Parallel()
	tests := map[string]func(ctx context.Context, d *db.DB, tenant audit.TenantID, i audit.StoredIntegration) error{
		"paused": func(ctx context.Context, d *db.DB, _ audit.TenantID, i audit.StoredIntegration) error {
			i.PausedAt = new(time.Now())
			return d.UpdateIntegration(ctx, i)
		},
		"deleted": func(ctx context.Context, d *db.DB, _ audit.TenantID, i audit.StoredIntegration) error {
			i.DeletedAt = new(time.Now())
			return d.UpdateIntegration(ctx, i)
		},
		"of another account": func(ctx context.Context, d *db.DB, _ audit.TenantID, i audit.StoredIntegration) error {
			i.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
			return d.ChangeSettings(ctx, audit.SettingsChange{StoredIntegration: i, Moved: true})
		},
		"cancelled": func(ctx context.Context, d *db.DB, tenant audit.TenantID, _ audit.StoredIntegration) error {
			return d.CancelBackfill(ctx, tenant, 11)
		},
		"throttled elsewhere": func(ctx context.Context, d *db.DB, tenant audit.TenantID, _ audit.StoredIntegration) error {
			return d.FinishFetch(ctx, audit.Fetch{Tenant: tenant, Lease: audit.FetchLease{ID: 12, Fence: 1}}, throttle(time.Hour))
		},
	}
	for what, happen := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			tenant := newTenant(t, d, "one")
			setUp(t, d, tenant, 1, backfill(11, "web"), backfill(12, "git"))
			claimed := claim(t, d)
			mayGoOn(t, d, claimed[11], true)
			stored, err := d.StoredIntegration(t.Context(), tenant, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := happen(t.Context(), d, tenant, stored); err != nil {
				t.Fatal(err)
			}
			mayGoOn(t, d, claimed[11], false)
			if what == "paused" || what == "deleted" {
				err := d.FinishFetch(t.Context(), claimed[11], audit.FetchEnd{})
				if errors.Is(err, audit.ErrFenced) != (what == "deleted") {
					t.Errorf("finishing a fetch of a %s integration: %v", what, err)
				}
				if again := claim(t, d); len(again) != 0 {
					t.Errorf("claimed %v of a %s integration", again, what)
				}
			}
		})
	}
}

func TestALeaseThatEndedIsTakenOver(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"))
	first, err := d.ClaimFetches(t.Context(), audit.FetchLive, 1, time.Minute)
	if err != nil || len(first) != 1 {
		t.Fatalf("claimed %v, %v", first, err)
	}
	if second := claim(t, d); len(second) != 0 {
		t.Fatalf("claimed %v although the lease holds", second)
	}
	if err := d.RenewFetch(t.Context(), tenant, first[0].Lease, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	time.Sleep(150 * time.Millisecond)
	second := claim(t, d)[10]
	if second.Lease.Fence != first[0].Lease.Fence+1 {
		t.Fatalf("took over with fence %d after %d", second.Lease.Fence, first[0].Lease.Fence)
	}
	late := batch(tenant, draft(1))
	late.IntegrationID, late.Progress = 1, &audit.Progress{Fetch: first[0].Lease, State: json.RawMessage(`"late"`)}
	_, appended := d.Append(t.Context(), late)
	for what, err := range map[string]error{
		"appending": appended,
		"renewing":  d.RenewFetch(t.Context(), tenant, first[0].Lease, time.Minute),
		"finishing": d.FinishFetch(t.Context(), first[0], audit.FetchEnd{Reason: audit.ReasonVendorUnavailable}),
	} {
		if !errors.Is(err, audit.ErrFenced) {
			t.Errorf("%s with a lost lease: %v, want %v", what, err, audit.ErrFenced)
		}
	}
	mayGoOn(t, d, first[0], false)
	if reason := integrations(t, d, tenant)[1].Feeds[0].Reason; reason != "" {
		t.Errorf("who lost the lease wrote the feed's reason %s", reason)
	}
}

func TestClaimsAreSharedOut(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	for n := range audit.IntegrationID(40) {
		setUp(t, d, tenant, 100+n, live(1000+int64(n), "web"))
	}
	var mu sync.Mutex
	times := map[int64]int{}
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			for range 20 {
				fetches, err := d.ClaimFetches(context.Background(), audit.FetchLive, 3, time.Minute)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, fetch := range fetches {
					times[fetch.Lease.ID]++
				}
				mu.Unlock()
			}
		})
	}
	replicas.Wait()
	if len(times) != 40 {
		t.Errorf("%d fetches were claimed, want 40", len(times))
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("fetch %d was claimed %d times under one lease", id, n)
		}
	}
}

func TestPokesBringThePollForward(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "quiet"), live(11, "failing"), backfill(12, "quiet"))
	for id, fetch := range claim(t, d) {
		end := audit.FetchEnd{Delay: 10 * time.Minute, PollInterval: 10 * time.Minute}
		if id == 11 {
			end.Reason, end.Failures = audit.ReasonCredentialsRefused, 5
		}
		finish(t, d, fetch, end)
	}
	for range 3 {
		if err := d.PokeFetches(t.Context(), tenant, 1); err != nil {
			t.Fatal(err)
		}
	}
	if claimed := claim(t, d); len(claimed) != 0 {
		t.Errorf("claimed %v right after a poll: webhooks in a stream would make it poll without pause", claimed)
	}
	in := map[string]time.Duration{}
	for _, feed := range integrations(t, d, tenant)[1].Feeds {
		in[feed.Name] = time.Until(*feed.NextPollAt)
	}
	if in["quiet"] < 10*time.Second || in["quiet"] > 20*time.Second {
		t.Errorf("polled again in %s, want about 15 s", in["quiet"])
	}
	if in["failing"] < 9*time.Minute {
		t.Errorf("a feed that backs off is polled again in %s, want its 10 min", in["failing"])
	}
}

func TestAPokeOfWhatNeverRan(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"))
	if err := d.PokeFetches(t.Context(), tenant, 1); err != nil {
		t.Fatal(err)
	}
	if claimed := claim(t, d); len(claimed) != 1 {
		t.Errorf("claimed %v, want the fetch that is due", claimed)
	}
}

// A webhook tells of something that the poll that is running may have read past.
func TestAPokeOfWhatIsRunning(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "poked"), live(11, "failing"), live(12, "soon"))
	running := claim(t, d)
	if err := d.PokeFetches(t.Context(), tenant, 1); err != nil {
		t.Fatal(err)
	}
	if claimed := claim(t, d); len(claimed) != 0 {
		t.Errorf("claimed %v, which are running", claimed)
	}
	finish(t, d, running[10], audit.FetchEnd{Delay: 10 * time.Minute})
	finish(t, d, running[11], audit.FetchEnd{Delay: 10 * time.Minute, Reason: audit.ReasonCredentialsRefused, Failures: 5})
	finish(t, d, running[12], audit.FetchEnd{Delay: 3 * time.Second})
	want := map[string][2]time.Duration{"poked": {10 * time.Second, 16 * time.Second}, "failing": {9 * time.Minute, 10 * time.Minute}, "soon": {0, 4 * time.Second}}
	for _, feed := range integrations(t, d, tenant)[1].Feeds {
		if in := time.Until(*feed.NextPollAt); in < want[feed.Name][0] || in > want[feed.Name][1] {
			t.Errorf("%s: polled again in %s, want within %v", feed.Name, in, want[feed.Name])
		}
	}
}

// Nothing of the old account is left: no position, no wait, no backfill.
func TestAnotherAccountBeginsAnew(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"), live(12, "git"), backfill(11, "web"))
	for id, fetch := range claim(t, d) {
		page := batch(tenant, draft(int(id)))
		page.IntegrationID = 1
		page.Progress = &audit.Progress{Fetch: fetch.Lease, State: json.RawMessage(`{"page":2}`)}
		if _, err := d.Append(t.Context(), page); err != nil {
			t.Fatal(err)
		}
		if id == 12 {
			finish(t, d, fetch, throttle(time.Hour))
		}
	}
	change := audit.SettingsChange{StoredIntegration: stored(t, d, tenant, 1), Moved: true}
	change.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
	if err := d.ChangeSettings(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	claimed := claim(t, d)
	if len(claimed) != 2 || claimed[10].Feed != "web" || claimed[12].Feed != "git" {
		t.Errorf("claimed %v, want both live fetches and no backfill", claimed)
	}
	for id, fetch := range claimed {
		if len(fetch.State) != 0 {
			t.Errorf("fetch %d goes on from %s, the position in the old account", id, fetch.State)
		}
	}
}

func TestOneLiveFetchPerFeed(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1)
	var people sync.WaitGroup
	for n := range int64(8) {
		people.Go(func() {
			err := d.AddFetches(context.Background(), tenant, 1, []audit.NewFetch{live(10+n, "web"), backfill(30+n, "web")})
			if err != nil {
				t.Error(err)
			}
		})
	}
	people.Wait()
	kinds := map[audit.FetchKind]int{}
	for _, fetch := range claim(t, d) {
		kinds[fetch.Kind]++
	}
	if kinds[audit.FetchLive] != 1 || kinds[audit.FetchBackfill] != 8 {
		t.Errorf("fetches by kind: %v, want one live fetch and all backfills", kinds)
	}
}

func TestBackfillsShowTheirProgress(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, backfill(11, "web"))
	show := func() *audit.Backfill {
		shown, err := d.Backfill(t.Context(), all(t, d, tenant), 11)
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	if b := show(); b.Status != audit.BackfillWaiting || *b.Progress() != 0 {
		t.Errorf("at first %s at %v, want WAITING at 0", b.Status, *b.Progress())
	}
	fetch := claim(t, d)[11]
	inside := batch(tenant)
	inside.IntegrationID = 1
	inside.Progress = &audit.Progress{Fetch: fetch.Lease, State: json.RawMessage(`{"page":2}`)}
	if _, err := d.Append(t.Context(), inside); err != nil {
		t.Fatal(err)
	}
	finish(t, d, fetch, audit.FetchEnd{})
	if b := show(); b.Status != audit.BackfillRunning || *b.Progress() != 0 {
		t.Errorf("inside the first slice %s at %v, want RUNNING at 0", b.Status, *b.Progress())
	}
	fetch = claim(t, d)[11]
	page := batch(tenant, drafts(0, 30)...)
	page.IntegrationID = 1
	page.Progress = &audit.Progress{Fetch: fetch.Lease, ReachedAt: noon.Add(-6 * time.Hour)}
	for range 2 {
		if _, err := d.Append(t.Context(), page); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, d, fetch, audit.FetchEnd{})
	b := show()
	if b.Status != audit.BackfillRunning || *b.Progress() != 0.25 || b.RecordedCount != 30 || b.RepeatedCount != 30 {
		t.Errorf("then %+v at %v, want RUNNING at 0.25 with 30 recorded and 30 repeated", b, *b.Progress())
	}
	finish(t, d, claim(t, d)[11], audit.FetchEnd{Done: true})
	if b := show(); b.Status != audit.BackfillDone || *b.Progress() != 1 {
		t.Errorf("at last %s at %v, want DONE at 1", b.Status, *b.Progress())
	}
	if err := d.CancelBackfill(t.Context(), tenant, 11); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("cancelling what is done: %v, want %v", err, audit.ErrNotFound)
	}
	if len(claim(t, d)) != 0 {
		t.Error("a backfill that is done was claimed")
	}
}
