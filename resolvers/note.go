package resolvers

import (
	"context"

	"annals/audit"
	"annals/auth"
)

// note writes into the journal what the caller did.
func (r *Resolver) note(ctx context.Context, entry audit.Entry) error {
	caller := auth.FromContext(ctx)
	entry.Subject = caller.Subject
	return r.Journal.Write(ctx, caller.Tenant.Number, entry)
}

// noteGiven is note for what gave the caller a secret. The secret cannot be shown again, and what it opens exists
// already: an entry that fails, which the Journal logs, must not take it away.
func (r *Resolver) noteGiven(ctx context.Context, entry audit.Entry) { _ = r.note(ctx, entry) }

func onIntegration(kind string, action audit.Action, i *audit.Integration, details map[string]any) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryConfiguration, Description: kind + " " + i.Name,
		Target: i, TargetType: "integration", TargetName: i.Name, Details: details,
	}
}

func onBackfill(kind string, action audit.Action, b *audit.Backfill) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryConfiguration, Description: kind + " of " + b.Feed,
		Target: b, TargetType: "backfill", TargetName: b.Feed,
	}
}

func onToken(kind string, action audit.Action, t *audit.APIToken, details map[string]any) audit.Entry {
	return audit.Entry{
		Type: kind, Action: action, Category: audit.CategoryCredential, Description: kind + " " + t.Name,
		Target: t, TargetType: "token", TargetName: t.Name, Details: details,
	}
}

func onViewer(subject string) audit.Entry {
	return audit.Entry{
		Type: "viewer_token.create", Action: audit.ActionCreate, Category: audit.CategoryCredential,
		Description: "viewer_token.create for " + subject, Details: map[string]any{"viewer": subject},
	}
}

// settingNames tells which settings were changed, never to what.
func settingNames(settings []*audit.SettingInput) map[string]any {
	names := make([]string, len(settings))
	for i, setting := range settings {
		names[i] = setting.Name
	}
	return map[string]any{"settings": names}
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
