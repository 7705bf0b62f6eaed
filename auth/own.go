package auth

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"annals/audit"
)

// checkOwn checks a token that says it is ours. Its end is exact: the leeway is for other clocks, and ours set it.
func (a *Authority) checkOwn(ctx context.Context, s *shape) (*Principal, error) {
	if len(s.header) != 3 || s.kid == "" || s.typ != tokenType { // alg, kid and typ, nothing that steers the check
		return nil, refuse("header is not ours")
	}
	var c claims
	if err := a.verify(ctx, s, &c); err != nil {
		return nil, err
	}
	if err := a.plausible(&c); err != nil {
		return nil, err
	}
	tenant, err := strconv.ParseInt(c.TenantID, 10, 64)
	if err != nil {
		return nil, refuse("tid is no number")
	}
	p := &Principal{
		Tenant: audit.Tenant{Number: audit.TenantID(tenant), Name: c.Tenant}, Subject: c.Subject, Kind: audit.TokenAPI,
		ExpiresAt: c.ExpiresAt.UTC(), entry: c.ID,
	}
	if c.Parent != "" {
		p.Kind, p.entry = audit.TokenViewer, c.Parent
	}
	return p, a.bound(ctx, p, &c)
}

// verify checks the signature and what golang-jwt knows of the claims.
func (a *Authority) verify(ctx context.Context, s *shape, c *claims) error {
	var failed error // of ours, not of the token
	_, err := a.parser.ParseWithClaims(s.text, c, func(*jwt.Token) (any, error) {
		key, err := a.keys.public(ctx, s.kid)
		if key == nil || err != nil {
			failed = err
			return nil, errors.New("no such key")
		}
		return key, nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return refuse(err.Error())
	}
	return nil
}

// plausible checks what we always write into a token.
func (a *Authority) plausible(c *claims) error {
	switch {
	case c.ID == "" || c.IssuedAt == nil:
		return refuse("no jti or no iat")
	case !a.now().Before(c.ExpiresAt.Time):
		return refuse("expired")
	case c.ExpiresAt.Sub(c.IssuedAt.Time) > MaxLife:
		return refuse("lives too long")
	case c.Parent == "" && (c.Subject != apiSubject(c.ID) || c.Restriction != nil):
		return refuse("not the claims of an API token")
	case c.Parent != "" && !strings.HasPrefix(c.Subject, viewerSubject(c.Parent, "")):
		return refuse("not the subject of a viewer token")
	case c.Parent != "" && c.ExpiresAt.Sub(c.IssuedAt.Time) > MaxViewerLife:
		return refuse("lives too long for a viewer token")
	}
	return nil
}

// bound gives the principal the scopes that both the token and its entry have, and both restrictions.
func (a *Authority) bound(ctx context.Context, p *Principal, c *claims) error {
	entry, err := a.entry(ctx, p.Tenant.Number, p.entry)
	if err != nil {
		return err
	}
	p.Restriction, p.Name = entry.Restriction, entry.Name
	lists := [][]audit.Scope{claimedScopes(c.Scope), entry.Scopes}
	if p.Kind == audit.TokenViewer {
		lists = append(lists, viewable())
		own, err := viewerRestriction(c)
		if err != nil {
			return err
		}
		p.Restriction = join(entry.Restriction, own)
	}
	if p.Restriction != nil {
		lists = append(lists, restrictable())
	}
	if p.Scopes = common(lists...); len(p.Scopes) == 0 {
		return refuse("no scope")
	}
	return nil
}

func viewerRestriction(c *claims) (*audit.Filter, error) {
	if c.Restriction == nil {
		return nil, nil
	}
	own, err := ParseRestriction(string(c.Restriction))
	if err != nil {
		return nil, refuse(err.Error())
	}
	return own, nil
}

func apiSubject(jti string) string { return "token:" + jti }

func viewerSubject(parent, user string) string { return "viewer:" + parent + "/" + user }
