package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph"
	"annals/graph/generated"
	"annals/live"
	"annals/resolvers"
)

// views makes the views of operations: what is recorded when the operation begins.
type views struct{ database *database }

func (v views) View(ctx context.Context, p *auth.Principal) (audit.View, error) {
	size, err := v.database.Size(ctx, p.Tenant.Number)
	if err != nil {
		return audit.View{}, err
	}
	return p.View(size-1, time.Now())
}

// operation tells resolvers what package graph knows.
type operation struct{}

func (operation) View(ctx context.Context) (audit.View, error) { return graph.ViewFrom(ctx) }
func (operation) TypeAllowed(ctx context.Context, name string) bool {
	return graph.TypeAllowed(ctx, name)
}
func (operation) End(ctx context.Context, err error) { graph.EndSubscription(ctx, err) }

// following is what subscriptions follow.
type following struct {
	*live.Watcher
	hub *live.Hub
}

func (f following) Follow(ctx context.Context, view audit.View, filter *audit.Filter, after *string, since *time.Time) (resolvers.Feed, error) {
	return f.hub.Follow(ctx, view, filter, after, since)
}

// shown are the limits that viewers see.
func shown(l graph.Limits) generated.Limits {
	return generated.Limits{
		MaxPageSize: l.MaxPageSize, MaxFacetValues: l.MaxFacetValues, MaxBuckets: l.MaxBuckets, MaxFilterValues: l.MaxFilterValues,
		MaxFilterDepth: l.MaxFilterDepth, MaxCost: l.MaxCost, CostPerMinute: l.CostPerMinute, MaxSubscriptions: l.MaxSubscriptions,
	}
}

// sameMachine are the names of a public URL on this machine: the playground is opened by any of them.
func sameMachine(publicURL string) []string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Port() == "" {
		return nil
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) {
		return nil
	}
	var origins []string
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		origins = append(origins, u.Scheme+"://"+net.JoinHostPort(host, u.Port()))
	}
	return origins
}

// remote tells where a request came from: the peer, or what trusted proxies say of it.
func remote(trusted []netip.Prefix) func(r *http.Request) netip.Addr {
	return func(r *http.Request) netip.Addr {
		peer, _ := netip.ParseAddrPort(r.RemoteAddr)
		addr := peer.Addr().Unmap()
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		// From the nearest hop on: the first one that is no proxy of ours is the client.
		for i := len(hops) - 1; i >= 0 && within(trusted, addr); i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			addr = hop.Unmap()
		}
		return addr
	}
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
