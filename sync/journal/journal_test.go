package journal_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/journal"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// own is the built-in integration.
type own struct{ err error }

func (o own) BuiltIn(_ context.Context, tenant audit.TenantID, c audit.Connector) (*audit.Integration, error) {
	return &audit.Integration{Tenant: tenant, Number: 1, ConnectorName: c.Name}, o.err
}

var entry = audit.Entry{
	Type: "integration.pause", Action: audit.ActionDisable, Category: audit.CategoryConfiguration, Subject: "ann@example.com",
	Token: audit.TokenViewer, Description: "Paused the integration Main.", Target: &audit.Integration{Tenant: 5, Number: 7}, TargetType: "integration", TargetName: "Main",
	Changes: []audit.Change{{Field: "status", Before: new("WORKING"), After: new("PAUSED")}, {Field: "settings.token"}},
	Details: map[string]any{"reason": "too loud"},
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var recorded []audit.Draft
	record := func(_ context.Context, i *audit.Integration, feed string, path audit.Path, drafts []audit.Draft) (audit.Receipt, error) {
		if i.Tenant != 5 || i.Number != 1 || feed != "own" || path != audit.PathInternal {
			t.Errorf("recorded into %+v, %s, %s", i, feed, path)
		}
		recorded = append(recorded, drafts...)
		return audit.Receipt{}, nil
	}
	j := journal.New(own{}, record, func() time.Time { return noon }, slog.New(slog.DiscardHandler))
	for range 2 {
		if err := j.Write(t.Context(), 5, entry); err != nil {
			t.Fatal(err)
		}
	}
	if len(recorded) != 2 || recorded[0].Key == recorded[1].Key {
		t.Fatalf("recorded %+v, want two entries of different keys", recorded)
	}
	d := recorded[0]
	if d.Type != "annals.integration.pause" || d.Action != audit.ActionDisable || d.Outcome != audit.OutcomeSuccess || !d.OccurredAt.Equal(noon) {
		t.Errorf("recorded %+v", d)
	}
	if d.Actor == nil || d.Actor.VendorID != "ann@example.com" || string(d.Metadata) != `{"reason":"too loud"}` {
		t.Errorf("actor %+v, metadata %s", d.Actor, d.Metadata)
	}
	if len(d.Targets) != 1 || string(d.Targets[0].VendorID) != entry.Target.ID() || d.Targets[0].Name != "Main" {
		t.Errorf("targets %+v, want the integration", d.Targets)
	}
	if d.Description != "Paused the integration Main." || !reflect.DeepEqual(d.Changes, entry.Changes) {
		t.Errorf("%q, changes %+v", d.Description, d.Changes)
	}
	for _, fact := range []string{
		`"subject":"ann@example.com"`, `"token":"VIEWER"`, `"description":"Paused the integration Main."`, `"details":{"reason":"too loud"}`,
		`"changes":[{"field":"status","before":"WORKING","after":"PAUSED"},{"field":"settings.token"}]`, `"name":"Main"`,
	} {
		if !bytes.Contains(d.Raw, []byte(fact)) {
			t.Errorf("raw %s lacks %s", d.Raw, fact)
		}
	}
}

// TestActor: an API token is a program's, all others are a person's.
func TestActor(t *testing.T) {
	t.Parallel()
	for kind, want := range map[audit.TokenKind]audit.Actor{
		audit.TokenAPI:      {Key: "annals:token:abc", Type: audit.ActorService, VendorID: "token:abc", Name: "ci"},
		audit.TokenViewer:   {Key: "annals:viewer:abc/ann", Type: audit.ActorUser, VendorID: "viewer:abc/ann", Name: "viewer:abc/ann"},
		audit.TokenExternal: {Key: "annals:external:idp#ann", Type: audit.ActorUser, VendorID: "external:idp#ann", Name: "external:idp#ann"},
	} {
		var got *audit.Actor
		record := func(_ context.Context, _ *audit.Integration, _ string, _ audit.Path, drafts []audit.Draft) (audit.Receipt, error) {
			got = drafts[0].Actor
			return audit.Receipt{}, nil
		}
		by := entry
		by.Subject, by.Token, by.TokenName = string(want.VendorID), kind, "ci"
		if err := journal.New(own{}, record, func() time.Time { return noon }, slog.New(slog.DiscardHandler)).Write(t.Context(), 5, by); err != nil {
			t.Fatal(err)
		}
		if got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
}

// TestALostEntryIsLogged: some callers cannot hand the error on.
func TestALostEntryIsLogged(t *testing.T) {
	t.Parallel()
	lost := errors.New("no database")
	record := func(context.Context, *audit.Integration, string, audit.Path, []audit.Draft) (audit.Receipt, error) {
		return audit.Receipt{}, lost
	}
	for name, builtIn := range map[string]own{"finding the integration": {err: lost}, "recording": {}} {
		var log bytes.Buffer
		j := journal.New(builtIn, record, func() time.Time { return noon }, slog.New(slog.NewTextHandler(&log, nil)))
		if err := j.Write(t.Context(), 5, entry); !errors.Is(err, lost) {
			t.Errorf("%s: %v, want %v", name, err, lost)
		}
		for _, want := range []string{"level=ERROR", "type=integration.pause", "subject=ann@example.com", "no database"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: logged %q, want %q in it", name, log.String(), want)
			}
		}
	}
}
