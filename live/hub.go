// Package live lets subscribers follow the ledger: history first, then what is recorded, by seq, without a gap and
// nothing twice.
//
// One Hub per process reads each followed ledger once and keeps its newest activities in a ring; every feed reads from
// there at its own pace. Nothing is buffered per subscriber and nobody waits for one: a feed that falls behind the ring
// reads the ledger until it has caught up, and ends with a TooSlowError when its reader is to blame.
package live

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"annals/audit"
)

const (
	// ringSize and ringBytes are how many of a ledger's newest activities are kept for its feeds, and how large all
	// of them may be.
	ringSize  = 8192
	ringBytes = 64 << 20
	// patience with the ledger: a way to it that has gone silent must not hold up all feeds.
	readPatience = 5 * time.Second
	// readSize is how many activities are read at once.
	readSize = 1000
	// lookInterval is how often the hub looks by itself, in case a hint was lost.
	lookInterval = time.Second
)

// Ledger is where the hub and its feeds read.
type Ledger interface {
	// Size is the number of activities of a tenant.
	Size(ctx context.Context, tenant audit.TenantID) (int64, error)
	// Follow reads every activity of a tenant from a seq on.
	Follow(ctx context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error)
	// Page reads visible activities in an order.
	Page(ctx context.Context, view audit.View, page audit.PageQuery) ([]*audit.Activity, error)
	// SeqSince is the first seq recorded at or after a moment.
	SeqSince(ctx context.Context, tenant audit.TenantID, since time.Time) (int64, error)
	// Listen calls woken when a ledger may have grown, until the context ends or it fails.
	Listen(ctx context.Context, woken func()) error
}

// Cursors makes and reads the cursors of feeds.
type Cursors interface {
	Live(tenant audit.TenantID, seq int64) string
	OpenLive(tenant audit.TenantID, text string) (int64, error)
}

// Hub follows the ledgers that have feeds.
type Hub struct {
	ledger  Ledger
	cursors Cursors
	log     *slog.Logger
	now     func() time.Time
	wake    chan struct{}

	mu    sync.Mutex
	rings map[audit.TenantID]*ring // guarded by mu
}

// NewHub makes a hub; Run moves it.
func NewHub(ledger Ledger, cursors Cursors, now func() time.Time, log *slog.Logger) *Hub {
	return &Hub{ledger: ledger, cursors: cursors, log: log, now: now, wake: make(chan struct{}, 1), rings: map[audit.TenantID]*ring{}}
}

// Run follows until the context ends.
func (h *Hub) Run(ctx context.Context) error {
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { h.listen(ctx) })
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-h.wake:
		}
		for tenant, r := range h.followed() {
			if err := h.read(ctx, tenant, r); err != nil && ctx.Err() == nil {
				h.log.WarnContext(ctx, "following a ledger", "error", err)
			}
		}
	}
}

// listen waits for hints, and begins again when the connection breaks. Between two tries the ticker finds everything.
func (h *Hub) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := h.ledger.Listen(ctx, h.nudge); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "listening for hints", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookInterval):
		}
	}
}

func (h *Hub) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *Hub) followed() map[audit.TenantID]*ring {
	h.mu.Lock()
	defer h.mu.Unlock()
	rings := make(map[audit.TenantID]*ring, len(h.rings))
	maps.Copy(rings, h.rings)
	return rings
}

func (h *Hub) read(ctx context.Context, tenant audit.TenantID, r *ring) error {
	for {
		reading, cancel := context.WithTimeout(ctx, readPatience)
		activities, err := h.ledger.Follow(reading, tenant, r.next(), readSize)
		cancel()
		if err != nil {
			return err
		}
		r.add(activities)
		if len(activities) < readSize {
			return nil
		}
	}
}

// join gives the ring of a ledger, which begins at size when it is new.
func (h *Hub) join(tenant audit.TenantID, size int64) *ring {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rings[tenant]
	if r == nil {
		r = &ring{end: size, grown: make(chan struct{})}
		h.rings[tenant] = r
	}
	r.feeds++
	return r
}

// leave lets a ring go with its last feed.
func (h *Hub) leave(tenant audit.TenantID, r *ring) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.feeds--; r.feeds == 0 {
		delete(h.rings, tenant)
	}
}

// ring keeps a ledger's newest activities.
type ring struct {
	feeds int // guarded by the hub's mu

	mu         sync.Mutex
	activities []*audit.Activity // guarded by mu; those before end, without a gap
	bytes      int               // guarded by mu; of what activities hold, roughly
	end        int64             // guarded by mu; seq of the next activity
	grown      chan struct{}     // guarded by mu; closed when activities are added
}

func (r *ring) next() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

func (r *ring) add(activities []*audit.Activity) {
	if len(activities) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.activities = append(r.activities, activities...)
	for _, a := range activities {
		r.bytes += weight(a)
	}
	surplus := 0
	for ; len(r.activities)-surplus > ringSize || r.bytes > ringBytes; surplus++ {
		r.bytes -= weight(r.activities[surplus])
	}
	if surplus > 0 {
		r.activities = append([]*audit.Activity(nil), r.activities[surplus:]...)
	}
	r.end = activities[len(activities)-1].Seq + 1
	close(r.grown)
	r.grown = make(chan struct{})
}

// weight is roughly how many bytes an activity holds.
func weight(a *audit.Activity) int {
	const fields = 1 << 10
	return fields + len(a.Metadata) + len(a.Description) + len(a.Targets)*fields/4 + len(a.Changes)*fields/4
}

// from gives the activities from a seq on, and a channel that closes when there are more. held is false when the ring
// no longer holds that seq.
func (r *ring) from(seq int64) (activities []*audit.Activity, grown <-chan struct{}, held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := r.end - int64(len(r.activities))
	if seq < begin {
		return nil, r.grown, false
	}
	return r.activities[min(seq-begin, int64(len(r.activities))):], r.grown, true
}
