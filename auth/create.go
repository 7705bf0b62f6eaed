package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"annals/audit"
)

// NewAPIToken asks for an API token: the API's CreateApiTokenInput.
type NewAPIToken struct {
	Name        string // 1 to 100 characters
	Scopes      []audit.Scope
	ExpiresIn   audit.Duration
	Restriction *audit.Filter // sees only this; nil for no more than the caller's
}

// CreateAPIToken makes a token for a caller with tokens:write, never wider than the caller's. It returns the token,
// which is shown once and stored nowhere, with its entry. What the caller can mend is an audit.UserError.
func (a *Authority) CreateAPIToken(ctx context.Context, caller *Principal, in NewAPIToken) (string, *audit.APIToken, error) {
	now := a.now()
	if err := checkLife(in.ExpiresIn, minLife, MaxLife); err != nil {
		return "", nil, err
	}
	if err := within(caller, in.Scopes, in.ExpiresIn, now); err != nil {
		return "", nil, err
	}
	return a.issue(ctx, caller.Tenant, in, now, &audit.APIToken{
		Tenant: caller.Tenant.Number, Restriction: caller.Restriction, Parent: caller.entry, CreatedBy: caller.Subject,
	})
}

// Bootstrap makes a token for the operator, who is above all tokens: any life up to MaxLife, any scope.
func (a *Authority) Bootstrap(ctx context.Context, tenant audit.Tenant, in NewAPIToken) (string, *audit.APIToken, error) {
	if err := checkLife(in.ExpiresIn, time.Second, MaxLife); err != nil {
		return "", nil, err
	}
	return a.issue(ctx, tenant, in, a.now(), &audit.APIToken{Tenant: tenant.Number, CreatedBy: "operator"})
}

// issue signs a token and writes its entry. entry says who makes it, and under which restriction.
func (a *Authority) issue(
	ctx context.Context, tenant audit.Tenant, in NewAPIToken, now time.Time, entry *audit.APIToken,
) (string, *audit.APIToken, error) {
	if err := checkText("name", in.Name, 100); err != nil {
		return "", nil, err
	}
	_, restriction, err := narrow(tenant.Number, entry.Restriction, in.Restriction, now)
	if err != nil {
		return "", nil, err
	}
	if err := checkScopes(in.Scopes, audit.Scopes(), restriction); err != nil {
		return "", nil, err
	}
	entry.JTI, entry.Name, entry.Scopes, entry.Restriction = uuid.NewString(), in.Name, common(in.Scopes), restriction
	entry.CreatedAt = now.UTC().Truncate(time.Microsecond) // finer than the token's iat, for the order of a list
	entry.ExpiresAt = entry.CreatedAt.Add(time.Duration(in.ExpiresIn)).Truncate(time.Second)
	token, err := a.keys.sign(ctx, a.claims(tenant, entry.Scopes, entry.CreatedAt, entry.ExpiresAt, entry.JTI))
	if err != nil {
		return "", nil, err
	}
	entry.Hint = token[len(token)-4:]
	err = a.store.InsertToken(ctx, entry)
	if errors.Is(err, audit.ErrNotFound) { // revoked since it was checked
		return "", nil, ErrUnauthenticated
	}
	if err != nil {
		return "", nil, fmt.Errorf("writing the token's entry: %w", err)
	}
	return token, entry, nil
}

// claims are those of the API token with the given jti.
func (a *Authority) claims(tenant audit.Tenant, scopes []audit.Scope, from, to time.Time, jti string) *claims {
	return &claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: a.issuer, Subject: apiSubject(jti), ID: jti,
			IssuedAt: jwt.NewNumericDate(from), ExpiresAt: jwt.NewNumericDate(to),
		},
		Audience: audience, Client: jti, Scope: scopeClaim(scopes),
		TenantID: strconv.FormatInt(int64(tenant.Number), 10), Tenant: tenant.Name,
	}
}
