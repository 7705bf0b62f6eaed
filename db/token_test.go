package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
)

func TestTokensAreKeptAndRevokedDownTheTree(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	now := time.Now().UTC().Truncate(time.Microsecond)
	token := func(jti, parent string) *audit.APIToken {
		return &audit.APIToken{
			Tenant: tenant, JTI: jti, Name: "n " + jti, Hint: "abcd", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, Parent: parent,
			Restriction: &audit.Filter{Connector: &audit.StringFilter{In: []string{"github"}}},
			CreatedAt:   now, CreatedBy: "operator", ExpiresAt: now.Add(time.Hour),
		}
	}
	for _, entry := range []*audit.APIToken{token("a", ""), token("b", "a"), token("c", "b"), token("d", "")} {
		if err := d.InsertToken(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Token(t.Context(), tenant, "b")
	if diff := cmp.Diff(token("b", "a"), got); err != nil || diff != "" {
		t.Errorf("token %v (-want +got):\n%s", err, diff)
	}
	if count, err := d.RevokeToken(t.Context(), tenant, "a", true, "someone", now); err != nil || count != 3 {
		t.Errorf("revoked %d, %v, want 3", count, err)
	}
	if err := d.InsertToken(t.Context(), token("e", "a")); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("a child of a revoked token: %v, want %v", err, audit.ErrNotFound)
	}
	if still, err := d.Token(t.Context(), tenant, "d"); err != nil || still.RevokedAt != nil {
		t.Errorf("another token: revoked %v, %v", still.RevokedAt, err)
	}
	if _, err := d.RevokeToken(t.Context(), tenant+1, "d", true, "someone", now); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("a token of another tenant: %v, want %v", err, audit.ErrNotFound)
	}
}
