package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"annals/audit"
	"annals/auth"
)

// present gives the operation's view, and an integration as it is before a change.
func (r *Resolver) present(ctx context.Context, id string) (audit.View, *audit.Integration, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return audit.View{}, nil, err
	}
	parsed, _ := audit.ParseID(id)
	found, err := orEmpty(r.Directory.Get(ctx, view, parsed))
	return view, found, err
}

// presentBackfill gives a backfill as it is before a change, and its integration.
func (r *Resolver) presentBackfill(ctx context.Context, view audit.View, id string) (*audit.Backfill, *audit.Integration, error) {
	parsed, _ := audit.ParseID(id)
	found, err := orEmpty(r.Directory.Backfill(ctx, view, parsed))
	if err != nil {
		return nil, nil, err
	}
	of := audit.ID{Kind: audit.KindIntegration, Tenant: view.Tenant(), Number: int64(found.IntegrationID)}
	i, err := orEmpty(r.Directory.Get(ctx, view, of))
	return found, i, err
}

// presentToken gives a token of the caller's tenant as it is before a change.
func (r *Resolver) presentToken(ctx context.Context, id string) (*audit.APIToken, error) {
	parsed, _ := audit.ParseID(id)
	return orEmpty(r.TokenStore.Token(ctx, auth.FromContext(ctx).Tenant.Number, parsed.Name))
}

// orEmpty gives an empty value for what is not there: the change that follows refuses it in its own words.
func orEmpty[T any](value *T, err error) (*T, error) {
	value, err = orNull(value, err)
	if value == nil {
		value = new(T)
	}
	return value, err
}

// touched reports whether a person changed an integration between two looks at it. Its status would not do: that also
// follows the health of its feeds.
func touched(before, after *audit.Integration) bool { return !before.UpdatedAt.Equal(after.UpdatedAt) }

// settingChanges tells the name and the given settings that differ. A given secret counts as changed and is told by its
// field alone: nobody sees whether it is the same.
func settingChanges(before, after *audit.Integration, settings []*audit.SettingInput) []audit.Change {
	changes := appendChange(nil, "name", given(before.Name), given(after.Name))
	for _, name := range settingNames(settings) {
		field := "settings." + name
		if slices.Contains(before.SecretNames, name) || slices.Contains(after.SecretNames, name) {
			changes = append(changes, audit.Change{Field: field})
		} else {
			changes = appendChange(changes, field, plain(before.Values[name]), plain(after.Values[name]))
		}
	}
	return changes
}

// settingNames are the names of settings, each once.
func settingNames(settings []*audit.SettingInput) []string {
	names := make([]string, len(settings))
	for i, setting := range settings {
		names[i] = setting.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// plain is a setting as text: a text itself, all else as JSON, nil when it is not set.
func plain(value json.RawMessage) *string {
	if len(value) == 0 {
		return nil
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return &text
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return new(string(value))
	}
	return new(compact.String())
}

// webhookChanges are told by their fields alone: who knows a webhook's address can try to push to it.
func webhookChanges(newURL bool) []audit.Change {
	changes := []audit.Change{{Field: "webhook.secret"}}
	if newURL {
		changes = append(changes, audit.Change{Field: "webhook.url"})
	}
	return changes
}

func statusChange[S ~string](before, after S) []audit.Change {
	return appendChange(nil, "status", given(string(before)), given(string(after)))
}

func appendChange(changes []audit.Change, field string, before, after *string) []audit.Change {
	same := before == after || before != nil && after != nil && *before == *after
	if same {
		return changes
	}
	return append(changes, audit.Change{Field: field, Before: before, After: after})
}
