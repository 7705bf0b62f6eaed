package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annals/audit"
	"annals/db"
	"annals/simulator"
	"annals/sync/connector"
	"annals/sync/vendors/github"
)

// speed is how much faster the imagined time goes: what a vendor asks to wait for takes seconds, not minutes.
const speed = 100

// clock is a time that goes faster from a moment on.
type clock struct{ begun time.Time }

func (c clock) now() time.Time { return c.begun.Add(speed * time.Since(c.begun)).UTC() }

// hasty is the database in the imagined time.
type hasty struct{ *db.DB }

func (h hasty) FinishFetch(ctx context.Context, fetch audit.Fetch, end audit.FetchEnd) error {
	end.Delay /= speed
	return h.DB.FinishFetch(ctx, fetch, end)
}

// organization is a simulated vendor with an integration that reads it.
type organization struct {
	t       *testing.T
	db      *db.DB
	clock   clock
	faults  *simulator.Faults
	vendor  *simulator.GitHub
	account connector.Opened
	tenant  audit.TenantID
}

func newOrganization(t *testing.T, rates map[simulator.Fault]float64) *organization {
	t.Helper()
	o := &organization{t: t, db: openDatabase(t), clock: clock{time.Now()}}
	o.faults = simulator.NewFaults(1, o.clock.now, rates)
	o.vendor = simulator.NewGitHub(simulator.Options{Seed: 1, Now: o.clock.now, Faults: o.faults, PerHour: 10})
	o.vendor.Generate(o.clock.begun.AddDate(0, 0, -5), o.clock.begun)
	web := httptest.NewServer(o.vendor)
	t.Cleanup(web.Close)
	client := connector.NewClient(connector.ClientOptions{
		Guard: connector.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), UserAgent: "annals", Now: o.clock.now,
	})
	t.Cleanup(client.CloseIdleConnections)
	registration := github.Registration()
	values := map[string]json.RawMessage{}
	for name, value := range map[string]string{
		"baseUrl": web.URL, "token": simulator.GitHubToken, "organization": simulator.GitHubOrganization,
	} {
		values[name] = json.RawMessage(fmt.Sprintf("%q", value))
	}
	var err error
	o.account, err = registration.Open(connector.Config{
		Settings: connector.NewSettings(registration.Connector.Settings, values), HTTP: client, Now: o.clock.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.tenant, err = newTenant(t.Context(), o.db, "acme"); err != nil {
		t.Fatal(err)
	}
	var fetches []audit.NewFetch
	for n, feed := range []string{"web", "git"} {
		fetches = append(fetches,
			audit.NewFetch{ID: int64(10 + n), Feed: feed, Kind: audit.FetchLive},
			audit.NewFetch{ID: int64(20 + n), Feed: feed, Kind: audit.FetchBackfill, From: o.clock.begun.AddDate(0, 0, -6), To: o.clock.begun},
		)
	}
	if err := o.db.AddFetches(t.Context(), o.tenant, 2, fetches); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *organization) Open(context.Context, audit.TenantID, audit.IntegrationID) (connector.Opened, audit.Connector, error) {
	return o.account, github.Registration().Connector, nil
}

// run runs engines until the function that it gives is called.
func (o *organization) run(engines int) (stop func()) {
	ctx, cancel := context.WithCancel(o.t.Context())
	var running sync.WaitGroup
	for range engines {
		e := New(hasty{o.db}, o, NewRecorder(o.db, nil, o.clock.now), Options{
			PollFloor: 15 * time.Second, Now: o.clock.now, Log: slog.New(slog.DiscardHandler),
		})
		e.tick = 20 * time.Millisecond
		running.Go(func() { _ = e.Run(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// live lets the organization go on living for a while.
func (o *organization) live(while time.Duration) {
	last := o.clock.begun
	for begun := time.Now(); time.Since(begun) < while; time.Sleep(20 * time.Millisecond) {
		now := o.clock.now()
		o.vendor.Generate(last, now)
		last = now
	}
	o.vendor.Generate(last, o.clock.now())
}

// recorded counts the activities by the vendor's id.
func (o *organization) recorded() map[string]int {
	o.t.Helper()
	times := map[string]int{}
	for from := int64(0); ; {
		activities, err := o.db.Follow(o.t.Context(), o.tenant, from, 1000)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(activities) == 0 {
			return times
		}
		for _, a := range activities {
			times[a.Feed+" "+string(a.VendorID)]++
		}
		from += int64(len(activities))
	}
}

// compare holds what was recorded against what the vendor has.
func (o *organization) compare() (missing, twice, foreign int) {
	times := o.recorded()
	for _, feed := range []string{"web", "git"} {
		for _, item := range o.vendor.Items(feed) {
			name := feed + " " + item.Key
			switch {
			case times[name] == 0:
				missing++
			case times[name] > 1:
				twice++
			}
			delete(times, name)
		}
	}
	return missing, twice, len(times)
}

// complete waits until all is recorded, and all backfills are done.
func (o *organization) complete() {
	o.t.Helper()
	for begun := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		missing, twice, foreign := o.compare()
		if twice+foreign > 0 {
			o.t.Fatalf("%d activities twice, %d that the vendor does not have", twice, foreign)
		}
		open := o.open()
		if missing+len(open) == 0 {
			return
		}
		if time.Since(begun) > 25*time.Second {
			o.t.Fatalf("%d activities are missing, backfills are open: %v", missing, open)
		}
	}
}

// open lists the backfills that are not done, with their progress.
func (o *organization) open() map[string]float64 {
	o.t.Helper()
	backfills, err := o.db.Backfills(o.t.Context(), audit.NewView(o.tenant, nil, -1, time.Now()), 2)
	if err != nil || len(backfills) != 2 {
		o.t.Fatalf("%d backfills, %v", len(backfills), err)
	}
	open := map[string]float64{}
	for _, backfill := range backfills {
		if backfill.Status != audit.BackfillDone {
			open[backfill.Feed] = *backfill.Progress()
		}
	}
	return open
}

func TestAFlakyVendorIsReadWholeAndNotHurried(t *testing.T) {
	t.Parallel()
	o := newOrganization(t, map[simulator.Fault]float64{
		simulator.TooManyRequests: 0.1, simulator.ServerError: 0.2, simulator.CutBody: 0.05, simulator.ShortPage: 0.3,
	})
	stop := o.run(1)
	o.live(3 * time.Second)
	o.complete()
	stop()
	for _, fault := range []simulator.Fault{simulator.TooManyRequests, simulator.ServerError} {
		if o.faults.Happened(fault) == 0 {
			t.Errorf("%s never happened", fault)
		}
	}
	if early := o.faults.Early(); early != 0 {
		t.Errorf("%d requests came before their time, of %d limits", early, o.faults.Happened(simulator.TooManyRequests))
	}
	o.atRest()
}

func TestTwoReplicasReadAFlakyVendorOnce(t *testing.T) {
	t.Parallel()
	o := newOrganization(t, map[simulator.Fault]float64{simulator.ServerError: 0.3, simulator.RepeatedAcrossPages: 0.3})
	stop := o.run(2)
	o.live(2 * time.Second)
	o.complete()
	stop()
	o.atRest()
}

// atRest checks that the engines have given their leases back.
func (o *organization) atRest() {
	o.t.Helper()
	if err := o.db.RunFetches(o.t.Context(), o.tenant, 2); err != nil {
		o.t.Fatal(err)
	}
	begun := time.Now()
	for claimed := 0; claimed < 2; time.Sleep(10 * time.Millisecond) {
		fetches, err := o.db.ClaimFetches(o.t.Context(), audit.FetchLive, 10, time.Minute)
		if err != nil {
			o.t.Fatal(err)
		}
		if claimed += len(fetches); time.Since(begun) > 5*time.Second {
			o.t.Fatalf("%d live fetches can be claimed, want both: the leases were to be given back", claimed)
		}
	}
}

func TestPausingStopsAndResumingGoesOn(t *testing.T) {
	t.Parallel()
	d := openDatabase(t)
	tenant, err := newTenant(t.Context(), d, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddFetches(t.Context(), tenant, 2, []audit.NewFetch{liveFetch}); err != nil {
		t.Fatal(err)
	}
	var asked, resumedFrom atomic.Int64
	resumedFrom.Store(-1)
	var resumed atomic.Bool
	vendor := fetchFunc(func(_ context.Context, r connector.Request) (connector.Page, error) {
		if from, err := strconv.ParseInt(string(r.State), 10, 64); err == nil && resumed.CompareAndSwap(true, false) {
			resumedFrom.Store(from)
		}
		time.Sleep(5 * time.Millisecond)
		return page(fmt.Sprint(asked.Load()), asked.Add(1), true).page, nil
	})
	e := New(d, vendor, NewRecorder(d, nil, time.Now), Options{PollFloor: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	e.tick = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	pause := func(at *time.Time) {
		stored, err := d.StoredIntegration(t.Context(), tenant, 2)
		if err != nil {
			t.Fatal(err)
		}
		stored.PausedAt = at
		if err := d.UpdateIntegration(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
	}
	flows := func(from int64) bool {
		for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
			if asked.Load() > from+3 {
				return true
			}
		}
		return false
	}
	if !flows(0) {
		t.Fatal("nothing is fetched")
	}
	pause(new(time.Now()))
	time.Sleep(200 * time.Millisecond) // the page that was under way
	paused := asked.Load()
	time.Sleep(300 * time.Millisecond)
	if more := asked.Load() - paused; more > 0 {
		t.Errorf("%d requests while it is paused", more)
	}
	resumed.Store(true)
	pause(nil)
	if !flows(paused) {
		t.Fatal("nothing is fetched after resuming")
	}
	if from := resumedFrom.Load(); from != paused {
		t.Errorf("goes on from page %d, want from %d where it was paused", from, paused)
	}
}

// TestReplicasShareTheWork: many integrations, two engines, and each fetch at one engine at a time.
func TestReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	d := openDatabase(t)
	const integrations = 30
	tenant, err := newTenant(t.Context(), d, "acme")
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(integrations) {
		now, number := time.Now(), audit.IntegrationID(n+100)
		err := d.CreateIntegration(t.Context(), audit.NewIntegration{
			StoredIntegration: audit.StoredIntegration{Integration: audit.Integration{
				Tenant: tenant, Number: number, Name: number.String(), ConnectorName: "test", CreatedAt: now, UpdatedAt: now,
			}},
			Fetches: []audit.NewFetch{{ID: n + 1, Feed: "main", Kind: audit.FetchLive}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	work := &shared{running: map[audit.IntegrationID]bool{}, by: map[int]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for replica := range 2 {
		e := New(d, replicaOpener{work, replica}, NewRecorder(d, nil, time.Now), Options{
			PollFloor: 100 * time.Millisecond, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		e.tick = 10 * time.Millisecond
		running.Go(func() { _ = e.Run(ctx) })
	}
	time.Sleep(2 * time.Second)
	cancel()
	running.Wait()
	if len(work.clashes) > 0 {
		t.Errorf("fetched by both at once: %v", work.clashes)
	}
	if work.by[0] == 0 || work.by[1] == 0 || work.by[0]+work.by[1] < integrations {
		t.Errorf("pages by replica: %v, want both to work", work.by)
	}
}

// shared is what two replicas do.
type shared struct {
	mu      sync.Mutex
	running map[audit.IntegrationID]bool
	by      map[int]int // pages of each replica
	clashes []audit.IntegrationID
}

type replicaOpener struct {
	work    *shared
	replica int
}

func (r replicaOpener) Open(_ context.Context, _ audit.TenantID, id audit.IntegrationID) (connector.Opened, audit.Connector, error) {
	return fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		r.work.mark(id, r.replica, true)
		time.Sleep(20 * time.Millisecond)
		r.work.mark(id, r.replica, false)
		return connector.Page{}, nil
	}), audit.Connector{Name: "test"}, nil
}

func (s *shared) mark(id audit.IntegrationID, replica int, running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if running && s.running[id] {
		s.clashes = append(s.clashes, id)
	}
	if running {
		s.by[replica]++
	}
	s.running[id] = running
}
