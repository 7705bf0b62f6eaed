// Package explore is the one door for reading activities: lists, single ones, facets and series, all under a View, so
// that every part of one answer sees the same moment and the same restriction.
package explore

import (
	"context"
	"time"

	"annals/audit"
)

// Bounds of a request.
const (
	MaxFacetValues = 1000
	MaxBuckets     = 2000
	MaxGroups      = 100
	defaultBuckets = 60
	maxContains    = 1000 // characters of a search among values
)

// Store is where activities are read.
type Store interface {
	Page(ctx context.Context, view audit.View, page audit.PageQuery) ([]*audit.Activity, error)
	Activities(ctx context.Context, view audit.View, seqs []int64) ([]*audit.Activity, error)
	Count(ctx context.Context, view audit.View, where audit.All) (int64, error)
	Raw(ctx context.Context, view audit.View, seq int64) (*audit.Raw, error)
	Counter
}

// Counter counts activities by value and over time.
type Counter interface {
	// Facet counts the values of one field. INTEGRATION's values are decimal ids.
	Facet(ctx context.Context, view audit.View, facet audit.FacetQuery) (*audit.Facet, error)
	// Series counts per bucket: Totals, Groups, Other, Missing and Total of the answer. INTEGRATION as in Facet.
	Series(ctx context.Context, view audit.View, series audit.SeriesQuery) (*audit.Series, error)
	// Oldest is the occurredAt of the oldest match, nil when nothing matches.
	Oldest(ctx context.Context, view audit.View, where audit.All) (*time.Time, error)
}

// Explorer reads activities.
type Explorer struct {
	store   Store
	cursors Cursors
}

// New makes an explorer.
func New(store Store, cursors Cursors) *Explorer { return &Explorer{store: store, cursors: cursors} }

// Get gives the activity of a global id; ErrNotFound when it is none, another tenant's, or not visible.
func (x *Explorer) Get(ctx context.Context, view audit.View, id audit.ID) (*audit.Activity, error) {
	seq := id.Number
	if id.Kind != audit.KindActivity || id.Tenant != view.Tenant() {
		seq = -1 // asked for all the same, so that every miss takes the same way
	}
	found, err := x.store.Activities(ctx, view, []int64{seq})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, audit.ErrNotFound
	}
	return found[0], nil
}

// Raw gives the vendor's bytes of a visible activity.
func (x *Explorer) Raw(ctx context.Context, view audit.View, a *audit.Activity) (*audit.Raw, error) {
	return x.store.Raw(ctx, view, a.Seq)
}

// asOf says what an answer rests on.
func asOf(view audit.View, where audit.All) audit.AsOf {
	as := audit.AsOf{Seq: view.AsOf(), Time: view.Now()}
	from, to := audit.OccurredRange(where)
	if !from.IsZero() {
		as.From = &from
	}
	if !to.IsZero() {
		as.To = &to
	}
	return as
}
