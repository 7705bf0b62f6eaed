package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"annals/audit"
)

const (
	useEvery   = time.Minute // a token's use is written at most so often
	writeEvery = 5 * time.Second
	maxUses    = 10_000
)

// uses notes when API tokens are used and from where. The use of a viewer token is not its parent's.
type uses struct {
	mu      sync.Mutex
	noted   map[entryKey]time.Time // last use that is written or will be
	pending []*audit.APIToken      // only what TouchTokens reads
}

func newUses() *uses { return &uses{noted: map[entryKey]time.Time{}} }

func (u *uses) note(p *Principal, from netip.Addr, now time.Time) {
	if p.Kind != audit.TokenAPI {
		return
	}
	key := entryKey{p.Tenant.Number, p.entry}
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.noted[key]) < useEvery {
		return
	}
	if len(u.noted) >= maxUses {
		clear(u.noted)
	}
	u.noted[key] = now
	used := &audit.APIToken{Tenant: key.tenant, JTI: key.jti, LastUsedAt: new(now.UTC().Truncate(time.Microsecond))}
	if from.IsValid() {
		used.LastUsedIP = audit.Text(from.Unmap().String())
	}
	u.pending = append(u.pending, used)
}

func (u *uses) take() []*audit.APIToken {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = nil
	return taken
}

// Run writes the last use of tokens every few seconds until the context ends, and what is left then.
func (a *Authority) Run(ctx context.Context) error {
	ticks := time.NewTicker(writeEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeEvery)
			defer cancel()
			return a.writeUses(last)
		case <-ticks.C:
			if err := a.writeUses(ctx); err != nil {
				a.log.WarnContext(ctx, "last use of tokens not written", slog.Any("error", err))
			}
		}
	}
}

func (a *Authority) writeUses(ctx context.Context) error {
	used := a.uses.take()
	if len(used) == 0 {
		return nil
	}
	if err := a.store.TouchTokens(ctx, used); err != nil {
		return fmt.Errorf("writing the last use of tokens: %w", err)
	}
	return nil
}
