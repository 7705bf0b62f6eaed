package resolvers

import (
	"context"
	"time"

	"annals/audit"
	"annals/auth"
)

// note writes into the journal what the caller did.
func (r *Resolver) note(ctx context.Context, entry audit.Entry) error {
	caller := auth.FromContext(ctx)
	entry.Subject, entry.Token = caller.Subject, caller.Kind
	if caller.Kind == audit.TokenAPI {
		entry.TokenName = caller.Name
	}
	return r.Journal.Write(ctx, caller.Tenant.Number, entry)
}

// noteGiven is note for what gave the caller a secret. The secret cannot be shown again, and what it opens exists
// already: an entry that fails, which the Journal logs, must not take it away.
func (r *Resolver) noteGiven(ctx context.Context, entry audit.Entry) { _ = r.note(ctx, entry) }

// noteUpdate is note for other settings, unless they are the present ones.
func (r *Resolver) noteUpdate(ctx context.Context, before, after *audit.Integration, given []*audit.SettingInput) error {
	changes := settingChanges(before, after, given)
	if len(changes) == 0 {
		return nil
	}
	return r.note(ctx, onIntegration("integration.update", audit.ActionUpdate, "Changed the integration", after, nil, changes...))
}

// onIntegration writes of a deed: "Paused the integration".
func onIntegration(kind string, action audit.Action, deed string, i *audit.Integration, details map[string]any, changes ...audit.Change) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryConfiguration, Description: deed + " " + i.Name + ".",
		Target: i, TargetType: "integration", TargetName: i.Name, Changes: changes, Details: details,
	}
}

func backfillStarted(i *audit.Integration, b *audit.Backfill) audit.Entry {
	text := "Started a backfill of " + i.Name + ", feed " + b.Feed
	if b.From != nil {
		text += ", from " + b.From.UTC().Format(time.DateOnly)
	}
	entry := onBackfill("backfill.start", audit.ActionExecute, text+".", i, b)
	entry.Details["from"], entry.Details["to"] = b.From, b.To
	return entry
}

func backfillCancelled(i *audit.Integration, before, after *audit.Backfill) audit.Entry {
	text := "Cancelled the backfill of " + i.Name + ", feed " + after.Feed + "."
	entry := onBackfill("backfill.cancel", audit.ActionDisable, text, i, after)
	entry.Changes = statusChange(before.Status, after.Status)
	return entry
}

func onBackfill(kind string, action audit.Action, text string, i *audit.Integration, b *audit.Backfill) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryConfiguration, Description: text,
		Target: b, TargetType: "backfill", TargetName: b.Feed,
		Details: map[string]any{"integrationId": i.ID(), "integration": i.Name},
	}
}

func onToken(kind string, action audit.Action, deed string, t *audit.APIToken, details map[string]any, changes ...audit.Change) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryCredential, Description: deed + " " + t.Name + ".",
		Target: t, TargetType: "token", TargetName: t.Name, Changes: changes, Details: details,
	}
}

func onViewer(subject string) audit.Entry {
	return audit.Entry{
		Type: "viewer_token.create", Action: audit.ActionCreate, Category: audit.CategoryCredential,
		Description: "Created a viewer token for " + subject + ".", Details: map[string]any{"viewer": subject},
	}
}

func reason(text *string) map[string]any {
	if text == nil {
		return nil
	}
	return map[string]any{"reason": *text}
}

// given is a text that may be absent.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
