package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"annals/audit"
)

// Principal is who is asking, and what they may do. It never changes.
type Principal struct {
	Tenant audit.Tenant
	// Subject names the caller: `token:<jti>`, `viewer:<jti of the parent>/<user>` or `external:<issuer>#<subject>`.
	Subject     string
	Kind        audit.TokenKind
	Name        string        // of the API token, or of the one that made the viewer token; empty for external tokens
	Scopes      []audit.Scope // in the order of audit.Scopes
	Restriction *audit.Filter // sees only this; nil for everything
	ExpiresAt   time.Time

	// entry is the jti of the API token by whose entry the token lives: its own, or its parent's. Empty for external
	// tokens.
	entry string
}

// Has reports whether the principal has a scope.
func (p *Principal) Has(scope audit.Scope) bool { return slices.Contains(p.Scopes, scope) }

// HasAny reports whether the principal has one of the scopes.
func (p *Principal) HasAny(scopes ...audit.Scope) bool { return slices.ContainsFunc(scopes, p.Has) }

// View is what one operation of the principal sees: the newest seq it may see, -1 of an empty ledger, and the clock by
// which relative times of the restriction count.
func (p *Principal) View(asOf int64, now time.Time) (audit.View, error) {
	restriction, err := p.Restriction.Normalise("restriction", p.Tenant.Number, now)
	if err != nil {
		return audit.View{}, fmt.Errorf("reading the token's restriction: %w", err)
	}
	return audit.NewView(p.Tenant.Number, restriction, asOf, now), nil
}

type principalKey struct{}

// NewContext gives a context that carries the principal.
func NewContext(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext gives the principal that a context carries, nil when it carries none.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}
