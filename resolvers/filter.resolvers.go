package resolvers

import (
	"context"
	"encoding/json"

	"annals/audit"
	"annals/graph/generated"
)

func (r *filterDescriptionResolver) JSON(ctx context.Context, obj *audit.Filter) (audit.JSON, error) {
	return json.Marshal(obj)
}

func (r *Resolver) FilterDescription() generated.FilterDescriptionResolver {
	return &filterDescriptionResolver{r}
}

type filterDescriptionResolver struct{ *Resolver }
