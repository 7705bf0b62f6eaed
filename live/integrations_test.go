package live

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// integrations are what Watch looks at.
type integrations struct {
	mu        sync.Mutex
	all       []audit.Integration // guarded by mu
	backfills []*audit.Backfill   // guarded by mu; of the first integration
	err       error               // guarded by mu
	reads     int                 // guarded by mu
}

func (s *integrations) Follow(_ context.Context, of audit.TenantID) ([]*audit.Integration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of != tenant {
		return nil, audit.ErrNotFound
	}
	s.reads++
	var list []*audit.Integration
	for _, i := range s.all {
		list = append(list, &i)
	}
	return list, s.err
}

func (s *integrations) Backfills(_ context.Context, _ audit.View, i *audit.Integration) ([]*audit.Backfill, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.Number != s.all[0].Number {
		return nil, nil
	}
	return s.backfills, nil
}

func (s *integrations) change(f func(*integrations)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// watched is what was sent, and when.
type watched struct {
	name string
	at   time.Duration
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &integrations{all: []audit.Integration{{Tenant: tenant, Number: 1, Name: "a"}, {Tenant: tenant, Number: 2, Name: "b"}, {Tenant: tenant, Number: 3, Name: "c"}}}
		ids := []string{store.all[0].ID(), store.all[2].ID(), "nonsense"}
		start := time.Now()
		var sent []watched
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			err := NewWatcher(store, time.Now).Watch(ctx, everything(), ids, func(i *audit.Integration) error {
				sent = append(sent, watched{i.Name, time.Since(start)})
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
		time.Sleep(1500 * time.Millisecond)
		for i := range 4 { // several changes within a second are one
			store.change(func(s *integrations) { s.all[2].Name = "c" + string(rune('0'+i)) })
			time.Sleep(100 * time.Millisecond)
		}
		store.change(func(s *integrations) { s.all[1].Name = "not asked for" })
		time.Sleep(1200 * time.Millisecond)
		store.change(func(s *integrations) { s.backfills = []*audit.Backfill{{Number: 7}} })
		time.Sleep(1 * time.Second)
		store.change(func(s *integrations) { s.backfills[0] = &audit.Backfill{Number: 7, RecordedCount: 5} })
		time.Sleep(5 * time.Second)
		cancel()
		watching.Wait()
		want := []watched{{"a", 0}, {"c", 0}, {"c3", 2 * time.Second}, {"a", 4 * time.Second}, {"a", 5 * time.Second}}
		if len(sent) != len(want) {
			t.Fatalf("sent %v, want %v", sent, want)
		}
		for i := range want {
			if sent[i] != want[i] {
				t.Errorf("sent %v, want %v", sent[i], want[i])
			}
		}
	})
}

func TestWatchAllAndNone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ids  []string
		want int
	}{"all": {nil, 2}, "none": {[]string{}, 0}} {
		synctest.Test(t, func(t *testing.T) {
			store := &integrations{all: []audit.Integration{{Tenant: tenant, Number: 1}, {Tenant: tenant, Number: 2}}}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			sent := 0
			err := NewWatcher(store, time.Now).Watch(ctx, everything(), tc.ids, func(*audit.Integration) error { sent++; return nil })
			if !errors.Is(err, context.DeadlineExceeded) || sent != tc.want {
				t.Errorf("%s: sent %d, want %d; %v", name, sent, tc.want, err)
			}
		})
	}
}

func TestWatchEndsWithItsFirstError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &integrations{all: []audit.Integration{{Tenant: tenant, Number: 1}}}
		gone := errors.New("gone")
		if err := NewWatcher(store, time.Now).Watch(t.Context(), everything(), nil, func(*audit.Integration) error { return gone }); !errors.Is(err, gone) {
			t.Errorf("ended with %v, want %v", err, gone)
		}
		time.AfterFunc(3*time.Second, func() { store.change(func(s *integrations) { s.err = audit.ErrUnavailable }) })
		err := NewWatcher(store, time.Now).Watch(t.Context(), everything(), nil, func(*audit.Integration) error { return nil })
		if !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("ended with %v, want %v", err, audit.ErrUnavailable)
		}
	})
}

// Subscriptions share what is read of their tenant, and each gets what its token may see of it.
func TestWatchersShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &integrations{all: []audit.Integration{{Tenant: tenant, Number: 1, Name: "a"}, {Tenant: tenant, Number: 2, Name: "b"}}}
		narrow := audit.NewView(tenant, audit.All{audit.InIntegrations{IDs: []audit.IntegrationID{2}}}, 0, time.Now())
		views := []audit.View{narrow}
		for range 49 {
			views = append(views, everything())
		}
		w := NewWatcher(store, time.Now)
		sent := make([]string, len(views))
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		for n, view := range views {
			watching.Go(func() {
				time.Sleep(time.Duration(n) * 20 * time.Millisecond) // they do not tick together
				_ = w.Watch(ctx, view, nil, func(i *audit.Integration) error { sent[n] += i.Name; return nil })
			})
		}
		time.Sleep(9500 * time.Millisecond)
		store.change(func(s *integrations) { s.all[0].Name, s.all[1].Name = "c", "d" })
		time.Sleep(2 * time.Second)
		cancel()
		watching.Wait()
		for n, names := range sent {
			if want := map[bool]string{true: "bd", false: "abcd"}[n == 0]; names != want {
				t.Errorf("subscription %d got %q, want %q", n, names, want)
			}
		}
		if store.reads > 2*12+1 {
			t.Errorf("%d subscriptions read %d times in 12 seconds, want twice a second", len(views), store.reads)
		}
		if len(w.tenants) > 0 {
			t.Errorf("%d tenants are watched though nobody is left", len(w.tenants))
		}
	})
}
