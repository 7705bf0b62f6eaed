package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxFailures   = 20
	failureWindow = time.Minute
	maxAddresses  = 10_000
)

// failures counts tokens that were not accepted, by address: a whole /64 of IPv6, since that is what one caller has.
type failures struct {
	mu     sync.Mutex
	counts map[netip.Prefix]failureCount
}

type failureCount struct {
	n     int
	until time.Time
}

func newFailures() *failures { return &failures{counts: map[netip.Prefix]failureCount{}} }

// note counts one failure, and says how long the address is refused: 0 within the limit.
func (f *failures) note(from netip.Addr, now time.Time) time.Duration {
	network := networkOf(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	count := f.counts[network]
	if !now.Before(count.until) {
		count = failureCount{until: now.Add(failureWindow)}
		f.makeRoom()
	}
	count.n++
	f.counts[network] = count
	if count.n <= maxFailures {
		return 0
	}
	return count.until.Sub(now)
}

// makeRoom bounds the memory. Whoever has so many addresses is not held by a limit of one.
func (f *failures) makeRoom() {
	if len(f.counts) >= maxAddresses {
		clear(f.counts)
	}
}

func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // fails for the zero address alone, whose callers share one count
	return network
}
