// Package live lets subscribers follow the ledger: history first, then what is recorded, by seq, without a gap and
// nothing twice.
//
// One Hub per process reads each followed ledger once and keeps its newest activities in a ring; every feed reads from
// there at its own pace. Nothing is buffered per subscriber and nobody waits for one: a feed that falls behind the ring
// reads the ledger until it has caught up, and ends with a TooSlowError when its reader is to blame.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"annals/audit"
)

const (
	// patience with the ledger: a way to it that has gone silent must not hold up all feeds.
	readPatience = 5 * time.Second
	// readSize is how many activities are read at once. An activity can hold half a MiB, and 50 MiB are read well within
	// readPatience; more at once would be no faster.
	readSize = 100
	// lookInterval is how often the hub looks by itself, in case a hint was lost.
	lookInterval = time.Second
)

var errPanicked = errors.New("panicked")

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
	ready := make(chan struct{})
	close(ready)
	var more <-chan struct{} // ready while a ledger holds more than was read of it
	for {
		var due func(*ring) bool
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			due = func(*ring) bool { return true }
		case <-h.wake:
			due = func(r *ring) bool { return !r.failed }
		case <-more:
			due = func(r *ring) bool { return r.full }
		}
		if more = nil; h.round(ctx, due) {
			more = ready
		}
	}
}

// round reads one batch of each ledger that is due, so that none waits for the backlog of another, and reports whether
// there is more.
func (h *Hub) round(ctx context.Context, due func(*ring) bool) (more bool) {
	for tenant, r := range h.followed() {
		if !due(r) {
			continue
		}
		full, err := h.read(ctx, tenant, r)
		if r.full, r.failed = full, err != nil; err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "following a ledger", "error", err)
		}
		more = more || full
	}
	return more
}

// listen waits for hints, and begins again when the connection breaks. Between two tries the ticker finds everything.
func (h *Hub) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := contained(func() error { return h.ledger.Listen(ctx, h.nudge) }); err != nil && ctx.Err() == nil {
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

// read adds the next batch of a ledger to its ring. A full one has more behind it.
func (h *Hub) read(ctx context.Context, tenant audit.TenantID, r *ring) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	err = contained(func() error {
		activities, err := h.ledger.Follow(ctx, tenant, r.next(), readSize)
		if err != nil {
			return err
		}
		r.add(activities)
		full = len(activities) == readSize
		return nil
	})
	return full, err
}

// contained makes an error of a panic, so that what is wrong with one ledger does not end the process.
func contained(do func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanicked, panicked, debug.Stack())
		}
	}()
	return do()
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
