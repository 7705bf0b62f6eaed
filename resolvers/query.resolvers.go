package resolvers

import (
	"context"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

func (r *queryResolver) Viewer(ctx context.Context) (*generated.Viewer, error) {
	p := auth.FromContext(ctx)
	return &generated.Viewer{
		Tenant: &p.Tenant, Subject: p.Subject, Kind: p.Kind, Scopes: p.Scopes, Restriction: p.Restriction,
		ExpiresAt: p.ExpiresAt, Limits: &r.Limits,
	}, nil
}

func (r *queryResolver) Node(ctx context.Context, id string) (audit.Node, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.node(ctx, view, id)
}

func (r *queryResolver) Nodes(ctx context.Context, ids []string) ([]audit.Node, error) {
	if len(ids) > maxNodes {
		return nil, audit.BadArgument("nodes.ids", "must be at most %d, got %d", maxNodes, len(ids))
	}
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	nodes := make([]audit.Node, len(ids))
	for i, id := range ids {
		if nodes[i], err = r.node(ctx, view, id); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (r *queryResolver) Activity(ctx context.Context, id string) (*audit.Activity, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	parsed, _ := audit.ParseID(id)
	return orNull(r.Explorer.Get(ctx, view, parsed))
}

func (r *queryResolver) Activities(ctx context.Context, filter *audit.Filter, orderBy *audit.Order, first *int, after *string, last *int, before *string) (*audit.Page, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	if orderBy == nil {
		orderBy = new(audit.NewestFirst())
	}
	return r.Explorer.List(ctx, view, filter, *orderBy, audit.PageArgs{First: first, After: after, Last: last, Before: before})
}

func (r *queryResolver) Facets(ctx context.Context, filter *audit.Filter, fields []audit.FacetField, first int, contains *string) (*audit.Facets, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	args := audit.FacetArgs{Fields: fields, First: first}
	if contains != nil {
		args.Contains = *contains
	}
	return r.Explorer.Facets(ctx, view, filter, args)
}

func (r *queryResolver) TimeSeries(ctx context.Context, filter *audit.Filter, groupBy *audit.FacetField, interval *string, buckets *int, timeZone *time.Location, top int) (*audit.Series, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	args := audit.SeriesArgs{GroupBy: groupBy, Interval: interval, Buckets: buckets, Zone: timeZone, Top: top}
	return r.Explorer.Series(ctx, view, filter, args)
}

func (r *queryResolver) Integrations(ctx context.Context, first *int, after *string, last *int, before *string) (*audit.IntegrationPage, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.Directory.List(ctx, view, audit.PageArgs{First: first, After: after, Last: last, Before: before})
}

func (r *queryResolver) Integration(ctx context.Context, id string) (*audit.Integration, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	parsed, _ := audit.ParseID(id)
	return orNull(r.Directory.Get(ctx, view, parsed))
}

func (r *queryResolver) Connectors(ctx context.Context) ([]*audit.Connector, error) {
	return r.Directory.Connectors(), nil
}

func (r *queryResolver) Connector(ctx context.Context, name string) (*audit.Connector, error) {
	return r.Directory.Connector(name), nil
}

func (r *queryResolver) APITokens(ctx context.Context, first *int, after *string, last *int, before *string) (*audit.APITokenPage, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.tokenPage(ctx, view, audit.PageArgs{First: first, After: after, Last: last, Before: before})
}

func (r *Resolver) Query() generated.QueryResolver { return &queryResolver{r} }

type queryResolver struct{ *Resolver }
