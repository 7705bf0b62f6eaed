package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"annals/audit"
)

// Integrations is where the state of integrations is read.
type Integrations interface {
	// Follow reads all integrations of a tenant, whoever may see them.
	Follow(ctx context.Context, tenant audit.TenantID) ([]*audit.Integration, error)
	// Backfills reads those of an integration of the view's tenant.
	Backfills(ctx context.Context, view audit.View, i *audit.Integration) ([]*audit.Backfill, error)
}

// watchInterval is how often a subscription looks at integrations, and so how often one is sent at most.
const watchInterval = time.Second

// Watcher tells subscriptions of integrations that change. However many subscriptions a tenant has, its integrations
// are read twice a second at most.
type Watcher struct {
	store Integrations
	now   func() time.Time

	mu      sync.Mutex
	tenants map[audit.TenantID]*observed // guarded by mu; those with subscriptions
}

// NewWatcher makes a watcher.
func NewWatcher(store Integrations, now func() time.Time) *Watcher {
	return &Watcher{store: store, now: now, tenants: map[audit.TenantID]*observed{}}
}

// observed is what was last seen of a tenant.
type observed struct {
	subscriptions int // guarded by Watcher.mu

	mu     sync.Mutex // held while the store is read: who comes meanwhile takes what was read
	at     time.Time  // guarded by mu
	states []state    // guarded by mu
}

// state is an integration, and a text that changes when what is shown of it does.
type state struct {
	integration *audit.Integration
	text        string
}

// Watch sends the integrations that a view sees whose state or backfills changed, each at most once a second; first the
// present state of all that are asked for. ids are global ids, all integrations when nil. It ends with the context or
// the first error.
func (w *Watcher) Watch(ctx context.Context, view audit.View, ids []string, send func(*audit.Integration) error) error {
	tenant := w.enter(view.Tenant())
	defer w.leave(view.Tenant())
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	sent := map[audit.IntegrationID]string{}
	for {
		states, err := w.look(ctx, tenant, view)
		if err != nil {
			return err
		}
		for _, now := range states {
			i := now.integration
			if sent[i.Number] == now.text || !view.SeesIntegration(i.Number, i.ConnectorName) || ids != nil && !slices.Contains(ids, i.ID()) {
				continue
			}
			sent[i.Number] = now.text
			if err := send(i); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (w *Watcher) enter(id audit.TenantID) *observed {
	w.mu.Lock()
	defer w.mu.Unlock()
	tenant := w.tenants[id]
	if tenant == nil {
		tenant = &observed{}
		w.tenants[id] = tenant
	}
	tenant.subscriptions++
	return tenant
}

func (w *Watcher) leave(id audit.TenantID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tenant := w.tenants[id]
	if tenant.subscriptions--; tenant.subscriptions == 0 {
		delete(w.tenants, id)
	}
}

// look gives the states of all integrations of the view's tenant: what another subscription has read just now, or it
// reads them.
func (w *Watcher) look(ctx context.Context, tenant *observed, view audit.View) ([]state, error) {
	tenant.mu.Lock()
	defer tenant.mu.Unlock()
	if w.now().Sub(tenant.at) < watchInterval/2 {
		return tenant.states, nil
	}
	all, err := w.store.Follow(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	states := make([]state, len(all))
	for n, i := range all {
		backfills, err := w.store.Backfills(ctx, view, i)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal([]any{i, backfills})
		if err != nil {
			return nil, fmt.Errorf("comparing integrations: %w", err)
		}
		states[n] = state{i, string(text)}
	}
	tenant.at, tenant.states = w.now(), states
	return states, nil
}
