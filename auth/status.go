package auth

import (
	"context"
	"errors"
	"time"

	"annals/audit"
)

// Status is the state of an API token.
func Status(token *audit.APIToken, now time.Time) audit.TokenStatus {
	switch {
	case token.RevokedAt != nil:
		return audit.TokenRevoked
	case !now.Before(token.ExpiresAt):
		return audit.TokenExpired
	}
	return audit.TokenActive
}

const (
	// pollEvery is how often a living token is looked at.
	pollEvery = time.Second
	// maxUnsure is how long a token lives on while the store cannot say whether it was revoked.
	maxUnsure = 3 * time.Second
)

// Alive checks whether a principal's token still holds: ErrUnauthenticated when it has expired or was revoked, or its
// parent was; another error when that cannot be said. Its answer is at most a second old.
func (a *Authority) Alive(ctx context.Context, p *Principal) error {
	if !a.now().Before(p.ExpiresAt) {
		return ErrUnauthenticated
	}
	if p.entry == "" { // of an external issuer, which tells nobody what it revokes
		return nil
	}
	_, err := a.entry(ctx, p.Tenant.Number, p.entry)
	if _, ok := errors.AsType[*refusal](err); ok {
		return ErrUnauthenticated
	}
	return err
}

// AwaitEnd returns nil once a principal's token no longer holds, at most 5 s after its end, its revocation or its
// parent's; or the context's error when that ends first. A token whose state cannot be learned counts as ended.
func (a *Authority) AwaitEnd(ctx context.Context, p *Principal) error {
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	end := time.NewTimer(p.ExpiresAt.Sub(a.now()))
	defer end.Stop()
	sure := a.now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-ticks.C:
		}
		asking, cancel := context.WithTimeout(ctx, pollEvery)
		err := a.Alive(asking, p)
		cancel()
		switch {
		case err == nil:
			sure = a.now()
		case errors.Is(err, ErrUnauthenticated), a.now().Sub(sure) >= maxUnsure && ctx.Err() == nil:
			return nil
		}
	}
}
