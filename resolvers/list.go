package resolvers

import (
	"context"

	"annals/audit"
)

// sentence is a reason in English, nil for none.
func sentence(reason *audit.HealthReason) *string {
	if reason == nil || *reason == "" {
		return nil
	}
	return new(reason.Sentence())
}

// tokenPage gives a page of tokens, newest first.
func (r *Resolver) tokenPage(ctx context.Context, view audit.View, args audit.PageArgs) (*audit.APITokenPage, error) {
	all, err := r.TokenStore.Tokens(ctx, view)
	if err != nil {
		return nil, err
	}
	part, cursors, info, err := audit.Cut("apiTokens", all, func(t *audit.APIToken) string { return t.JTI }, args)
	if err != nil {
		return nil, err
	}
	page := &audit.APITokenPage{TotalCount: int64(len(all)), PageInfo: info, Edges: make([]*audit.APITokenEdge, len(part))}
	for n, token := range part {
		page.Edges[n] = &audit.APITokenEdge{Cursor: cursors[n], Node: token}
	}
	return page, nil
}
