package resolvers

import (
	"context"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

func (r *apiTokenResolver) Status(ctx context.Context, obj *audit.APIToken) (audit.TokenStatus, error) {
	return auth.Status(obj, r.Now()), nil
}

func (r *Resolver) ApiToken() generated.ApiTokenResolver { return &apiTokenResolver{r} }

type apiTokenResolver struct{ *Resolver }
