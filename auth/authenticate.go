package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"annals/audit"
)

// Authenticate gives the principal of the token in credentials, an Authorization header or the bare token. from is the
// caller's address.
//
// It fails with ErrUnauthenticated for every token that is not accepted, or with a RateLimitedError when the address
// showed too many of them; with audit.ErrUnavailable and others when the token could not be checked. A valid token is
// accepted from any address: those who share one cannot lock each other out.
func (a *Authority) Authenticate(ctx context.Context, credentials string, from netip.Addr) (*Principal, error) {
	token := bearer(credentials)
	if token == "" {
		return nil, ErrUnauthenticated
	}
	p, err := a.check(ctx, token)
	if err == nil {
		a.uses.note(p, from, a.now())
		return p, nil
	}
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		return nil, err
	}
	if wait := a.failures.note(from, a.now()); wait > 0 {
		return nil, &RateLimitedError{RetryAfter: wait}
	}
	a.log.DebugContext(ctx, "token refused", slog.String("reason", refused.reason), slog.String("from", from.String()))
	return nil, ErrUnauthenticated
}

// refusal says why a token is not accepted. It stays in this package.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

func refuse(reason string) error { return &refusal{reason} }

func (a *Authority) check(ctx context.Context, token string) (*Principal, error) {
	shape, err := takeApart(token)
	if err != nil {
		return nil, refuse(err.Error())
	}
	if shape.issuer == a.issuer {
		return a.checkOwn(ctx, shape)
	}
	return a.external.check(ctx, shape)
}

// entry gives the entry by which a token lives, refusing one that is not in force.
func (a *Authority) entry(ctx context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	entry, err := a.entries.get(ctx, tenant, jti)
	switch {
	case err != nil:
		return nil, err
	case entry == nil:
		return nil, refuse("no such token")
	case Status(entry, a.now()) != audit.TokenActive:
		return nil, refuse("token or parent revoked or expired")
	}
	return entry, nil
}
