package resolvers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

func TestProblemsAreWhatTheCallerCanMend(t *testing.T) {
	t.Parallel()
	one := audit.Refuse(audit.CodeTaken, "Another integration has this name.", "name")
	several := audit.UserErrors{{Message: "a"}, {Message: "b"}}
	for what, test := range map[string]struct {
		err     error
		shown   int
		remains bool
	}{
		"nothing": {nil, 0, false}, "one": {one, 1, false}, "several": {several, 2, false}, "wrapped": {fmt.Errorf("creating: %w", one), 1, false},
		"joined": {errors.Join(nil, several), 2, false}, "our own": {errBroken, 0, true}, "not found": {audit.ErrNotFound, 0, true},
	} {
		shown, err := problems(test.err)
		if shown == nil || len(shown) != test.shown || (err != nil) != test.remains {
			t.Errorf("%s: %v and %v, want a list of %d", what, shown, err, test.shown)
		}
	}
}

func TestNothingDoneIsNotWrittenDown(t *testing.T) {
	t.Parallel()
	for what, cause := range map[string]error{"refused": audit.Refuse(audit.CodeInvalid, "No.", "name"), "failed": errBroken} {
		r := newRig()
		r.place(&site{err: cause})
		created, err := r.Mutation().CreateIntegration(caller(t), generated.CreateIntegrationInput{})
		if created.Integration != nil || created.WebhookSecret != nil || (len(created.UserErrors) == 1) != (what == "refused") || (err != nil) != (what == "failed") {
			t.Errorf("%s: %+v, %v", what, created, err)
		}
		if started, _ := r.Mutation().StartBackfill(caller(t), generated.StartBackfillInput{}); started.Backfills != nil || started.UserErrors == nil {
			t.Errorf("%s: %+v, want no backfills and a list of errors", what, started)
		}
		if len(r.journal) > 0 {
			t.Errorf("%s: %d entries", what, len(r.journal))
		}
	}
}

// TestJournalTakesNoSecretAway: what opens something that exists already is given though the journal fails; every
// other change whose entry is missing is an error.
func TestJournalTakesNoSecretAway(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.place(newSite())
	r.Tokens, r.TokenStore, r.broken = minter{count: 1}, inForce{}, errBroken
	m := r.Mutation()
	created, err := m.CreateIntegration(caller(t), generated.CreateIntegrationInput{})
	if err != nil || created.WebhookSecret == nil {
		t.Errorf("created %+v, %v", created, err)
	}
	token, err := m.CreateAPIToken(caller(t), generated.CreateAPITokenInput{})
	if err != nil || token.Token == nil || *token.Token != "jwt" {
		t.Errorf("token %+v, %v", token, err)
	}
	if _, err := m.UpdateIntegration(caller(t), generated.UpdateIntegrationInput{Name: new("Other")}); !errors.Is(err, errBroken) {
		t.Errorf("an update without its entry: %v", err)
	}
	if _, err := m.RevokeAPIToken(caller(t), generated.RevokeAPITokenInput{}); !errors.Is(err, errBroken) {
		t.Errorf("a revocation without its entry: %v", err)
	}
}

// minter makes and ends tokens, or refuses to.
type minter struct {
	Tokens

	count int // of revoked ones
	err   error
}

func (m minter) CreateAPIToken(context.Context, *auth.Principal, auth.NewAPIToken) (string, *audit.APIToken, error) {
	return "jwt", &audit.APIToken{Tenant: ours, JTI: "abc", Name: "ci"}, nil
}

func (m minter) Revoke(context.Context, *auth.Principal, auth.Revocation) (*audit.APIToken, int, error) {
	if m.err != nil {
		return nil, 0, m.err
	}
	return &audit.APIToken{Tenant: ours, JTI: "abc", Name: "ci", RevokedAt: new(time.Unix(1_800_000_000, 0))}, m.count, nil
}

func (m minter) CreateViewerToken(context.Context, *auth.Principal, auth.NewViewerToken) (string, time.Time, error) {
	if m.err != nil {
		return "", time.Time{}, m.err
	}
	return "viewer-jwt", time.Unix(1_800_000_600, 0), nil
}

// inForce are the entries before a change: one in force.
type inForce struct{ TokenStore }

func (inForce) Token(_ context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	if tenant != ours || jti != "abc" {
		return nil, audit.ErrNotFound
	}
	return &audit.APIToken{Tenant: ours, JTI: "abc", Name: "ci", ExpiresAt: time.Unix(1_900_000_000, 0)}, nil
}

// TestRefusedTokensAreNull: a count of 0 means that everything was revoked before, and is not the same as nothing done.
func TestRefusedTokensAreNull(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Tokens, r.TokenStore = minter{}, inForce{}
	revoked, err := r.Mutation().RevokeAPIToken(caller(t), generated.RevokeAPITokenInput{})
	if err != nil || revoked.RevokedCount == nil || *revoked.RevokedCount != 0 {
		t.Errorf("revoked before: %+v, %v, want the count 0", revoked, err)
	}
	r.Tokens = minter{err: audit.Refuse(audit.CodeNotFound, "There is no token of this id.", "id")}
	if revoked, err = r.Mutation().RevokeAPIToken(caller(t), generated.RevokeAPITokenInput{}); err != nil || revoked.RevokedCount != nil || len(revoked.UserErrors) != 1 {
		t.Errorf("refused: %+v, %v, want no count", revoked, err)
	}
	viewer, err := r.Mutation().CreateViewerToken(caller(t), generated.CreateViewerTokenInput{})
	if err != nil || viewer.Token != nil || viewer.ExpiresAt != nil || len(viewer.UserErrors) != 1 {
		t.Errorf("refused: %+v, %v, want neither token nor time", viewer, err)
	}
}
