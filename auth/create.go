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
	Restriction *audit.Filter // sees only this; nil for all that the caller sees
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

// CheckBootstrap says what Bootstrap would refuse, before anything is made. The zero tenant stands for one that is not
// there yet.
func (a *Authority) CheckBootstrap(tenant audit.TenantID, in NewAPIToken) error {
	if err := checkLife(in.ExpiresIn, time.Second, MaxLife); err != nil {
		return err
	}
	_, err := checkNew(tenant, in, nil, a.now())
	return err
}

// issue signs a token and writes its entry. entry says who makes it, and under which restriction.
func (a *Authority) issue(
	ctx context.Context, tenant audit.Tenant, in NewAPIToken, now time.Time, entry *audit.APIToken,
) (string, *audit.APIToken, error) {
	restriction, err := checkNew(tenant.Number, in, entry.Restriction, now)
	if err != nil {
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

// checkNew checks what all makers of an API token must keep to, and gives the token's restriction.
func checkNew(tenant audit.TenantID, in NewAPIToken, outer *audit.Filter, now time.Time) (*audit.Filter, error) {
	if err := checkText("name", in.Name, 100); err != nil {
		return nil, err
	}
	_, restriction, err := narrow(tenant, outer, in.Restriction, now)
	if err != nil {
		return nil, err
	}
	return restriction, checkScopes(in.Scopes, audit.Scopes(), restriction)
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
