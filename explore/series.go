package explore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"annals/audit"
)

// Series counts activities over time. Without a lower time it begins with the oldest match, without an upper one it
// ends now; what is dated later is counted apart. Mistakes are ArgumentErrors below `timeSeries`.
func (x *Explorer) Series(ctx context.Context, view audit.View, filter *audit.Filter, args audit.SeriesArgs) (*audit.Series, error) {
	if args.Top < 1 || args.Top > MaxGroups {
		return nil, audit.BadArgument("timeSeries.top", "must be from 1 to %d, got %d", MaxGroups, args.Top)
	}
	where, err := filter.Normalise("timeSeries.filter", view.Tenant(), view.Now())
	if err != nil {
		return nil, err
	}
	as := asOf(view, where)
	from, to, err := x.span(ctx, view, where)
	if err != nil {
		return nil, err
	}
	buckets, err := newBuckets(from, to, args)
	if err != nil {
		return nil, err
	}
	later := audit.Between{Field: audit.FieldOccurred, From: to}
	laterCount, err := x.store.Count(ctx, view, append(slices.Clip(where), later))
	if err != nil {
		return nil, err
	}
	series := &audit.Series{Totals: []int64{}, Groups: []*audit.SeriesGroup{}, Other: []int64{}, Missing: []int64{}}
	if len(buckets.starts) > 0 {
		if series, err = x.store.Series(ctx, view, seriesQuery(where, from, to, buckets, args)); err != nil {
			return nil, err
		}
	}
	if args.GroupBy != nil && *args.GroupBy == audit.FacetIntegration {
		for _, group := range series.Groups {
			group.Value, group.Label = integrationValue(view.Tenant(), group.Value, group.Label)
		}
		// The store breaks ties by the decimal ids.
		slices.SortStableFunc(series.Groups, func(a, b *audit.SeriesGroup) int {
			return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value))
		})
	}
	series.Zone, series.Interval, series.LaterCount, series.AsOf = args.Zone, buckets.interval, laterCount, as
	series.Starts, series.End = buckets.starts, buckets.end
	return series, nil
}

// span is the time to count: what is asked for, or else from the oldest match to now.
func (x *Explorer) span(ctx context.Context, view audit.View, where audit.All) (from, to time.Time, err error) {
	from, to = audit.OccurredRange(where)
	if to.IsZero() {
		to = view.Now()
	}
	if !from.IsZero() {
		return from, to, nil
	}
	until := audit.Between{Field: audit.FieldOccurred, To: to}
	oldest, err := x.store.Oldest(ctx, view, append(slices.Clip(where), until))
	if oldest == nil {
		oldest = &to // nothing to count
	}
	return *oldest, to, err
}

// seriesQuery counts in the buckets, but only what lies within the span: the first and last bucket may reach beyond.
func seriesQuery(where audit.All, from, to time.Time, buckets buckets, args audit.SeriesArgs) audit.SeriesQuery {
	within := audit.Between{Field: audit.FieldOccurred, From: from, To: to}
	query := audit.SeriesQuery{
		Where: append(slices.Clip(where), within), Starts: buckets.starts, End: buckets.end, Top: args.Top,
	}
	if args.GroupBy != nil {
		query.GroupBy = *args.GroupBy
	}
	return query
}
