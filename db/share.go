package db

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"annals/audit"
)

// shares keep one tenant's reads from taking all connections: each may have a part of them at a time, and waits for its
// own reads rather than let the others wait.
type shares struct {
	most int64

	mu sync.Mutex
	of map[audit.TenantID]*semaphore.Weighted // guarded by mu
}

// newShares gives each tenant five of eight connections, and so on.
func newShares(connections int32) *shares {
	return &shares{most: max(1, int64(connections)*5/8), of: map[audit.TenantID]*semaphore.Weighted{}}
}

// take waits until the tenant may read; give ends the read. The error is audit.ErrTimeout.
func (s *shares) take(ctx context.Context, tenant audit.TenantID) (give func(), err error) {
	s.mu.Lock()
	share := s.of[tenant]
	if share == nil {
		share = semaphore.NewWeighted(s.most)
		s.of[tenant] = share
	}
	s.mu.Unlock()
	if err := share.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting for the tenant's other reads: %w: %w", audit.ErrTimeout, err)
	}
	return func() { share.Release(1) }, nil
}
