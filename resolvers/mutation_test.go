package resolvers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// manager answers every change with the same.
type manager struct {
	Manager

	err error
}

func (m manager) integration() (*audit.Integration, error) {
	if m.err != nil {
		return nil, m.err
	}
	return &audit.Integration{Tenant: ours, Number: 3, Name: "Acme"}, nil
}

func (m manager) Create(context.Context, audit.View, string, string, []*audit.SettingInput, *audit.Duration) (*audit.Integration, string, error) {
	made, err := m.integration()
	if err != nil {
		return nil, "", err
	}
	return made, "hook-secret", nil
}

func (m manager) Update(context.Context, audit.View, string, *string, []*audit.SettingInput) (*audit.Integration, error) {
	return m.integration()
}

func (m manager) RotateWebhookSecret(context.Context, audit.View, string, time.Duration, bool) (*audit.Integration, string, error) {
	return m.Create(context.Background(), audit.View{}, "", "", nil, nil)
}

func (m manager) StartBackfill(context.Context, audit.View, string, []string, time.Time, time.Time) ([]*audit.Backfill, error) {
	if m.err != nil {
		return nil, m.err
	}
	return []*audit.Backfill{{Tenant: ours, Number: 1, Feed: "web"}, {Tenant: ours, Number: 2, Feed: "git"}}, nil
}

var canary = []*audit.SettingInput{{Name: "token", Value: audit.JSON(`"canary-of-a-setting"`)}}

func TestChangesAreWrittenDownWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Manager = manager{}
	m := r.Mutation()
	created, err := m.CreateIntegration(caller(t), generated.CreateIntegrationInput{Name: "Acme", Connector: "github", Settings: canary})
	if err != nil || created.WebhookSecret == nil || *created.WebhookSecret != "hook-secret" || len(created.UserErrors) > 0 {
		t.Errorf("created %+v, %v", created, err)
	}
	if _, err := m.UpdateIntegration(caller(t), generated.UpdateIntegrationInput{ID: "x", Settings: canary}); err != nil {
		t.Error(err)
	}
	if _, err := m.RotateWebhookSecret(caller(t), generated.RotateWebhookSecretInput{IntegrationID: "x"}); err != nil {
		t.Error(err)
	}
	if _, err := m.StartBackfill(caller(t), generated.StartBackfillInput{IntegrationID: "x"}); err != nil {
		t.Error(err)
	}
	var types []string
	for _, entry := range r.journal {
		types = append(types, entry.Type)
		if entry.Subject != "token:abc" || entry.Target == nil {
			t.Errorf("%s: by %q, on %v", entry.Type, entry.Subject, entry.Target)
		}
	}
	if want := "integration.create integration.update integration.rotate_webhook_secret backfill.start backfill.start"; strings.Join(types, " ") != want {
		t.Errorf("entries %v, want %s", types, want)
	}
	written, err := json.Marshal(r.journal)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(written); strings.Contains(text, "canary-of-a-setting") || strings.Contains(text, "hook-secret") || !strings.Contains(text, `["token"]`) {
		t.Errorf("the journal says %s, want the names of settings and no values", text)
	}
}

func TestNothingDoneIsNotWrittenDown(t *testing.T) {
	t.Parallel()
	for what, cause := range map[string]error{"refused": audit.Refuse(audit.CodeInvalid, "No.", "name"), "failed": errBroken} {
		r := newRig()
		r.Manager = manager{err: cause}
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
	r.Manager, r.Tokens, r.broken = manager{}, minter{}, errBroken
	m := r.Mutation()
	created, err := m.CreateIntegration(caller(t), generated.CreateIntegrationInput{})
	if err != nil || created.WebhookSecret == nil {
		t.Errorf("created %+v, %v", created, err)
	}
	token, err := m.CreateAPIToken(caller(t), generated.CreateAPITokenInput{})
	if err != nil || token.Token == nil || *token.Token != "jwt" {
		t.Errorf("token %+v, %v", token, err)
	}
	if _, err := m.UpdateIntegration(caller(t), generated.UpdateIntegrationInput{}); !errors.Is(err, errBroken) {
		t.Errorf("an update without its entry: %v", err)
	}
	if _, err := m.RevokeAPIToken(caller(t), generated.RevokeAPITokenInput{}); !errors.Is(err, errBroken) {
		t.Errorf("a revocation without its entry: %v", err)
	}
}

// minter makes and ends tokens, or refuses to.
type minter struct {
	Tokens

	err error
}

func (m minter) CreateAPIToken(context.Context, *auth.Principal, auth.NewAPIToken) (string, *audit.APIToken, error) {
	return "jwt", &audit.APIToken{Tenant: ours, JTI: "abc"}, nil
}

func (m minter) Revoke(context.Context, *auth.Principal, auth.Revocation) (*audit.APIToken, int, error) {
	if m.err != nil {
		return nil, 0, m.err
	}
	return &audit.APIToken{Tenant: ours, JTI: "abc"}, 0, nil
}

func (m minter) CreateViewerToken(context.Context, *auth.Principal, auth.NewViewerToken) (string, time.Time, error) {
	return "", time.Time{}, m.err
}

// TestRefusedTokensAreNull: a count of 0 means that everything was revoked before, and is not the same as nothing done.
func TestRefusedTokensAreNull(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Tokens = minter{}
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
