package resolvers

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

// site is one integration with one backfill, and the manager that changes them.
type site struct {
	Integrations
	Manager

	is       audit.Integration
	backfill audit.Backfill
	err      error
}

func newSite() *site {
	return &site{
		is: audit.Integration{
			Tenant: ours, Number: 3, Name: "Acme", ConnectorName: "github", SecretNames: []string{"token"},
			Values: map[string]json.RawMessage{"organization": json.RawMessage(`"acme"`), "events": json.RawMessage(`["git", "web"]`)},
		},
		backfill: audit.Backfill{
			Tenant: ours, Number: 1, IntegrationID: 3, Feed: "web", Status: audit.BackfillRunning,
			From: new(time.Date(2026, time.August, 1, 0, 0, 0, 0, time.UTC)),
		},
	}
}

func (r *rig) place(s *site) { r.Manager, r.Directory = s, s }

// seen is the integration as a read gives it: later changes leave it alone.
func (s *site) seen() (*audit.Integration, error) {
	if s.err != nil {
		return nil, s.err
	}
	i := s.is
	i.Values, i.SecretNames = maps.Clone(i.Values), slices.Clone(i.SecretNames)
	return &i, nil
}

// changed is seen, of what a person has just changed.
func (s *site) changed() (*audit.Integration, error) {
	s.is.UpdatedAt = s.is.UpdatedAt.Add(time.Second)
	return s.seen()
}

func (s *site) Get(_ context.Context, _ audit.View, id audit.ID) (*audit.Integration, error) {
	if s.err != nil || id.Kind != audit.KindIntegration || id.Number != int64(s.is.Number) {
		return nil, audit.ErrNotFound
	}
	return s.seen()
}

func (s *site) Backfill(context.Context, audit.View, audit.ID) (*audit.Backfill, error) {
	return new(s.backfill), s.err
}

func (s *site) Create(context.Context, audit.View, string, string, []*audit.SettingInput, *audit.Duration) (*audit.Integration, string, error) {
	made, err := s.seen()
	if err != nil {
		return nil, "", err
	}
	return made, "canary-of-a-hook", nil
}

func (s *site) Update(_ context.Context, _ audit.View, _ string, name *string, settings []*audit.SettingInput) (*audit.Integration, error) {
	if name != nil {
		s.is.Name = *name
	}
	for _, setting := range settings {
		switch {
		case setting.Name == "token" && string(setting.Value) == "null":
			s.is.SecretNames = nil
		case setting.Name == "token":
			s.is.SecretNames = []string{"token"}
		case string(setting.Value) == "null":
			delete(s.is.Values, setting.Name)
		default:
			s.is.Values[setting.Name] = json.RawMessage(setting.Value)
		}
	}
	return s.changed()
}

func (s *site) Pause(context.Context, audit.View, string) (*audit.Integration, error) {
	if s.is.PausedAt != nil {
		return s.seen()
	}
	s.is.PausedAt = new(time.Unix(1_800_000_000, 0))
	return s.changed()
}

func (s *site) Resume(context.Context, audit.View, string) (*audit.Integration, error) {
	if s.is.PausedAt == nil {
		s.is.Feeds = []audit.Feed{{Name: "web", Reason: audit.ReasonPausedByPerson}} // meanwhile a feed fails by itself
		return s.seen()
	}
	s.is.PausedAt = nil
	return s.changed()
}

func (s *site) Delete(context.Context, audit.View, string, string) (*audit.Integration, error) {
	s.is.DeletedAt, s.is.SecretNames = new(time.Unix(1_800_000_000, 0)), nil
	return s.changed()
}

func (s *site) StartBackfill(context.Context, audit.View, string, []string, time.Time, time.Time) ([]*audit.Backfill, error) {
	if s.err != nil {
		return nil, s.err
	}
	git := s.backfill
	git.Number, git.Feed = 2, "git"
	return []*audit.Backfill{new(s.backfill), &git}, nil
}

func (s *site) CancelBackfill(context.Context, audit.View, string) (*audit.Backfill, error) {
	s.backfill.Status = audit.BackfillCancelled
	return new(s.backfill), s.err
}

func (s *site) RotateWebhookSecret(context.Context, audit.View, string, time.Duration, bool) (*audit.Integration, string, error) {
	i, err := s.changed()
	return i, "canary-of-a-hook", err
}

func setting(name, value string) *audit.SettingInput {
	return &audit.SettingInput{Name: name, Value: audit.JSON(value)}
}

var canary = setting("token", `"canary-of-a-setting"`)

// told is an entry in one line: its type, its sentence, and its changes.
func told(e audit.Entry) string {
	text := e.Type + ": " + e.Description
	for _, c := range e.Changes {
		text += " " + c.Field
		if c.Before != nil || c.After != nil {
			text += "=" + side(c.Before) + ">" + side(c.After)
		}
	}
	return text
}

func side(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

// TestDeedsAreWrittenDown holds what each deed leaves in the journal, one deed after the other: nothing where nothing
// changed, and no secret anywhere.
func TestDeedsAreWrittenDown(t *testing.T) {
	t.Parallel()
	r, s := newRig(), newSite()
	r.place(s)
	r.Tokens, r.TokenStore = minter{count: 1}, inForce{}
	m, ctx, id := r.Mutation(), caller(t), s.is.ID()
	token := audit.ID{Kind: audit.KindAPIToken, Tenant: ours, Name: "abc"}.String()
	update := func(name *string, settings ...*audit.SettingInput) func() error {
		return func() error {
			_, err := m.UpdateIntegration(ctx, generated.UpdateIntegrationInput{ID: id, Name: name, Settings: settings})
			return err
		}
	}
	pause := func() error {
		_, err := m.PauseIntegration(ctx, generated.PauseIntegrationInput{ID: id, Reason: new("too loud")})
		return err
	}
	resume := func() error {
		_, err := m.ResumeIntegration(ctx, generated.ResumeIntegrationInput{ID: id})
		return err
	}
	for _, deed := range []struct {
		what string
		do   func() error
		want []string
	}{
		{"create", func() error {
			_, err := m.CreateIntegration(ctx, generated.CreateIntegrationInput{Name: "Acme", Settings: []*audit.SettingInput{canary, setting("organization", `"acme"`)}})
			return err
		}, []string{"integration.create: Created the integration Acme. name=->Acme settings.organization=->acme settings.token"}},
		{"update nothing", update(nil), nil},
		{"update to the same", update(new("Acme"), setting("organization", `"acme"`), setting("events", `["git","web"]`)), nil},
		{"update what was not set to nothing", update(nil, setting("site", `null`)), nil},
		{"rename", update(new("Other")), []string{"integration.update: Changed the integration Other. name=Acme>Other"}},
		{
			"update settings", update(new("Acme"), setting("site", `7`), setting("organization", `null`), setting("events", `["web"]`)),
			[]string{`integration.update: Changed the integration Acme. name=Other>Acme settings.events=["git","web"]>["web"] settings.organization=acme>- settings.site=->7`},
		},
		{"another secret", update(nil, canary, canary), []string{"integration.update: Changed the integration Acme. settings.token"}},
		{"no secret", update(nil, setting("token", `null`)), []string{"integration.update: Changed the integration Acme. settings.token"}},
		{"still no secret", update(nil, setting("token", `null`)), nil},
		{"a first secret", update(nil, canary), []string{"integration.update: Changed the integration Acme. settings.token"}},
		{"pause", pause, []string{"integration.pause: Paused the integration Acme. status=WORKING>PAUSED"}},
		{"pause again", pause, nil},
		{"resume", resume, []string{"integration.resume: Resumed the integration Acme. status=PAUSED>WORKING"}},
		{"resume again", resume, nil},
		{"rotate", func() error {
			_, err := m.RotateWebhookSecret(ctx, generated.RotateWebhookSecretInput{IntegrationID: id})
			return err
		}, []string{"integration.rotate_webhook_secret: Renewed the webhook secret of Acme. webhook.secret"}},
		{"rotate and move", func() error {
			_, err := m.RotateWebhookSecret(ctx, generated.RotateWebhookSecretInput{IntegrationID: id, NewURL: true})
			return err
		}, []string{"integration.rotate_webhook_secret: Renewed the webhook secret of Acme. webhook.secret webhook.url"}},
		{"backfill", func() error {
			_, err := m.StartBackfill(ctx, generated.StartBackfillInput{IntegrationID: id})
			return err
		}, []string{
			"backfill.start: Started a backfill of Acme, feed web, from 2026-08-01.",
			"backfill.start: Started a backfill of Acme, feed git, from 2026-08-01.",
		}},
		{"cancel", func() error {
			_, err := m.CancelBackfill(ctx, generated.CancelBackfillInput{ID: s.backfill.ID()})
			return err
		}, []string{"backfill.cancel: Cancelled the backfill of Acme, feed web. status=RUNNING>CANCELLED"}},
		{"token", func() error {
			_, err := m.CreateAPIToken(ctx, generated.CreateAPITokenInput{Name: "ci"})
			return err
		}, []string{"token.create: Created the token ci."}},
		{"viewer token", func() error {
			_, err := m.CreateViewerToken(ctx, generated.CreateViewerTokenInput{Subject: "ann"})
			return err
		}, []string{"viewer_token.create: Created a viewer token for ann."}},
		{"revoke", func() error {
			_, err := m.RevokeAPIToken(ctx, generated.RevokeAPITokenInput{ID: token})
			return err
		}, []string{"token.revoke: Revoked the token ci. status=ACTIVE>REVOKED"}},
		{"revoke again", func() error {
			r.Tokens = minter{}
			_, err := m.RevokeAPIToken(ctx, generated.RevokeAPITokenInput{ID: token})
			return err
		}, nil},
		{"delete", func() error {
			_, err := m.DeleteIntegration(ctx, generated.DeleteIntegrationInput{ID: id, ConfirmName: "Acme"})
			return err
		}, []string{"integration.delete: Deleted the integration Acme. status=BROKEN>DELETED"}},
	} {
		before := len(r.journal)
		if err := deed.do(); err != nil {
			t.Errorf("%s: %v", deed.what, err)
		}
		var got []string
		for _, entry := range r.journal[before:] {
			got = append(got, told(entry))
		}
		if !slices.Equal(got, deed.want) {
			t.Errorf("%s: wrote\n%q, want\n%q", deed.what, got, deed.want)
		}
	}
	if len(r.journal) < 10 {
		t.Fatalf("%d entries", len(r.journal))
	}
	for _, entry := range r.journal {
		if entry.Subject != "token:abc" || entry.Token != audit.TokenAPI {
			t.Errorf("%s: by %q, a token of kind %q", entry.Type, entry.Subject, entry.Token)
		}
	}
	written, err := json.Marshal(r.journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"canary", "jwt"} {
		if strings.Contains(string(written), secret) {
			t.Errorf("the journal says %s, with %q in it", written, secret)
		}
	}
}

// TestEntriesNameTheIntegrationOfABackfill: the target is the backfill, whose name is its feed.
func TestEntriesNameTheIntegrationOfABackfill(t *testing.T) {
	t.Parallel()
	s := newSite()
	entry := backfillStarted(&s.is, &s.backfill)
	if entry.Target.ID() != s.backfill.ID() || entry.TargetName != "web" {
		t.Errorf("on %s %q, want the backfill", entry.Target.ID(), entry.TargetName)
	}
	if entry.Details["integration"] != "Acme" || entry.Details["integrationId"] != s.is.ID() || entry.Details["from"] != s.backfill.From {
		t.Errorf("details %v", entry.Details)
	}
	s.backfill.From = nil
	if got, want := backfillStarted(&s.is, &s.backfill).Description, "Started a backfill of Acme, feed web."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestEntriesTellTheKindOfTheToken: the journal tells people from programs by it.
func TestEntriesTellTheKindOfTheToken(t *testing.T) {
	t.Parallel()
	for _, kind := range []audit.TokenKind{audit.TokenAPI, audit.TokenViewer, audit.TokenExternal} {
		r := newRig()
		ctx := auth.NewContext(t.Context(), &auth.Principal{Tenant: audit.Tenant{Number: ours}, Subject: "someone", Kind: kind, Name: "ci"})
		if err := r.note(ctx, onViewer("ann")); err != nil {
			t.Fatal(err)
		}
		if entry := r.journal[0]; entry.Token != kind || entry.Subject != "someone" || (entry.TokenName == "ci") != (kind == audit.TokenAPI) {
			t.Errorf("by %q, a token of kind %q, want %q", entry.Subject, entry.Token, kind)
		}
	}
}

// TestWhatBecameSecretIsNotTold: a connector's newer version may declare a secret what was plain.
func TestWhatBecameSecretIsNotTold(t *testing.T) {
	t.Parallel()
	plainly, secretly := newSite().is, newSite().is
	plainly.SecretNames = nil
	plainly.Values = map[string]json.RawMessage{"token": json.RawMessage(`"canary"`)}
	secretly.Values = nil
	for what, pair := range map[string][2]*audit.Integration{"before": {&plainly, &secretly}, "after": {&secretly, &plainly}} {
		changes := settingChanges(pair[0], pair[1], []*audit.SettingInput{canary})
		if len(changes) != 1 || changes[0] != (audit.Change{Field: "settings.token"}) {
			t.Errorf("plain %s: %+v, want the field alone", what, changes)
		}
	}
}

// TestNothingIsChangedUnseen: a change whose entry could not tell what was before is not made. The manager and the
// maker of tokens are absent, and panic when they are asked.
func TestNothingIsChangedUnseen(t *testing.T) {
	t.Parallel()
	r, s := withShelf()
	s.fail = errBroken
	m, ctx := r.Mutation(), caller(t)
	for what, do := range map[string]func() error{
		"update": func() error { _, err := m.UpdateIntegration(ctx, generated.UpdateIntegrationInput{}); return err },
		"pause":  func() error { _, err := m.PauseIntegration(ctx, generated.PauseIntegrationInput{}); return err },
		"resume": func() error { _, err := m.ResumeIntegration(ctx, generated.ResumeIntegrationInput{}); return err },
		"delete": func() error { _, err := m.DeleteIntegration(ctx, generated.DeleteIntegrationInput{}); return err },
		"start":  func() error { _, err := m.StartBackfill(ctx, generated.StartBackfillInput{}); return err },
		"cancel": func() error { _, err := m.CancelBackfill(ctx, generated.CancelBackfillInput{}); return err },
		"revoke": func() error { _, err := m.RevokeAPIToken(ctx, generated.RevokeAPITokenInput{}); return err },
	} {
		if err := do(); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v, want %v", what, err, errBroken)
		}
	}
}
