package graph

import (
	"context"
	"sync"

	"annals/audit"
	"annals/auth"
)

// sockets are the open websockets of a server, counted so that no caller and no tenant takes all of them.
type sockets struct {
	perToken, perTenant int

	mu       sync.Mutex
	closing  bool
	open     map[*socket]bool
	byToken  map[string]int
	byTenant map[audit.TenantID]int
	all      sync.WaitGroup
}

func newSockets(limits Limits) *sockets {
	return &sockets{
		perToken: limits.MaxSocketsPerToken, perTenant: limits.MaxSocketsPerTenant,
		open: map[*socket]bool{}, byToken: map[string]int{}, byTenant: map[audit.TenantID]int{},
	}
}

// add makes a socket known, false once the server is closing.
func (s *sockets) add(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.open[k] = true
	s.all.Add(1)
	return true
}

func (s *sockets) remove(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, k)
	s.all.Done()
}

// admit counts a socket for its principal, false when there are too many; release takes it off again.
func (s *sockets) admit(p *auth.Principal) (release func(), admitted bool) {
	token, tenant := callerOf(p), p.Tenant.Number
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byToken[token] >= s.perToken || s.byTenant[tenant] >= s.perTenant {
		return nil, false
	}
	s.byToken[token]++
	s.byTenant[tenant]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		take(s.byToken, token)
		take(s.byTenant, tenant)
	}, true
}

// take lowers a count and forgets it at zero.
func take[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// shut closes the door and returns who is still inside.
func (s *sockets) shut() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	inside := make([]*socket, 0, len(s.open))
	for k := range s.open {
		inside = append(inside, k)
	}
	return inside
}

// Shutdown ends all websockets with code 1012, which tells clients to come back later, and waits for their operations
// to end. http.Server.Shutdown does not touch them. When ctx ends first, connections are cut.
func (s *Server) Shutdown(ctx context.Context) error {
	inside := s.sockets.shut()
	for _, k := range inside {
		go k.close(closeRestart) // ends within the grace that a socket has for closing
	}
	stop := context.AfterFunc(ctx, func() {
		for _, k := range inside {
			k.sever()
		}
	})
	defer stop()
	s.sockets.all.Wait()
	return ctx.Err()
}
