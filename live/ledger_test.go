package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

const tenant audit.TenantID = 5

// begin is when a bubble's clock begins.
var begin = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// ledger is one tenant's ledger in memory.
type ledger struct {
	tenant   audit.TenantID
	pageTime time.Duration // how long a read of history takes

	mu         sync.Mutex
	activities []*audit.Activity // guarded by mu
	hints      chan struct{}     // guarded by mu; closed by a hint
	broken     error             // guarded by mu; what every read gives
	reads      int               // guarded by mu; how often Follow was called
}

func newLedger() *ledger { return &ledger{tenant: tenant, hints: make(chan struct{})} }

// add appends some activities; every tenth is of okta. A hint is lost unless it is sent.
func (l *ledger) add(n int, hint bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		seq := int64(len(l.activities))
		a := &audit.Activity{Tenant: l.tenant, Seq: seq, Connector: "github", RecordedAt: time.Now()}
		if seq%10 == 9 {
			a.Connector = "okta"
		}
		l.activities = append(l.activities, a)
	}
	if hint {
		close(l.hints)
		l.hints = make(chan struct{})
	}
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func (l *ledger) followed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

func (l *ledger) from(seq int64) ([]*audit.Activity, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.activities[min(max(seq, 0), int64(len(l.activities))):], l.broken
}

func (l *ledger) Size(context.Context, audit.TenantID) (int64, error) {
	all, err := l.from(0)
	return int64(len(all)), err
}

func (l *ledger) Follow(_ context.Context, _ audit.TenantID, from int64, limit int) ([]*audit.Activity, error) {
	l.mu.Lock()
	l.reads++
	l.mu.Unlock()
	rest, err := l.from(from)
	return rest[:min(limit, len(rest))], err
}

func (l *ledger) Page(_ context.Context, view audit.View, page audit.PageQuery) ([]*audit.Activity, error) {
	time.Sleep(l.pageTime)
	from := page.Where[len(page.Where)-1].(audit.SeqBetween) // what feeds add to their filter
	rest, err := l.from(*from.Min)
	var found []*audit.Activity
	for _, a := range rest {
		if len(found) == page.Limit || a.Seq > view.AsOf() {
			break
		}
		if view.Sees(a) && audit.Match(page.Where, a) {
			found = append(found, a)
		}
	}
	return found, err
}

func (l *ledger) SeqSince(_ context.Context, _ audit.TenantID, since time.Time) (int64, error) {
	all, err := l.from(0)
	for _, a := range all {
		if !a.RecordedAt.Before(since) {
			return a.Seq, err
		}
	}
	return int64(len(all)), err
}

func (l *ledger) Listen(ctx context.Context, woken func()) error {
	for {
		l.mu.Lock()
		hints, err := l.hints, l.broken
		l.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-hints:
			woken()
		}
	}
}

// plainCursors are readable.
type plainCursors struct{}

func (plainCursors) Live(tenant audit.TenantID, seq int64) string {
	return fmt.Sprintf("%d/%d", tenant, seq)
}

func (plainCursors) OpenLive(of audit.TenantID, text string) (seq int64, err error) {
	var tenant audit.TenantID
	if n, _ := fmt.Sscanf(text, "%d/%d", &tenant, &seq); n != 2 || tenant != of {
		return 0, audit.ErrCursor
	}
	return seq, nil
}

// inBubble runs a test with a hub that follows a ledger, by a clock that moves when all wait.
func inBubble(t *testing.T, test func(t *testing.T, l *ledger, h *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		h := NewHub(l, plainCursors{}, time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("the hub ended with %v", err)
			}
		})
		synctest.Wait() // until the hub listens
		test(t, l, h)
		cancel()
		running.Wait()
	})
}

func everything() audit.View { return audit.NewView(tenant, nil, -1, begin) }

func follow(t *testing.T, h *Hub, filter *audit.Filter, after *string) *Feed {
	t.Helper()
	feed, err := h.Follow(t.Context(), everything(), filter, after, nil)
	if err != nil {
		t.Fatal(err)
	}
	return feed
}

func next(t *testing.T, f *Feed) *audit.LiveMessage {
	t.Helper()
	message, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return message
}

var okta = &audit.Filter{Connector: &audit.StringFilter{In: []string{"okta"}}}

// seqs are the positions of a message's activities, as text.
func seqs(messages ...*audit.LiveMessage) string {
	var list []string
	for _, message := range messages {
		for _, edge := range message.Edges {
			list = append(list, fmt.Sprint(edge.Node.Seq))
		}
	}
	return strings.Join(list, " ")
}
