package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
)

func stored(t *testing.T, d *db.DB, tenant audit.TenantID, id audit.IntegrationID) audit.StoredIntegration {
	t.Helper()
	i, err := d.StoredIntegration(t.Context(), tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func refusedAs(err error, code audit.UserErrorCode) bool {
	problems, ok := errors.AsType[audit.UserErrors](err)
	return ok && problems[0].Code == code
}

func TestAChangeOfWhatWasChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1, live(10, "web"))
	stale, deleted := stored(t, d, tenant, 1), stored(t, d, tenant, 1)
	deleted.UpdatedAt = time.Now()
	deleted.DeletedAt = &deleted.UpdatedAt
	if err := d.UpdateIntegration(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"an update":          d.UpdateIntegration(t.Context(), stale),
		"a change of values": d.ChangeSettings(t.Context(), audit.SettingsChange{StoredIntegration: stale}),
	} {
		if !refusedAs(err, audit.CodeConflict) {
			t.Errorf("%s of a stale read: %v, want CONFLICT", what, err)
		}
	}
	if stored(t, d, tenant, 1).DeletedAt == nil {
		t.Error("a stale write has undone the deletion")
	}
}

func TestADeletionForgetsEverything(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	d, err := db.Open(t.Context(), db.Options{URL: database.Writer, Now: time.Now, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	tenant := newTenant(t, d, "one")
	past := time.Now().Add(-time.Minute)
	err = d.CreateIntegration(t.Context(), audit.NewIntegration{
		StoredIntegration: audit.StoredIntegration{Sealed: []byte("sealed"), Integration: audit.Integration{
			Tenant: tenant, Number: 1, Name: "one", ConnectorName: "github", SecretNames: []string{"token"}, CreatedAt: past, UpdatedAt: past,
		}},
		Fetches: []audit.NewFetch{live(10, "web"), backfill(11, "web")},
		Webhook: audit.StoredWebhook{Path: "here", Secrets: []audit.StoredSecret{{ID: 1, Sealed: []byte("sealed")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	running := claim(t, d)
	i := stored(t, d, tenant, 1)
	i.UpdatedAt = time.Now()
	i.DeletedAt = new(time.Now().Add(-time.Second))
	if err := d.UpdateIntegration(t.Context(), i); err != nil {
		t.Fatal(err)
	}

	conn, err := pgx.Connect(t.Context(), database.Owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	var left int
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM integrations WHERE sealed IS NOT NULL OR secret_names <> '{}')
		+ (SELECT count(*) FROM webhook_secrets WHERE sealed <> '' OR expires_at IS NULL)
		+ (SELECT count(*) FROM webhook_paths WHERE expires_at IS NULL)
		+ (SELECT count(*) FROM fetches WHERE status <> 'CANCELLED')`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d rows keep what should be forgotten, %v", left, err)
	}
	webhook, err := d.Webhook(t.Context(), tenant, 1)
	if err != nil || webhook.Path != "" || len(webhook.Secrets) != 0 {
		t.Errorf("the webhook is %+v, %v, want none", webhook, err)
	}
	if err := d.RenewFetch(t.Context(), tenant, running[10].Lease, time.Minute); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("a fetch that runs goes on: %v, want %v", err, audit.ErrFenced)
	}
	if err := d.AddFetches(t.Context(), tenant, 1, []audit.NewFetch{backfill(12, "web")}); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("adding a fetch: %v, want %v", err, audit.ErrNotFound)
	}
	rotated := audit.StoredWebhook{Path: "there", Secrets: []audit.StoredSecret{{ID: 2, Sealed: []byte("sealed")}}}
	if err := d.RotateWebhook(t.Context(), i, rotated, time.Now()); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("rotating its secret: %v, want %v", err, audit.ErrNotFound)
	}
}

// TestSettingsOfAnotherAccount: neither position nor watermark of the old account holds, and nobody who still reads it
// can write one.
func TestSettingsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	for _, moved := range []bool{false, true} {
		d := open(t)
		tenant := newTenant(t, d, "one")
		setUp(t, d, tenant, 1, live(10, "web"))
		old := claim(t, d)[10]
		page := batch(tenant, draft(1))
		page.IntegrationID = 1
		page.Progress = &audit.Progress{Fetch: old.Lease, State: json.RawMessage(`{"page":2}`), Watermark: noon}
		if _, err := d.Append(t.Context(), page); err != nil {
			t.Fatal(err)
		}
		change := audit.SettingsChange{StoredIntegration: stored(t, d, tenant, 1), Moved: moved}
		change.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		change.Fetches = []audit.NewFetch{live(20, "web"), live(21, "git"), backfill(22, "web")}
		if err := d.ChangeSettings(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		_, err := d.Append(t.Context(), page)
		if errors.Is(err, audit.ErrFenced) != moved {
			t.Errorf("moved %v: who read before writes on: %v", moved, err)
		}
		if !moved {
			finish(t, d, old, audit.FetchEnd{})
		}
		claimed := claim(t, d)
		web := claimed[10]
		if len(claimed) != 3 || claimed[21].Feed != "git" || claimed[22].Kind != audit.FetchBackfill {
			t.Errorf("moved %v: claimed %+v, want the old live fetch, the one that is new, and the backfill", moved, claimed)
		}
		if forgotten := len(web.State) == 0 && web.Watermark.IsZero() && web.CreatedAt.Equal(change.UpdatedAt); forgotten != moved {
			t.Errorf("moved %v: the live fetch goes on as %+v", moved, web)
		}
	}
}

func TestOpenBackfillsAreBounded(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	setUp(t, d, tenant, 1)
	for n := range int64(20) {
		if err := d.AddFetches(t.Context(), tenant, 1, []audit.NewFetch{backfill(10+n, "web")}); err != nil {
			t.Fatal(err)
		}
	}
	more := []audit.NewFetch{backfill(50, "web")}
	if err := d.AddFetches(t.Context(), tenant, 1, more); !refusedAs(err, audit.CodeLimit) {
		t.Errorf("the 21st open backfill: %v, want LIMIT", err)
	}
	if err := d.CancelBackfill(t.Context(), tenant, 10); err != nil {
		t.Fatal(err)
	}
	if err := d.AddFetches(t.Context(), tenant, 1, more); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}
