// Package engine moves the fetches: it claims those that are due, runs them a few pages at a time, and decides when
// each goes on. Several replicas share the work through the leases of the store.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// dispatchInterval is how often due fetches are looked for, on average.
	dispatchInterval = time.Second
	// lease is how long a claimed fetch is held without being renewed.
	lease = time.Minute
	// liveSlots and backfillSlots are how many fetches of a kind run at once in one process: backfills never take
	// the place of live ones.
	liveSlots     = 8
	backfillSlots = 3
	// grace is how long the page that is being fetched may take when the process stops.
	grace = 5 * time.Second
)

// Store is where fetches are kept.
type Store interface {
	// ClaimFetches leases fetches that are due.
	ClaimFetches(ctx context.Context, kind audit.FetchKind, limit int, lease time.Duration) ([]audit.Fetch, error)
	// RenewFetch lengthens a lease, ErrFenced when it is lost.
	RenewFetch(ctx context.Context, tenant audit.TenantID, held audit.FetchLease, lease time.Duration) error
	// MayGoOn reports whether a claimed fetch may ask for its next page: it is still ours, nobody has paused or deleted
	// its integration, the vendor throttles none of its fetches, and no live fetch waits for a backfill.
	MayGoOn(ctx context.Context, fetch audit.Fetch) (bool, error)
	// FinishFetch gives a lease back and says how the fetch goes on.
	FinishFetch(ctx context.Context, fetch audit.Fetch, end audit.FetchEnd) error
}

// Opener opens the vendor's code for an integration, with its secrets.
type Opener interface {
	Open(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) (connector.Opened, audit.Connector, error)
}

// Engine runs fetches.
type Engine struct {
	store    Store
	opener   Opener
	recorder *Recorder
	options  Options
	gates    *gates
	tick     time.Duration // between two dispatches
	slots    map[audit.FetchKind]chan struct{}
	running  sync.WaitGroup
}

// Options are the engine's settings.
type Options struct {
	PollFloor time.Duration // shortest interval between two polls
	Now       func() time.Time
	Log       *slog.Logger
}

// New makes an engine; Run moves it.
func New(store Store, opener Opener, recorder *Recorder, o Options) *Engine {
	return &Engine{
		store: store, opener: opener, recorder: recorder, options: o, gates: newGates(o.Now), tick: dispatchInterval,
		slots: map[audit.FetchKind]chan struct{}{
			audit.FetchLive:     make(chan struct{}, liveSlots),
			audit.FetchBackfill: make(chan struct{}, backfillSlots),
		},
	}
}

// Run dispatches until the context ends, and then waits for the fetches that run: each stops after its page.
func (e *Engine) Run(ctx context.Context) error {
	scheduler, err := gocron.NewScheduler(gocron.WithLocation(time.UTC))
	if err != nil {
		return fmt.Errorf("making the scheduler: %w", err)
	}
	for kind := range e.slots {
		if err := e.schedule(ctx, scheduler, kind); err != nil {
			return err
		}
	}
	scheduler.Start()
	<-ctx.Done()
	err = scheduler.Shutdown()
	e.running.Wait()
	return errors.Join(ctx.Err(), err)
}

func (e *Engine) schedule(ctx context.Context, scheduler gocron.Scheduler, kind audit.FetchKind) error {
	_, err := scheduler.NewJob(
		// Not in step with other replicas, of which the one that is always a moment earlier would get all the work.
		gocron.DurationRandomJob(e.tick/2, e.tick*3/2),
		gocron.NewTask(func() { e.dispatch(ctx, kind) }),
		gocron.WithName("dispatch "+string(kind)),
		gocron.WithSingletonMode(gocron.LimitModeReschedule),
		gocron.WithStartAt(gocron.WithStartImmediately()),
		// Without a listener a panic in a job ends the process.
		gocron.WithEventListeners(gocron.AfterJobRunsWithPanic(func(_ uuid.UUID, name string, recovered any) {
			e.options.Log.ErrorContext(ctx, "a job panicked", "job", name, "panic", recovered)
		})),
	)
	if err != nil {
		return fmt.Errorf("scheduling: %w", err)
	}
	return nil
}

// dispatch claims as many fetches as there are free slots, and starts them.
func (e *Engine) dispatch(ctx context.Context, kind audit.FetchKind) {
	slots := e.slots[kind]
	free := cap(slots) - len(slots)
	if free == 0 || ctx.Err() != nil {
		return
	}
	fetches, err := e.store.ClaimFetches(ctx, kind, free, lease)
	if err != nil {
		if ctx.Err() == nil {
			e.options.Log.WarnContext(ctx, "claiming fetches", "error", err)
		}
		return
	}
	for _, fetch := range fetches {
		slots <- struct{}{}
		e.running.Go(func() {
			defer func() { <-slots }()
			e.run(ctx, fetch)
		})
	}
}

// run runs one claimed fetch and gives it back.
func (e *Engine) run(ctx context.Context, fetch audit.Fetch) {
	log := e.options.Log.With("integration", int64(fetch.IntegrationID), "feed", fetch.Feed, "kind", string(fetch.Kind))
	working, stop := outlive(ctx, grace)
	var renewing sync.WaitGroup
	renewing.Go(func() { e.renew(working, stop, fetch) })
	end, err := e.fetch(working, fetch, ctx.Done())
	cause := context.Cause(working)
	stop(nil)
	renewing.Wait()
	switch {
	case errors.Is(err, audit.ErrFenced), errors.Is(cause, audit.ErrFenced):
		log.InfoContext(ctx, "a fetch was taken over or cancelled")
		return
	case cause != nil: // the process stops, which is nobody's failure
		end = audit.FetchEnd{PollInterval: fetch.PollInterval, Failures: fetch.Failures}
	case err != nil:
		log.WarnContext(ctx, "fetching", "error", err, "delay", end.Delay.String())
	}
	// The lease is given back even when the process is stopping, so that another replica need not wait for its end.
	giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := e.store.FinishFetch(giving, fetch, end); err != nil && !errors.Is(err, audit.ErrFenced) {
		log.WarnContext(ctx, "finishing a fetch", "error", err)
	}
}

// outlive gives a context that ends a while after its parent, so that what has begun can be finished. The function
// ends it at once and must be called.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelCauseFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) }) })
	return longer, func(cause error) {
		detach()
		cancel(cause)
	}
}

// renew lengthens the lease until the context ends; when it is lost the fetch stops.
func (e *Engine) renew(ctx context.Context, stop context.CancelCauseFunc, fetch audit.Fetch) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := e.store.RenewFetch(ctx, fetch.Tenant, fetch.Lease, lease); errors.Is(err, audit.ErrFenced) {
			stop(audit.ErrFenced)
			return
		}
	}
}
