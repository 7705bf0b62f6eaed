package resolvers

import (
	"context"

	"annals/audit"
	"annals/graph/generated"
)

func (r *backfillResolver) Integration(ctx context.Context, obj *audit.Backfill) (*audit.Integration, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.Directory.Get(ctx, view, audit.ID{Kind: audit.KindIntegration, Tenant: obj.Tenant, Number: int64(obj.IntegrationID)})
}

func (r *feedResolver) Message(ctx context.Context, obj *audit.Feed) (*string, error) {
	return sentence(&obj.Reason), nil
}

func (r *integrationResolver) Connector(ctx context.Context, obj *audit.Integration) (*audit.Connector, error) {
	return r.Directory.Connector(obj.ConnectorName), nil
}

func (r *integrationResolver) Message(ctx context.Context, obj *audit.Integration) (*string, error) {
	return sentence(obj.Reason()), nil
}

func (r *integrationResolver) Settings(ctx context.Context, obj *audit.Integration) ([]*audit.Setting, error) {
	return r.Directory.Settings(obj), nil
}

func (r *integrationResolver) Webhook(ctx context.Context, obj *audit.Integration) (*audit.Webhook, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.Directory.Webhook(ctx, view, obj)
}

func (r *integrationResolver) Backfills(ctx context.Context, obj *audit.Integration) ([]*audit.Backfill, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return r.Directory.Backfills(ctx, view, obj)
}

func (r *Resolver) Backfill() generated.BackfillResolver { return &backfillResolver{r} }

func (r *Resolver) Feed() generated.FeedResolver { return &feedResolver{r} }

func (r *Resolver) Integration() generated.IntegrationResolver { return &integrationResolver{r} }

type (
	backfillResolver    struct{ *Resolver }
	feedResolver        struct{ *Resolver }
	integrationResolver struct{ *Resolver }
)
