package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// memory is a store and a ledger as package db has them, in memory, for one integration. Its safeties can be switched
// off, so that tests can show that they would notice.
type memory struct {
	noFence, noDedupe bool
	now               func() time.Time

	mu        sync.Mutex
	fetches   map[int64]*memoryFetch   // guarded by mu
	seqs      map[memoryIdentity]int64 // guarded by mu
	recorded  []audit.Draft            // guarded by mu
	watermark time.Time                // guarded by mu
	paused    bool                     // guarded by mu
	ends      []audit.FetchEnd         // guarded by mu
	renewals  int                      // guarded by mu
}

type memoryFetch struct {
	audit.Fetch

	due, leased time.Time
	ended       bool
	throttled   bool
}

type memoryIdentity struct {
	key     string
	content [32]byte
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, fetches: map[int64]*memoryFetch{}, seqs: map[memoryIdentity]int64{}}
}

func (m *memory) AddFetches(_ context.Context, _ audit.TenantID, id audit.IntegrationID, fetches []audit.NewFetch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fetch := range fetches {
		m.fetches[fetch.ID] = &memoryFetch{due: m.now(), Fetch: audit.Fetch{
			Lease: audit.FetchLease{ID: fetch.ID}, IntegrationID: id, Connector: "test", Feed: fetch.Feed, Kind: fetch.Kind,
			From: fetch.From, To: fetch.To, ReachedAt: fetch.To, CreatedAt: m.now(),
		}}
	}
	return nil
}

func (m *memory) ClaimFetches(_ context.Context, kind audit.FetchKind, limit int, lease time.Duration) ([]audit.Fetch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var claimed []audit.Fetch
	for _, fetch := range m.inOrder() {
		if fetch.Kind == kind && m.waiting(fetch) && m.runnable(fetch) && len(claimed) < limit {
			fetch.Lease.Fence++
			fetch.leased = m.now().Add(lease)
			fetch.Watermark = m.watermark
			claimed = append(claimed, fetch.Fetch)
		}
	}
	return claimed, nil
}

func (m *memory) inOrder() []*memoryFetch {
	var fetches []*memoryFetch
	for _, fetch := range m.fetches {
		fetches = append(fetches, fetch)
	}
	slices.SortFunc(fetches, func(a, b *memoryFetch) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.Lease.ID, b.Lease.ID))
	})
	return fetches
}

func (m *memory) waiting(f *memoryFetch) bool {
	return !f.ended && !f.due.After(m.now()) && f.leased.Before(m.now())
}

func (m *memory) runnable(f *memoryFetch) bool {
	for _, other := range m.fetches {
		if other.throttled && other.due.After(m.now()) ||
			f.Kind == audit.FetchBackfill && other.Kind == audit.FetchLive && m.waiting(other) {
			return false
		}
	}
	return !m.paused
}

func (m *memory) held(lease audit.FetchLease) *memoryFetch {
	fetch := m.fetches[lease.ID]
	if fetch == nil || fetch.Lease != lease && !m.noFence {
		return nil
	}
	return fetch
}

func (m *memory) RenewFetch(_ context.Context, _ audit.TenantID, held audit.FetchLease, lease time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fetch := m.held(held)
	if fetch == nil {
		return audit.ErrFenced
	}
	m.renewals++
	fetch.leased = m.now().Add(lease)
	return nil
}

func (m *memory) MayGoOn(_ context.Context, fetch audit.Fetch) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.held(fetch.Lease)
	return held != nil && m.runnable(held), nil
}

func (m *memory) FinishFetch(_ context.Context, fetch audit.Fetch, end audit.FetchEnd) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.held(fetch.Lease)
	if held == nil {
		return audit.ErrFenced
	}
	m.ends = append(m.ends, end)
	held.leased, held.due, held.ended = time.Time{}, m.now().Add(end.Delay), end.Done
	held.Failures, held.PollInterval, held.throttled = end.Failures, end.PollInterval, end.Reason == audit.ReasonRateLimited
	if end.ForgetState {
		held.State = nil
	}
	return nil
}

func (m *memory) Append(ctx context.Context, batch audit.Batch) (audit.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return audit.Receipt{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if batch.Progress != nil {
		held := m.held(batch.Progress.Fetch)
		if held == nil {
			return audit.Receipt{}, audit.ErrFenced
		}
		held.State = batch.Progress.State
		if !batch.Progress.ReachedAt.IsZero() {
			held.ReachedAt = batch.Progress.ReachedAt
		}
		if batch.Progress.Watermark.After(m.watermark) {
			m.watermark = batch.Progress.Watermark
		}
	}
	var receipt audit.Receipt
	for _, draft := range batch.Drafts {
		identity := memoryIdentity{draft.Key, draft.Content}
		seq, known := m.seqs[identity]
		if known && !m.noDedupe {
			receipt.Repeated++
			receipt.Results = append(receipt.Results, audit.Result{Seq: seq, Repeated: true})
			continue
		}
		seq = int64(len(m.recorded))
		m.seqs[identity] = seq
		m.recorded = append(m.recorded, draft)
		receipt.Recorded++
		receipt.Results = append(receipt.Results, audit.Result{Seq: seq})
	}
	return receipt, nil
}

func (m *memory) Recorded(context.Context) ([]audit.Draft, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.recorded), nil
}

func (m *memory) pause(paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = paused
}

func (m *memory) ended() []audit.FetchEnd {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ends)
}

func (m *memory) fetch(id int64) memoryFetch {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.fetches[id]
}

// fetchFunc is a vendor's code that only fetches, and opens itself.
type fetchFunc func(ctx context.Context, r connector.Request) (connector.Page, error)

func (f fetchFunc) Fetch(ctx context.Context, r connector.Request) (connector.Page, error) {
	return f(ctx, r)
}

const (
	testOverlap = 10 * time.Minute
	testDelay   = 3 * time.Minute
	testSlice   = 6 * time.Hour
)

func (f fetchFunc) Open(context.Context, audit.TenantID, audit.IntegrationID) (connector.Opened, audit.Connector, error) {
	return f, audit.Connector{Name: "test", Feeds: []audit.ConnectorFeed{
		{Name: "main", Delay: audit.Duration(testDelay), Overlap: audit.Duration(testOverlap), Slice: audit.Duration(testSlice)}, {Name: "plain"},
	}}, nil
}

// newEngine makes an engine over a memory.
func newEngine(store *memory, opener Opener, o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return New(store, opener, NewRecorder(store, nil, o.Now), o)
}

// state writes a position.
func state(at any) json.RawMessage {
	text, err := json.Marshal(at)
	if err != nil {
		panic(err) // numbers and texts only
	}
	return text
}
