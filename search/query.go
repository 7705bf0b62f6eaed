package search

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/meilisearch/meilisearch-go"

	"annals/audit"
)

// Candidates are activities that may answer a question. None that the index has is missing; some may be too many.
type Candidates struct {
	Seqs []int64 // in the order asked for
	More bool    // others lie beyond these, on the side that the page leads to
	// Indexed is the newest seq that the index has, -1 for none. Younger activities are not among the candidates.
	Indexed int64
}

// Candidates asks for a page of activities that may match a question in words and a filter. It takes at most 1,000. An
// error means that Postgres answers alone.
func (x *Index) Candidates(ctx context.Context, view audit.View, text audit.TextQuery, page audit.PageQuery) (Candidates, error) {
	words := question(text)
	if words == "" || countValues(view.Visible(page.Where)) > audit.MaxFilterValues {
		return Candidates{}, ErrUnsupported
	}
	if !x.Available() {
		return Candidates{}, ErrAway
	}
	position, err := x.positions.Position(ctx, view.Tenant(), x.uid)
	if err != nil {
		return Candidates{}, fmt.Errorf("reading the index's position: %w", err)
	}
	found := Candidates{Indexed: position - 1}
	request := newRequest(view.Until(min(view.AsOf(), found.Indexed)), words, page)
	if found.Seqs, err = x.ask(ctx, view.Tenant(), request); err != nil {
		return Candidates{}, err
	}
	// A position that went back says that the index was made anew, perhaps before it was asked.
	now, err := x.positions.Position(ctx, view.Tenant(), x.uid)
	switch {
	case err != nil:
		return Candidates{}, fmt.Errorf("reading the index's position: %w", err)
	case now < position:
		return Candidates{}, ErrAway
	}
	if most := int(request.Limit) - 1; len(found.Seqs) > most {
		found.Seqs, found.More = found.Seqs[:most], true
	}
	if page.Last {
		slices.Reverse(found.Seqs)
	}
	return found, nil
}

// newRequest is the question in Meilisearch's form. One hit more than asked for tells whether there are others.
func newRequest(view audit.View, words string, page audit.PageQuery) *meilisearch.SearchRequest {
	descending := page.Order.Direction == audit.Descending
	filter := allOf(superset(view.Visible(page.Where), false),
		beyond(page.Order.Field, page.Between[0], descending), beyond(page.Order.Field, page.Between[1], !descending))
	return &meilisearch.SearchRequest{
		Query:                words,
		Filter:               pinned(view.Tenant(), filter),
		Sort:                 sorting(page.Order.Field, descending != page.Last),
		Limit:                int64(min(page.Limit, maxCandidates)) + 1,
		MatchingStrategy:     meilisearch.All,
		AttributesToRetrieve: []string{attributeID, attributeSeq},
	}
}

// pinned is a filter of one tenant. The parts of a list are joined by AND after each is read by itself, so that
// nothing in the filter can get round the tenant.
func pinned(tenant audit.TenantID, filter condition) []string {
	parts := []string{attributeTenant + " = " + quote(tenantName(tenant))}
	switch filter.kind {
	case everything:
		return parts
	case nothing:
		return append(parts, attributeTenant+" IN []")
	default:
		return append(parts, filter.text)
	}
}

func sorting(by audit.OrderField, descending bool) []string {
	direction := ":asc"
	if descending {
		direction = ":desc"
	}
	if by == audit.OrderRecordedAt {
		return []string{attributeSeq + direction}
	}
	return []string{attributeOccurred + direction, attributeSeq + direction}
}

// beyond is the condition for what lies behind a position: smaller ones when smaller is set.
func beyond(by audit.OrderField, at *audit.Position, smaller bool) condition {
	if at == nil {
		return condition{}
	}
	sign := ">"
	if smaller {
		sign = "<"
	}
	seq := is("%s %s %d", attributeSeq, sign, at.Seq)
	if by == audit.OrderRecordedAt {
		return seq
	}
	t := microseconds(at.OccurredAt)
	return anyOf(is("%s %s %d", attributeOccurred, sign, t), allOf(is("%s = %d", attributeOccurred, t), seq))
}

// hit is what a search gives of a document.
type hit struct {
	ID  string `json:"id"`
	Seq int64  `json:"seq"`
}

// ask sends one question. Every hit is checked to be the tenant's, as a second lock behind the filter.
func (x *Index) ask(ctx context.Context, tenant audit.TenantID, request *meilisearch.SearchRequest) ([]int64, error) {
	short, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := x.client.Index(x.uid).SearchRawWithContext(short, "", request)
	x.note(ctx, err)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, reason(err))
	}
	var found struct {
		Hits []hit `json:"hits"`
	}
	if err := json.Unmarshal(*answer, &found); err != nil {
		return nil, fmt.Errorf("%w: reading hits: %w", ErrAway, err)
	}
	seqs := make([]int64, len(found.Hits))
	for i, h := range found.Hits {
		if h.ID != documentID(tenant, h.Seq) {
			return nil, fmt.Errorf("%w: a hit is not the tenant's", ErrAway)
		}
		seqs[i] = h.Seq
	}
	return seqs, nil
}
