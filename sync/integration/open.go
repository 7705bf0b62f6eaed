package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// Open opens the vendor's code for an integration, with its secrets. It stays open until the integration changes.
func (s *Service) Open(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) (connector.Opened, audit.Connector, error) {
	stored, err := s.store.StoredIntegration(ctx, tenant, id)
	if err == nil && stored.DeletedAt != nil {
		err = audit.ErrNotFound
	}
	if err != nil {
		return nil, audit.Connector{}, err
	}
	return s.OpenStored(stored)
}

// OpenStored is Open for an integration that was read already.
func (s *Service) OpenStored(stored audit.StoredIntegration) (connector.Opened, audit.Connector, error) {
	registration, ok := s.catalogue.find(stored.ConnectorName)
	if !ok || registration.Open == nil {
		return nil, audit.Connector{}, fmt.Errorf("the connector %q cannot be opened", stored.ConnectorName)
	}
	if opened, ok := s.cache.get(stored); ok {
		return opened, registration.Connector, nil
	}
	values, err := s.unseal(stored)
	if err != nil {
		return nil, audit.Connector{}, err
	}
	opened, err := s.open(registration, stored, values)
	if err == nil {
		s.cache.put(stored, opened)
	}
	return opened, registration.Connector, err
}

func (s *Service) open(registration connector.Registration, stored audit.StoredIntegration, values map[string]json.RawMessage) (connector.Opened, error) {
	opened, err := registration.Open(connector.Config{
		Settings: connector.NewSettings(registration.Connector.Settings, values),
		HTTP:     s.options.Client,
		Now:      s.options.Now,
		Log:      s.options.Log.With("connector", stored.ConnectorName, "integration", int64(stored.Number)),
	})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", stored.ConnectorName, err)
	}
	return opened, nil
}

// unused is how long what was opened is kept without being used. Who deletes an integration at another replica cannot
// drop it here, and the longest polling interval is shorter.
const unused = time.Hour

// openedCache keeps what was opened, so that a vendor's limiter lasts from one fetch to the next.
type openedCache struct {
	now func() time.Time

	mu     sync.Mutex
	opened map[openedKey]openedEntry // guarded by mu
	swept  time.Time                 // guarded by mu
}

type openedKey struct {
	tenant audit.TenantID
	id     audit.IntegrationID
}

type openedEntry struct {
	updatedAt, usedAt time.Time
	opened            connector.Opened
}

func newOpenedCache(now func() time.Time) *openedCache {
	return &openedCache{now: now, opened: map[openedKey]openedEntry{}}
}

func (c *openedCache) get(stored audit.StoredIntegration) (connector.Opened, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	key := openedKey{stored.Tenant, stored.Number}
	entry, ok := c.opened[key]
	if !ok || !entry.updatedAt.Equal(stored.UpdatedAt) {
		return nil, false
	}
	entry.usedAt = c.now()
	c.opened[key] = entry
	return entry.opened, true
}

// sweep forgets what is unused, with its secrets; now and then.
func (c *openedCache) sweep() {
	now := c.now()
	if now.Sub(c.swept) < unused/10 {
		return
	}
	c.swept = now
	maps.DeleteFunc(c.opened, func(_ openedKey, entry openedEntry) bool { return now.Sub(entry.usedAt) > unused })
}

func (c *openedCache) put(stored audit.StoredIntegration, opened connector.Opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[openedKey{stored.Tenant, stored.Number}] = openedEntry{updatedAt: stored.UpdatedAt, usedAt: c.now(), opened: opened}
}

// drop forgets what holds the secrets of a deleted integration.
func (c *openedCache) drop(stored audit.StoredIntegration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.opened, openedKey{stored.Tenant, stored.Number})
}
