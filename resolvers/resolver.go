// Package resolvers answers the fields of the schema: each parses its arguments, calls one function, and returns.
package resolvers

import (
	"context"
	"errors"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

// Activities reads activities.
type Activities interface {
	Get(ctx context.Context, view audit.View, id audit.ID) (*audit.Activity, error)
	Raw(ctx context.Context, view audit.View, a *audit.Activity) (*audit.Raw, error)
	List(ctx context.Context, view audit.View, filter *audit.Filter, order audit.Order, args audit.PageArgs) (*audit.Page, error)
	Count(ctx context.Context, page *audit.Page) (int64, error)
	Facets(ctx context.Context, view audit.View, filter *audit.Filter, args audit.FacetArgs) (*audit.Facets, error)
	Series(ctx context.Context, view audit.View, filter *audit.Filter, args audit.SeriesArgs) (*audit.Series, error)
}

// Integrations reads integrations.
type Integrations interface {
	List(ctx context.Context, view audit.View, args audit.PageArgs) (*audit.IntegrationPage, error)
	Get(ctx context.Context, view audit.View, id audit.ID) (*audit.Integration, error)
	ByID(ctx context.Context, view audit.View, ids []audit.IntegrationID) ([]*audit.Integration, error)
	Settings(i *audit.Integration) []*audit.Setting
	Webhook(ctx context.Context, view audit.View, i *audit.Integration) (*audit.Webhook, error)
	Backfills
	Catalogue
}

// Backfills reads backfills.
type Backfills interface {
	Backfills(ctx context.Context, view audit.View, i *audit.Integration) ([]*audit.Backfill, error)
	Backfill(ctx context.Context, view audit.View, id audit.ID) (*audit.Backfill, error)
}

// Catalogue reads connectors.
type Catalogue interface {
	Connectors() []*audit.Connector
	Connector(name string) *audit.Connector
}

// Manager changes integrations.
type Manager interface {
	Create(ctx context.Context, view audit.View, name, connector string, settings []*audit.SettingInput, backfill *audit.Duration) (*audit.Integration, string, error)
	Update(ctx context.Context, view audit.View, id string, name *string, settings []*audit.SettingInput) (*audit.Integration, error)
	Pause(ctx context.Context, view audit.View, id string) (*audit.Integration, error)
	Resume(ctx context.Context, view audit.View, id string) (*audit.Integration, error)
	Delete(ctx context.Context, view audit.View, id, confirmName string) (*audit.Integration, error)
	Test(ctx context.Context, view audit.View, id, connector *string, settings []*audit.SettingInput) ([]*audit.IntegrationCheck, error)
	StartBackfill(ctx context.Context, view audit.View, id string, feeds []string, from, to time.Time) ([]*audit.Backfill, error)
	CancelBackfill(ctx context.Context, view audit.View, id string) (*audit.Backfill, error)
	RotateWebhookSecret(ctx context.Context, view audit.View, id string, keepOld time.Duration, newURL bool) (*audit.Integration, string, error)
}

// Tokens makes and ends tokens.
type Tokens interface {
	CreateAPIToken(ctx context.Context, caller *auth.Principal, in auth.NewAPIToken) (string, *audit.APIToken, error)
	CreateViewerToken(ctx context.Context, caller *auth.Principal, in auth.NewViewerToken) (string, time.Time, error)
	Revoke(ctx context.Context, caller *auth.Principal, in auth.Revocation) (*audit.APIToken, int, error)
}

// TokenStore reads tokens.
type TokenStore interface {
	Tokens(ctx context.Context, view audit.View) ([]*audit.APIToken, error)
	Token(ctx context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error)
}

// Recorder records what clients send.
type Recorder interface {
	Activities(ctx context.Context, view audit.View, integrationID *string, inputs []*audit.DraftInput) ([]*audit.RecordResult, error)
}

// Journal records what people do here, and logs what it could not record.
type Journal interface {
	Write(ctx context.Context, tenant audit.TenantID, entry audit.Entry) error
}

// Live follows the ledger and the integrations.
type Live interface {
	Follow(ctx context.Context, view audit.View, filter *audit.Filter, after *string, since *time.Time) (Feed, error)
	// Watch sends integrations that changed until the context ends or there is an error.
	Watch(ctx context.Context, view audit.View, ids []string, send func(*audit.Integration) error) error
}

// Feed is one subscription to activities.
type Feed interface {
	Next(ctx context.Context) (*audit.LiveMessage, error)
	Close()
}

// Operation tells a resolver about the operation that it answers for.
type Operation interface {
	// View is what the operation sees; all its fields share one.
	View(ctx context.Context) (audit.View, error)
	// TypeAllowed reports whether the token covers a type of the schema.
	TypeAllowed(ctx context.Context, name string) bool
	// End makes an error the last message of a subscription.
	End(ctx context.Context, err error)
}

// Resolver holds what the fields are answered by.
type Resolver struct {
	Operation  Operation
	Explorer   Activities
	Directory  Integrations
	Manager    Manager
	Tokens     Tokens
	TokenStore TokenStore
	Recorder   Recorder
	Journal    Journal
	Live       Live
	Limits     generated.Limits
	Now        func() time.Time
}

// orNull makes what is not there null without an error.
func orNull[T any](value *T, err error) (*T, error) {
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// problems splits what the caller can mend from what they cannot. The list is never nil: the schema's is not null.
func problems(err error) ([]*audit.UserError, error) {
	if one, ok := errors.AsType[*audit.UserError](err); ok {
		return []*audit.UserError{one}, nil
	}
	if several, ok := errors.AsType[audit.UserErrors](err); ok {
		return several, nil
	}
	return []*audit.UserError{}, err
}
