package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// started makes an engine in the bubble of a test, with a vendor whose code is given, and claims its fetch.
func started(t *testing.T, fetch fetchFunc) (*Engine, *memory, audit.Fetch) {
	t.Helper()
	store := newMemory(time.Now)
	engine := newEngine(store, fetch, Options{PollFloor: 15 * time.Second, Now: time.Now})
	if err := store.AddFetches(t.Context(), 1, 2, []audit.NewFetch{liveFetch}); err != nil {
		t.Fatal(err)
	}
	claimed, err := store.ClaimFetches(t.Context(), audit.FetchLive, 1, lease)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	return engine, store, claimed[0]
}

func TestStoppingFinishesThePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		engine, store, fetch := started(t, func(ctx context.Context, _ connector.Request) (connector.Page, error) {
			pages++
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
				return connector.Page{}, ctx.Err()
			}
			return page("a", pages, true).page, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		begun := time.Now()
		engine.run(ctx, fetch)
		if took := time.Since(begun); took != 3*time.Second || pages != 1 {
			t.Errorf("stopped after %s and %d pages, want the end of the first", took, pages)
		}
		if recorded, _ := store.Recorded(ctx); len(recorded) != 1 {
			t.Errorf("%d recorded, want the page that was under way", len(recorded))
		}
		if ends := store.ended(); len(ends) != 1 || ends[0] != (audit.FetchEnd{}) {
			t.Errorf("ends %+v, want the lease given back and no failure", ends)
		}
	})
}

func TestStoppingWaitsNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, store, fetch := started(t, func(ctx context.Context, _ connector.Request) (connector.Page, error) {
			<-ctx.Done()
			return connector.Page{}, connector.Fail(connector.TryLater, errBroken)
		})
		fetch.Failures = 2
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		begun := time.Now()
		engine.run(ctx, fetch)
		if took := time.Since(begun); took != time.Second+grace {
			t.Errorf("stopped after %s, want after the grace of %s", took, grace)
		}
		if ends := store.ended(); len(ends) != 1 || ends[0] != (audit.FetchEnd{Failures: 2}) {
			t.Errorf("ends %+v, want the lease given back, and nothing held against the vendor", ends)
		}
	})
}

func TestNothingBeginsWhileStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, store, fetch := started(t, func(context.Context, connector.Request) (connector.Page, error) {
			t.Error("asked although the process stops")
			return connector.Page{}, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		engine.run(ctx, fetch)
		if ends := store.ended(); len(ends) != 1 || ends[0] != (audit.FetchEnd{}) {
			t.Errorf("ends %+v, want the lease given back", ends)
		}
	})
}

func TestALongPageKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, store, fetch := started(t, func(context.Context, connector.Request) (connector.Page, error) {
			time.Sleep(4 * time.Minute)
			return page("a", 1, false).page, nil
		})
		taken := make(chan int, 1)
		time.AfterFunc(4*time.Minute-time.Second, func() {
			claimed, _ := store.ClaimFetches(t.Context(), audit.FetchLive, 1, lease)
			taken <- len(claimed)
		})
		engine.run(t.Context(), fetch)
		if <-taken != 0 || store.renewals < 10 {
			t.Errorf("renewed %d times, want often enough that nobody takes it over", store.renewals)
		}
		if recorded, _ := store.Recorded(t.Context()); len(recorded) != 1 {
			t.Errorf("%d recorded, want the page", len(recorded))
		}
	})
}

func TestALostLeaseStopsTheFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, store, fetch := started(t, func(ctx context.Context, _ connector.Request) (connector.Page, error) {
			<-ctx.Done()
			return connector.Page{}, ctx.Err()
		})
		time.AfterFunc(5*time.Second, func() {
			store.mu.Lock()
			defer store.mu.Unlock()
			store.fetches[1].Lease.Fence++
		})
		begun := time.Now()
		engine.run(t.Context(), fetch)
		if took := time.Since(begun); took > lease {
			t.Errorf("noticed after %s, want within the lease", took)
		}
		if ends := store.ended(); len(ends) != 0 {
			t.Errorf("who lost the lease wrote %+v", ends)
		}
	})
}

func TestAConnectorThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, store, fetch := started(t, func(ctx context.Context, _ connector.Request) (connector.Page, error) {
			<-ctx.Done()
			return connector.Page{}, ctx.Err()
		})
		begun := time.Now()
		engine.run(t.Context(), fetch)
		if took := time.Since(begun); took != pageTime {
			t.Errorf("ended after %s, want after %s", took, pageTime)
		}
		if ends := store.ended(); len(ends) != 1 || ends[0].Reason != audit.ReasonVendorUnavailable || ends[0].Failures != 1 {
			t.Errorf("ends %+v, want a failure of the vendor", ends)
		}
	})
}

func TestSlotsBoundWhatRunsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var live, backfills atomic.Int64
		release := make(chan struct{})
		engine, store, _ := started(t, func(_ context.Context, r connector.Request) (connector.Page, error) {
			counter := &live
			if r.Window != nil {
				counter = &backfills
			}
			counter.Add(1)
			<-release
			return connector.Page{}, nil
		})
		var fetches []audit.NewFetch
		for n := range int64(20) {
			fetches = append(fetches,
				audit.NewFetch{ID: 100 + n, Feed: "main", Kind: audit.FetchLive},
				audit.NewFetch{ID: 200 + n, Feed: "main", Kind: audit.FetchBackfill, From: time.Now().Add(-time.Hour), To: time.Now()},
			)
		}
		if err := store.AddFetches(t.Context(), 1, 2, fetches); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			engine.dispatch(t.Context(), audit.FetchLive)
			synctest.Wait()
		}
		if running := len(engine.slots[audit.FetchLive]); running != liveSlots {
			t.Errorf("%d live fetches run, want %d", running, liveSlots)
		}
		// Live ones that wait hold backfills back, until they are all claimed.
		engine.dispatch(t.Context(), audit.FetchBackfill)
		synctest.Wait()
		if running := len(engine.slots[audit.FetchBackfill]); running != 0 {
			t.Errorf("%d backfills run while live fetches wait for a slot", running)
		}
		close(release)
		for range 5 {
			engine.dispatch(t.Context(), audit.FetchLive)
			synctest.Wait()
		}
		for range 10 {
			engine.dispatch(t.Context(), audit.FetchBackfill)
			synctest.Wait()
		}
		engine.running.Wait()
		if live.Load() != 20 || backfills.Load() != 20 {
			t.Errorf("%d live fetches and %d backfills were asked, want 20 and 20", live.Load(), backfills.Load())
		}
	})
}

// TestOneRequestAtATime: a vendor's account is never asked by two fetches at once, other accounts are.
func TestOneRequestAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gates := newGates(time.Now)
		var asking, most, all atomic.Int64
		ask := func(account audit.IntegrationID) {
			_, err := gates.pass(t.Context(), audit.Fetch{Tenant: 1, IntegrationID: account}, func() (connector.Page, error) {
				all.Add(1)
				if account == 1 {
					most.Store(max(most.Load(), asking.Add(1)))
					defer asking.Add(-1)
				}
				time.Sleep(time.Second)
				return connector.Page{}, nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		begun := time.Now()
		var asks sync.WaitGroup
		for range 5 {
			asks.Go(func() { ask(1) })
			asks.Go(func() { ask(2) })
		}
		asks.Wait()
		if took := time.Since(begun); most.Load() != 1 || all.Load() != 10 || took != 5*time.Second {
			t.Errorf("%d at once, %d in all, in %s: want 1, 10, and both accounts side by side", most.Load(), all.Load(), took)
		}
	})
}

func TestWaitingForTheGateEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gates := newGates(time.Now)
		release := make(chan struct{})
		defer close(release)
		go func() {
			_, _ = gates.pass(t.Context(), audit.Fetch{}, func() (connector.Page, error) {
				<-release
				return connector.Page{}, nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := gates.pass(ctx, audit.Fetch{}, func() (connector.Page, error) {
			t.Error("passed while another is passing")
			return connector.Page{}, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	store := newMemory(time.Now)
	engine := newEngine(store, fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		select {
		case asked <- struct{}{}:
		default: // once is enough
		}
		return page("a", 1, true).page, nil
	}), Options{PollFloor: time.Second, Now: time.Now})
	if err := store.AddFetches(t.Context(), 1, 2, []audit.NewFetch{liveFetch}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	<-asked
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("running: %v, want %v", err, context.Canceled)
	}
	if ends := store.ended(); len(ends) != 1 || ends[0].Failures != 0 {
		t.Errorf("ends %+v, want the lease given back", ends)
	}
}
