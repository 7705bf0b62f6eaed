package resolvers

import (
	"context"

	"annals/audit"
	"annals/graph/generated"
)

func (r *activityResolver) Integration(ctx context.Context, objs []*audit.Activity) ([]*audit.Integration, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]audit.IntegrationID, len(objs))
	for i, obj := range objs {
		ids[i] = obj.IntegrationID
	}
	return r.Directory.ByID(ctx, view, ids)
}

func (r *activityResolver) Raw(ctx context.Context, obj *audit.Activity) (*audit.Raw, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	return orNull(r.Explorer.Raw(ctx, view.Until(max(view.AsOf(), obj.Seq)), obj))
}

func (r *activityConnectionResolver) TotalCount(ctx context.Context, obj *audit.Page) (*int64, error) {
	count, err := r.Explorer.Count(ctx, obj)
	return &count, err
}

func (r *Resolver) Activity() generated.ActivityResolver { return &activityResolver{r} }

func (r *Resolver) ActivityConnection() generated.ActivityConnectionResolver {
	return &activityConnectionResolver{r}
}

type (
	activityResolver           struct{ *Resolver }
	activityConnectionResolver struct{ *Resolver }
)
