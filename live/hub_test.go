package live

import (
	"bytes"
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

// ledgers are those of several tenants. Each read takes its time.
type ledgers struct {
	tenants  int // from 0
	of       map[audit.TenantID]*ledger
	readTime time.Duration
	busy     audit.TenantID // its ledger never ends

	mu    sync.Mutex
	reads map[audit.TenantID]int          // guarded by mu
	fault map[audit.TenantID]func() error // guarded by mu; before a read
	ear   func() error                    // guarded by mu; before hints are heard
}

func newLedgers(tenants int) *ledgers {
	return &ledgers{tenants: tenants, reads: map[audit.TenantID]int{}, fault: map[audit.TenantID]func() error{}}
}

// open makes the ledgers within a bubble, as their channels must be.
func (l *ledgers) open() {
	l.of = map[audit.TenantID]*ledger{}
	for id := range audit.TenantID(l.tenants) {
		l.of[id] = newLedger()
		l.of[id].tenant = id
	}
}

func (l *ledgers) readsOf(tenant audit.TenantID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads[tenant]
}

func (l *ledgers) breaks(tenant audit.TenantID, fault func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault[tenant] = fault
}

func (l *ledgers) Follow(ctx context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error) {
	l.mu.Lock()
	l.reads[tenant]++
	fault := l.fault[tenant]
	l.mu.Unlock()
	if fault != nil {
		if err := fault(); err != nil {
			return nil, err
		}
	}
	time.Sleep(l.readTime)
	if tenant == l.busy {
		l.of[tenant].add(limit, false)
	}
	return l.of[tenant].Follow(ctx, tenant, from, limit)
}

func (l *ledgers) Size(ctx context.Context, tenant audit.TenantID) (int64, error) {
	return l.of[tenant].Size(ctx, tenant)
}

func (l *ledgers) Page(ctx context.Context, view audit.View, page audit.PageQuery) ([]*audit.Activity, error) {
	return l.of[view.Tenant()].Page(ctx, view, page)
}

func (l *ledgers) SeqSince(ctx context.Context, tenant audit.TenantID, since time.Time) (int64, error) {
	return l.of[tenant].SeqSince(ctx, tenant, since)
}

// Listen hears the hints of tenant 1 alone.
func (l *ledgers) Listen(ctx context.Context, woken func()) error {
	l.mu.Lock()
	ear := l.ear
	l.mu.Unlock()
	if ear != nil {
		if err := ear(); err != nil {
			return err
		}
	}
	return l.of[1].Listen(ctx, woken)
}

// running runs a test with a hub over ledgers, and gives what it has logged.
func running(t *testing.T, l *ledgers, test func(t *testing.T, h *Hub)) string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		l.open()
		h := NewHub(l, plainCursors{}, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		var hub sync.WaitGroup
		defer hub.Wait()
		defer cancel()
		hub.Go(func() { _ = h.Run(ctx) })
		synctest.Wait()
		test(t, h)
	})
	return log.String()
}

// feedOf follows a tenant up to its first message, which is empty.
func feedOf(t *testing.T, h *Hub, id audit.TenantID) *Feed {
	t.Helper()
	feed, err := h.Follow(t.Context(), audit.NewView(id, nil, -1, begin), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next(t, feed)
	return feed
}

// TestABacklogOfAnotherTenant: one whose ledger never ends holds up nobody, and is not held up by those who are quiet.
func TestABacklogOfAnotherTenant(t *testing.T) {
	t.Parallel()
	const tenants = 40
	l := newLedgers(tenants)
	l.busy, l.readTime = 7, 10*time.Millisecond
	running(t, l, func(t *testing.T, h *Hub) {
		for id := range audit.TenantID(tenants) {
			defer feedOf(t, h, id).Close()
		}
		quiet := feedOf(t, h, 1)
		defer quiet.Close()
		time.Sleep(5 * time.Second)
		for range 10 {
			begun := time.Now()
			l.of[1].add(1, true)
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			message, err := quiet.Next(ctx)
			cancel()
			if took := time.Since(begun); err != nil || len(message.Edges) != 1 || took > lookInterval {
				t.Fatalf("after %s: %+v, %v, want the activity within one round of all", took, message, err)
			}
			time.Sleep(3 * time.Second)
		}
		busy, calm := l.readsOf(7), l.readsOf(2)
		time.Sleep(10 * time.Second)
		busy, calm = l.readsOf(7)-busy, l.readsOf(2)-calm
		if calm > 12 || busy < 500 {
			t.Errorf("in 10 s the busy ledger was read %d times, a quiet one %d times, want all the time that looking leaves, and once a look", busy, calm)
		}
	})
}

// TestTheHubOutlivesPanics: what is wrong with one ledger costs no other anything, and is over when it is mended.
func TestTheHubOutlivesPanics(t *testing.T) {
	t.Parallel()
	l := newLedgers(3)
	log := running(t, l, func(t *testing.T, h *Hub) {
		bad, good := feedOf(t, h, 2), feedOf(t, h, 1)
		defer bad.Close()
		defer good.Close()
		l.breaks(2, func() error { panic("canary of the ledger") })
		before := l.readsOf(2)
		for seq := range 50 {
			begun := time.Now()
			l.of[2].add(1, false)
			l.of[1].add(1, true)
			if message := next(t, good); seqs(message) != fmt.Sprint(seq) || time.Since(begun) > 0 {
				t.Fatalf("%s after %s, want %d at once", seqs(message), time.Since(begun), seq)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if tries := l.readsOf(2) - before; tries < 3 || tries > 7 {
			t.Errorf("%d tries in 5 s, want one a look", tries)
		}
		l.breaks(2, nil)
		if message := next(t, bad); len(message.Edges) != 50 {
			t.Errorf("%d activities came when it was mended, want 50", len(message.Edges))
		}
	})
	if !strings.Contains(log, "canary of the ledger") || !strings.Contains(log, "hub_test.go") {
		t.Errorf("neither the panic nor its stack is in the log: %.300s", log)
	}
}

func TestListeningOutlivesPanics(t *testing.T) {
	t.Parallel()
	l := newLedgers(2)
	tries := 0
	l.ear = func() error {
		if tries++; tries < 3 {
			panic("canary of the ear")
		}
		return nil
	}
	log := running(t, l, func(t *testing.T, h *Hub) {
		feed := feedOf(t, h, 1)
		defer feed.Close()
		time.Sleep(3 * lookInterval)
		begun := time.Now()
		l.of[1].add(1, true)
		if message := next(t, feed); seqs(message) != "0" || time.Since(begun) > 0 {
			t.Errorf("%s after %s: hints do not come again", seqs(message), time.Since(begun))
		}
	})
	if strings.Count(log, "canary of the ear") != 2 {
		t.Errorf("logged %s", log)
	}
}

// TestAFailingLedgerIsNotHammered: hints of others are no reason to try again.
func TestAFailingLedgerIsNotHammered(t *testing.T) {
	t.Parallel()
	l := newLedgers(3)
	running(t, l, func(t *testing.T, h *Hub) {
		defer feedOf(t, h, 2).Close()
		defer feedOf(t, h, 1).Close()
		l.breaks(2, func() error { return errors.New("gone") })
		before := l.readsOf(2)
		for range 100 {
			l.of[1].add(1, true)
			time.Sleep(100 * time.Millisecond)
		}
		if tries := l.readsOf(2) - before; tries < 9 || tries > 12 {
			t.Errorf("%d tries in 10 s, want one a look", tries)
		}
	})
}
