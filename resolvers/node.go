package resolvers

import (
	"context"
	"errors"

	"annals/audit"
	"annals/auth"
)

// maxNodes is how many objects can be fetched at once.
const maxNodes = 100

// typeNames are the schema's types by the kind of their ids.
var typeNames = map[audit.Kind]string{
	audit.KindActivity: "Activity", audit.KindIntegration: "Integration", audit.KindBackfill: "Backfill",
	audit.KindAPIToken: "ApiToken", audit.KindTenant: "Tenant", audit.KindConnector: "Connector",
}

// node fetches any object by its global id. What is not there, another tenant's, outside the token's restriction, or
// of a type that the token's scopes do not cover is nil, all alike: each miss asks the database once.
func (r *Resolver) node(ctx context.Context, view audit.View, text string) (audit.Node, error) {
	id, ok := audit.ParseID(text)
	foreign := id.Tenant != view.Tenant() && id.Kind != audit.KindConnector
	if !ok || foreign || !r.Operation.TypeAllowed(ctx, typeNames[id.Kind]) {
		id = audit.ID{Kind: audit.KindActivity, Tenant: view.Tenant(), Number: -1} // of no activity
	}
	found, err := r.fetch(ctx, view, id)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, nil
	}
	return found, err
}

func (r *Resolver) fetch(ctx context.Context, view audit.View, id audit.ID) (audit.Node, error) {
	switch id.Kind {
	case audit.KindActivity:
		return fetched(r.Explorer.Get(ctx, view, id))
	case audit.KindIntegration:
		return fetched(r.Directory.Get(ctx, view, id))
	case audit.KindBackfill:
		return fetched(r.Directory.Backfill(ctx, view, id))
	case audit.KindAPIToken:
		return fetched(r.TokenStore.Token(ctx, id.Tenant, id.Name))
	case audit.KindConnector:
		if found := r.Directory.Connector(id.Name); found != nil {
			return found, nil
		}
	case audit.KindTenant:
		return &auth.FromContext(ctx).Tenant, nil
	}
	return nil, audit.ErrNotFound
}

// fetched makes a node of an object, without making a node of no object.
func fetched[T audit.Node](found T, err error) (audit.Node, error) {
	if err != nil {
		return nil, err
	}
	return found, nil
}
