package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// gates let one request at a time through to each vendor account, and none while it throttles: its limits are for the
// account, whichever feed asks.
type gates struct {
	now func() time.Time

	mu    sync.Mutex
	gates map[account]*gate // guarded by mu
}

type account struct {
	tenant      audit.TenantID
	integration audit.IntegrationID
}

type gate struct {
	passing chan struct{} // holds the one that is passing
	closed  time.Time     // until then; only the one that is passing looks
}

func newGates(now func() time.Time) *gates {
	return &gates{now: now, gates: map[account]*gate{}}
}

func (g *gates) of(fetch audit.Fetch) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := account{fetch.Tenant, fetch.IntegrationID}
	if g.gates[key] == nil {
		g.gates[key] = &gate{passing: make(chan struct{}, 1)}
	}
	return g.gates[key]
}

// pass waits for its turn and asks for a page. While the vendor throttles it fails as the vendor would, without asking.
func (g *gates) pass(ctx context.Context, fetch audit.Fetch, ask func() (connector.Page, error)) (connector.Page, error) {
	own := g.of(fetch)
	select {
	case own.passing <- struct{}{}:
	case <-ctx.Done():
		return connector.Page{}, ctx.Err()
	}
	defer func() { <-own.passing }()
	if g.now().Before(own.closed) {
		return connector.Page{}, &connector.Failure{Class: connector.RateLimited, Until: own.closed, Err: errThrottled}
	}
	page, err := ask()
	own.closed = connector.UntilOf(err)
	if own.closed.IsZero() && connector.ClassOf(err) == connector.RateLimited {
		own.closed = g.now().Add(throttled)
	}
	if err != nil {
		return connector.Page{}, fmt.Errorf("fetching a page: %w", err)
	}
	return page, nil
}

var errThrottled = errors.New("the vendor throttles this account")
