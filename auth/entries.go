package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"annals/audit"
)

const (
	// entryLife is how long an entry counts without a look at the store: a revocation is seen by all replicas within it.
	entryLife  = time.Second
	maxEntries = 10_000
)

// entries remembers the entries of tokens for a moment, also that there is none.
type entries struct {
	store Store
	now   func() time.Time

	mu    sync.Mutex
	known map[entryKey]knownEntry
}

type entryKey struct {
	tenant audit.TenantID
	jti    string
}

type knownEntry struct {
	entry *audit.APIToken // nil when there is none
	until time.Time
}

func newEntries(store Store, now func() time.Time) *entries {
	return &entries{store: store, now: now, known: map[entryKey]knownEntry{}}
}

// get gives an entry, nil when there is none.
func (e *entries) get(ctx context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	asked := e.now() // the answer is at least as new
	e.mu.Lock()
	known, ok := e.known[entryKey{tenant, jti}]
	e.mu.Unlock()
	if ok && asked.Before(known.until) {
		return known.entry, nil
	}
	entry, err := e.store.Token(ctx, tenant, jti)
	if err != nil && !errors.Is(err, audit.ErrNotFound) {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.known) >= maxEntries {
		clear(e.known)
	}
	e.known[entryKey{tenant, jti}] = knownEntry{entry, asked.Add(entryLife)}
	return entry, nil
}

// forget makes the next look-ups ask the store.
func (e *entries) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.known)
}
