// Package journal records what people do in Annals itself, as activities of the tenant's built-in integration.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"annals/audit"
)

// Connector describes the built-in connector that these activities belong to. Nobody creates an integration of it.
func Connector() audit.Connector {
	return audit.Connector{
		Name: "annals", Label: "Annals", Description: "What people do in Annals itself: integrations, tokens, backfills.",
		Feeds: []audit.ConnectorFeed{{Name: feed, Label: "Own activities", PushOnly: true}},
	}
}

const feed = "own"

// BuiltIn finds the tenant's integration of a built-in connector, and makes it at its first use.
type BuiltIn interface {
	BuiltIn(ctx context.Context, tenant audit.TenantID, c audit.Connector) (*audit.Integration, error)
}

// Record records drafts of an integration.
type Record func(ctx context.Context, i *audit.Integration, feed string, path audit.Path, drafts []audit.Draft) (audit.Receipt, error)

// Journal records what people do.
type Journal struct {
	builtIn BuiltIn
	record  Record
	now     func() time.Time

	// log is where entries go that could not be recorded: what they tell of has happened all the same.
	log *slog.Logger
}

// New makes a journal.
func New(builtIn BuiltIn, record Record, now func() time.Time, log *slog.Logger) *Journal {
	return &Journal{builtIn: builtIn, record: record, now: now, log: log}
}

// Write records an entry. One that fails is logged too, since not every caller can hand the error on: who was given a
// secret must get it nevertheless.
func (j *Journal) Write(ctx context.Context, tenant audit.TenantID, e audit.Entry) error {
	err := j.write(ctx, tenant, e)
	if err != nil {
		j.log.ErrorContext(ctx, "an entry of the journal is lost", "error", err, "tenant", int64(tenant),
			"type", e.Type, "subject", e.Subject, "description", e.Description)
	}
	return err
}

func (j *Journal) write(ctx context.Context, tenant audit.TenantID, e audit.Entry) error {
	connector := Connector()
	own, err := j.builtIn.BuiltIn(ctx, tenant, connector)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	draft, err := j.draft(connector.Name, e)
	if err != nil {
		return err
	}
	if _, err := j.record(ctx, own, feed, audit.PathInternal, []audit.Draft{draft}); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

func (j *Journal) draft(connector string, e audit.Entry) (audit.Draft, error) {
	at := j.now().UTC().Truncate(time.Microsecond)
	draft := audit.Draft{
		Type: connector + "." + e.Type, Action: e.Action, Category: e.Category, Outcome: audit.OutcomeSuccess,
		Description: audit.Text(e.Description), OccurredAt: at, Key: rand.Text(),
		Actor: actor(connector, e), Changes: e.Changes,
	}
	raw := map[string]any{
		"id": draft.Key, "type": e.Type, "subject": e.Subject, "token": e.Token, "at": at, "description": e.Description,
	}
	if e.TokenName != "" {
		raw["tokenName"] = e.TokenName
	}
	if e.Target != nil {
		draft.Targets = []audit.Target{audit.NewTarget(connector, e.TargetType, audit.Text(e.Target.ID()), audit.Text(e.TargetName))}
		raw["target"] = map[string]string{"type": e.TargetType, "id": e.Target.ID(), "name": e.TargetName}
	}
	if len(e.Changes) > 0 {
		raw["changes"] = e.Changes
	}
	if len(e.Details) > 0 {
		details, err := json.Marshal(e.Details)
		if err != nil {
			return audit.Draft{}, fmt.Errorf("writing the journal: %w", err)
		}
		draft.Metadata, raw["details"] = details, e.Details
	}
	draft.VendorID = audit.Text(draft.Key)
	var err error
	if draft.Raw, err = json.Marshal(raw); err != nil {
		return audit.Draft{}, fmt.Errorf("writing the journal: %w", err)
	}
	return draft, nil
}

// actor is the program or the person behind the token. The subject of a program's token is no name.
func actor(connector string, e audit.Entry) *audit.Actor {
	subject := audit.Text(e.Subject)
	if e.Token == audit.TokenAPI {
		return audit.NewActor(connector, audit.ActorService, subject, audit.Text(e.TokenName), "")
	}
	return audit.NewActor(connector, audit.ActorUser, subject, subject, "")
}
