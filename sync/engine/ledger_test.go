package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
	"annals/sync/connector"
)

// ledger is what the interleavings run against: the database, or a memory whose safeties can be switched off.
type ledger interface {
	Store
	Appender
	AddFetches(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID, fetches []audit.NewFetch) error
	// Recorded gives all that was recorded, in order.
	Recorded(ctx context.Context) ([]audit.Draft, error)
}

// choices decide what happens next: rapid's, which shrink, or those of a seed.
type choices interface{ below(n int) int }

type drawn struct{ t *rapid.T }

func (d drawn) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "choice") }

type seeded struct{ *rand.Rand }

func (s seeded) below(n int) int { return s.IntN(n) }

const (
	mostItems = 200
	engines   = 3
)

// item is one activity of the imagined vendor. Its version changes when the vendor says something else of it.
type item struct {
	key string
	at  time.Time
}

func (i item) draft(version int) audit.Draft {
	raw := fmt.Appendf(nil, `{"id":%q,"version":%d}`, i.key, version)
	return audit.Draft{
		Type: "test.done", Key: i.key, VendorID: audit.Text(i.key), Description: audit.Text(fmt.Sprint(version)),
		OccurredAt: i.at, Raw: raw, Content: sha256.Sum256(raw),
	}
}

// world is a vendor, and the engines that read it.
type world struct {
	choices
	ctx     context.Context //nolint:containedctx // lives as long as the test
	ledger  ledger
	tenant  audit.TenantID
	from    time.Time
	to      time.Time
	engines []*Engine

	mu       sync.Mutex
	past     []item             // within the window of the backfill, newest first
	arriving []item             // what the live feed shows, in the order of its arrival
	shown    int                // of arriving
	accepted map[[2]string]bool // key and version of what a webhook or replay was acknowledged for

	walks []*walk
	fence map[int64]int64 // newest of each fetch
	nextI int64           // id of the next backfill
}

func newWorld(ctx context.Context, l ledger, tenant audit.TenantID, c choices) (*world, error) {
	to := time.Now().UTC().Truncate(time.Second)
	w := &world{
		choices: c, ctx: ctx, ledger: l, tenant: tenant, from: to.Add(-24 * time.Hour), to: to,
		accepted: map[[2]string]bool{}, fence: map[int64]int64{}, nextI: 100,
	}
	items := 1 + w.below(mostItems)
	for n := range items {
		made := item{key: fmt.Sprintf("item-%d", n), at: to.Add(-time.Duration(w.below(24*3600)+1) * time.Second)}
		if w.below(3) == 0 {
			w.arriving = append(w.arriving, made)
		} else {
			w.past = append(w.past, made)
		}
	}
	slices.SortStableFunc(w.past, func(a, b item) int { return b.at.Compare(a.at) })
	for range engines {
		recorder := NewRecorder(l, nil, time.Now)
		w.engines = append(w.engines, New(l, fetchFunc(w.fetch), recorder, Options{Now: time.Now}))
	}
	return w, l.AddFetches(ctx, tenant, 2, []audit.NewFetch{
		{ID: 1, Feed: "main", Kind: audit.FetchLive}, w.backfill(),
	})
}

func (w *world) backfill() audit.NewFetch {
	w.nextI++
	return audit.NewFetch{ID: w.nextI, Feed: "main", Kind: audit.FetchBackfill, From: w.from, To: w.to}
}

// fetch is the vendor's code: a page of a few items, and the number of items before the next one as its position. What
// belongs to another window cannot be told from a position, as with most vendors.
func (w *world) fetch(_ context.Context, r connector.Request) (connector.Page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.arriving[:w.shown]
	if r.Window != nil {
		list = nil
		for _, item := range w.past {
			if !item.at.Before(r.Window.From) && item.at.Before(r.Window.To) {
				list = append(list, item)
			}
		}
	}
	first := 0
	if len(r.State) > 0 {
		if _, err := fmt.Sscan(string(r.State), &first); err != nil {
			return connector.Page{}, err
		}
	}
	first = min(first, len(list))
	last := min(first+7, len(list))
	page := connector.Page{Next: state(last), More: last < len(list)}
	for _, item := range list[first:last] {
		page.Drafts = append(page.Drafts, item.draft(0))
	}
	return page, nil
}

// happen lets one thing happen.
func (w *world) happen() error {
	switch w.below(12) {
	case 0:
		w.mu.Lock()
		w.shown = min(w.shown+w.below(20), len(w.arriving))
		w.mu.Unlock()
		return nil
	case 1, 2:
		return w.claim()
	case 3:
		return w.expire()
	case 4:
		w.drop() // an engine dies
		return nil
	case 5:
		return w.ledger.AddFetches(w.ctx, w.tenant, 2, []audit.NewFetch{w.backfill()})
	case 6, 7:
		return errors.Join(w.atOnce(w.step(), w.push())...)
	case 8:
		return w.torn()
	case 9:
		return w.push()()
	default:
		return w.step()()
	}
}

func (w *world) claim() error {
	kind := []audit.FetchKind{audit.FetchLive, audit.FetchBackfill}[w.below(2)]
	claimed, err := w.ledger.ClaimFetches(w.ctx, kind, 1+w.below(3), time.Minute)
	for _, fetch := range claimed {
		w.begin(fetch)
	}
	return err
}

// begin gives a claimed fetch to one of the engines.
func (w *world) begin(fetch audit.Fetch) *walk {
	w.fence[fetch.Lease.ID] = max(w.fence[fetch.Lease.ID], fetch.Lease.Fence)
	begun := &walk{
		engine: w.engines[w.below(engines)], fetch: fetch, state: fetch.State, fetcher: fetchFunc(w.fetch),
		feed: audit.ConnectorFeed{Name: "main", Slice: audit.Duration(testSlice)},
	}
	w.walks = append(w.walks, begun)
	return begun
}

// expire lets the time of all leases pass: whoever holds one holds a stale one from the next claim on.
func (w *world) expire() error {
	for _, held := range w.walks {
		err := w.ledger.RenewFetch(w.ctx, w.tenant, held.fetch.Lease, -time.Second)
		if err != nil && !errors.Is(err, audit.ErrFenced) {
			return err
		}
	}
	return nil
}

func (w *world) drop() {
	if len(w.walks) > 0 {
		at := w.below(len(w.walks))
		// Its lease ends some time later.
		_ = w.ledger.RenewFetch(w.ctx, w.tenant, w.walks[at].fetch.Lease, -time.Second)
		w.walks = slices.Delete(w.walks, at, at+1)
	}
}

// step reads one page of a walk, and gives the fetch back at its end.
func (w *world) step() func() error {
	if len(w.walks) == 0 {
		return func() error { return nil }
	}
	at := w.below(len(w.walks))
	own := w.walks[at]
	stale := own.fetch.Lease.Fence < w.fence[own.fetch.Lease.ID]
	w.walks = slices.Delete(w.walks, at, at+1)
	return func() error {
		more, err := own.page(w.ctx)
		if stale && err == nil {
			return fmt.Errorf("a page was recorded under fence %d of %d", own.fetch.Lease.Fence, w.fence[own.fetch.Lease.ID])
		}
		switch {
		case errors.Is(err, audit.ErrFenced):
			return nil
		case err != nil:
			return err
		case more:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.walks = append(w.walks, own)
			return nil
		}
		end := audit.FetchEnd{Done: own.fetch.Kind == audit.FetchBackfill}
		if err := w.ledger.FinishFetch(w.ctx, own.fetch, end); !errors.Is(err, audit.ErrFenced) {
			return err
		}
		return nil
	}
}

// torn reads a page whose commit fails.
func (w *world) torn() error {
	if len(w.walks) == 0 {
		return nil
	}
	before := w.walks[w.below(len(w.walks))]
	failing := *before
	gone, cancel := context.WithCancel(w.ctx)
	failing.fetcher = fetchFunc(func(ctx context.Context, r connector.Request) (connector.Page, error) {
		defer cancel()
		return w.fetch(ctx, r)
	})
	if _, err := failing.page(gone); err == nil && gone.Err() != nil {
		return errors.New("a page was acknowledged after its context had ended")
	}
	return nil
}

// push records some items by webhook or from an earlier page, now and then in another version.
func (w *world) push() func() error {
	all := slices.Concat(w.past, w.arriving)
	var drafts []audit.Draft
	for range 1 + w.below(10) {
		drafts = append(drafts, all[w.below(len(all))].draft(max(0, w.below(6)-4)))
	}
	source := Source{Tenant: w.tenant, IntegrationID: 2, Connector: "test", Feed: "main", Path: audit.PathWebhook}
	recorder := w.engines[w.below(engines)].recorder
	return func() error {
		receipt, err := recorder.Record(w.ctx, source, drafts, nil)
		if err != nil {
			return err
		}
		if len(receipt.Results) != len(drafts) || receipt.Recorded+receipt.Repeated != len(drafts) {
			return fmt.Errorf("%d drafts, but %+v", len(drafts), receipt)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, draft := range drafts {
			w.accepted[[2]string{draft.Key, string(draft.Description)}] = true
		}
		return nil
	}
}

func (w *world) atOnce(doing ...func() error) []error {
	errs := make([]error, len(doing))
	var running sync.WaitGroup
	for i, do := range doing {
		running.Go(func() { errs[i] = do() })
	}
	running.Wait()
	return errs
}

// settle lets all leases pass and fetches everything to its end.
func (w *world) settle() error {
	w.shown = len(w.arriving)
	if err := w.expire(); err != nil {
		return err
	}
	w.walks = nil
	for range 1000 {
		live, err := w.ledger.ClaimFetches(w.ctx, audit.FetchLive, 10, time.Minute)
		if err != nil {
			return err
		}
		backfills, err := w.ledger.ClaimFetches(w.ctx, audit.FetchBackfill, 10, time.Minute)
		if err != nil {
			return err
		}
		if len(live)+len(backfills) == 0 {
			return nil
		}
		for _, fetch := range slices.Concat(live, backfills) {
			if err := w.finish(w.begin(fetch)); err != nil {
				return err
			}
		}
	}
	return errors.New("the fetches come to no end")
}

func (w *world) finish(own *walk) error {
	for {
		more, err := own.page(w.ctx)
		if err != nil {
			return err
		}
		if !more {
			return w.ledger.FinishFetch(w.ctx, own.fetch, audit.FetchEnd{Delay: time.Hour, Done: own.fetch.Kind == audit.FetchBackfill})
		}
	}
}

// judge compares the ledger with what the vendor has, and with what was acknowledged.
func (w *world) judge() error {
	recorded, err := w.ledger.Recorded(w.ctx)
	if err != nil {
		return err
	}
	times := map[[2]string]int{}
	for _, draft := range recorded {
		times[[2]string{string(draft.VendorID), string(draft.Description)}]++
	}
	for _, item := range slices.Concat(w.past, w.arriving) {
		w.accepted[[2]string{item.key, "0"}] = true
	}
	for what := range w.accepted {
		if times[what] != 1 {
			return fmt.Errorf("version %s of %s is %d times in the ledger, want once", what[1], what[0], times[what])
		}
	}
	if len(times) != len(w.accepted) {
		return fmt.Errorf("%d in the ledger, want %d", len(times), len(w.accepted))
	}
	return nil
}

func (w *world) play(steps int) error {
	for range steps {
		if err := w.happen(); err != nil {
			return err
		}
	}
	if err := w.settle(); err != nil {
		return err
	}
	return w.judge()
}

// database is the real store, seen from one tenant.
type database struct {
	*db.DB
	tenant audit.TenantID
}

func (d database) Recorded(ctx context.Context) ([]audit.Draft, error) {
	activities, err := d.Follow(ctx, d.tenant, 0, 10*mostItems)
	drafts := make([]audit.Draft, len(activities))
	for i, a := range activities {
		if a.Seq != int64(i) {
			return nil, fmt.Errorf("seq %d stands at %d", a.Seq, i)
		}
		drafts[i] = a.Draft
	}
	return drafts, err
}

func openDatabase(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: dbtest.New(t).Writer, Now: time.Now, MaxConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// newTenant makes a tenant with an integration that has no fetches yet.
func newTenant(ctx context.Context, d *db.DB, name string) (audit.TenantID, error) {
	tenant, _, err := d.EnsureTenant(ctx, name)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	return tenant.Number, d.CreateIntegration(ctx, audit.NewIntegration{StoredIntegration: audit.StoredIntegration{
		Integration: audit.Integration{
			Tenant: tenant.Number, Number: 2, Name: "Acme", ConnectorName: "test", CreatedAt: now, UpdatedAt: now,
		},
	}})
}

// retire keeps what a failed world has left behind out of the next one, which claims the fetches of all tenants.
func retire(t *testing.T, d *db.DB, tenant audit.TenantID) {
	stored, err := d.StoredIntegration(t.Context(), tenant, 2)
	if err == nil {
		stored.PausedAt = new(time.Now())
		err = d.UpdateIntegration(t.Context(), stored)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAnyInterleavingGivesTheSameLedger: polls, backfills, webhooks and replays of the same activities by three engines,
// some of them dead and some with a lease that was taken from them.
func TestAnyInterleavingGivesTheSameLedger(t *testing.T) {
	t.Parallel()
	d := openDatabase(t)
	tenants := 0
	rapid.Check(t, func(rt *rapid.T) {
		tenants++
		tenant, err := newTenant(t.Context(), d, fmt.Sprint("tenant-", tenants))
		if err != nil {
			rt.Fatal(err)
		}
		defer retire(t, d, tenant)
		w, err := newWorld(t.Context(), database{d, tenant}, tenant, drawn{rt})
		if err != nil {
			rt.Fatal(err)
		}
		if err := w.play(rapid.IntRange(0, 40).Draw(rt, "steps")); err != nil {
			rt.Fatal(err)
		}
	})
}

// playInMemory plays worlds of many seeds until one goes wrong.
func playInMemory(t *testing.T, seeds uint64, unsafe func(*memory)) error {
	t.Helper()
	for seed := range seeds {
		store := newMemory(time.Now)
		unsafe(store)
		w, err := newWorld(t.Context(), store, 1, seeded{rand.New(rand.NewPCG(seed, 1))})
		if err != nil {
			return err
		}
		if err := w.play(60); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	return nil
}

// TestTheOracleNotices: the property holds in memory too, and each safety that is switched off breaks it.
func TestTheOracleNotices(t *testing.T) {
	t.Parallel()
	if err := playInMemory(t, 500, func(*memory) {}); err != nil {
		t.Errorf("with all safeties: %v", err)
	}
	for what, unsafe := range map[string]func(*memory){
		"fence":  func(m *memory) { m.noFence = true },
		"dedupe": func(m *memory) { m.noDedupe = true },
	} {
		err := playInMemory(t, 500, unsafe)
		if err == nil {
			t.Errorf("without %s nothing goes wrong in 500 worlds", what)
		}
		t.Logf("without %s: %v", what, err)
	}
}

// TestWithoutAFenceActivitiesAreLost: it is not only the refusal that the oracle looks at.
func TestWithoutAFenceActivitiesAreLost(t *testing.T) {
	t.Parallel()
	store := newMemory(time.Now)
	store.noFence = true
	w, err := newWorld(t.Context(), store, 1, seeded{rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	w.past = nil
	for n := range 40 {
		w.past = append(w.past, item{key: fmt.Sprint("past-", n), at: w.to.Add(-time.Duration(n+1) * 30 * time.Minute)})
	}
	claim := func() *walk {
		claimed, err := store.ClaimFetches(t.Context(), audit.FetchBackfill, 1, time.Minute)
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
		return w.begin(claimed[0])
	}
	if _, err := store.ClaimFetches(t.Context(), audit.FetchLive, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	slow := claim()
	if err := w.expire(); err != nil {
		t.Fatal(err)
	}
	fast := claim()
	for fast.fetch.ReachedAt.Equal(fast.fetch.To) { // the first slice
		if _, err := fast.page(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// The slow one now writes its position in the first slice, which is taken for one in the second.
	if _, err := slow.page(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(); err != nil {
		t.Fatal(err)
	}
	if err := w.judge(); err == nil {
		t.Error("nothing is missing: the oracle does not notice what a fence prevents")
	}
}
