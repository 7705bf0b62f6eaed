package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
)

// Series counts activities per bucket, and per value of a field. It fills Totals, Groups, Other, Missing and Total.
func (db *DB) Series(ctx context.Context, view audit.View, s audit.SeriesQuery) (*audit.Series, error) {
	value, label := "''::text", noLabel
	if s.GroupBy != "" {
		value, label = facetColumns(s.GroupBy)
	}
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	q := &query{}
	within := audit.Between{Field: audit.FieldOccurred, From: s.Starts[0], To: s.End}
	q.WriteString("WITH g AS MATERIALIZED (SELECT width_bucket(occurred_at, " + q.arg(s.Starts) + "::timestamptz[]) AS b, " +
		value + " AS v, count(*) AS n, " + label + " AS label FROM activities WHERE tenant_id = " + q.arg(view.Tenant()) +
		" AND " + q.where(view.Visible(s.Where)) + " AND " + q.where(within) + " GROUP BY 1, 2), " +
		"top AS (SELECT v, sum(n) AS total, (max(label COLLATE \"C\"))[2] AS label FROM g WHERE v <> '' GROUP BY v" +
		" ORDER BY total DESC, v LIMIT " + q.arg(s.Top) + `)
		SELECT b, CASE WHEN g.v = '' THEN 'missing' WHEN top.v IS NULL THEN 'other' ELSE 'top' END AS line,
			coalesce(top.v, ''), coalesce(min(top.label), ''), sum(n)::bigint
		FROM g LEFT JOIN top ON top.v = g.v GROUP BY 1, 2, 3 ORDER BY max(top.total) DESC NULLS LAST, 3, 1`)
	rows, err := db.pool.Query(ctx, q.String(), q.args...)
	if err != nil {
		return nil, translate("counting over time", err)
	}
	series := newSeries(len(s.Starts), s.GroupBy != "")
	var bucket int
	var line, group, name string
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&bucket, &line, &group, &name, &count}, func() error {
		addCount(series, bucket-1, line, group, name, count)
		return nil
	})
	return series, translate("counting over time", err)
}

func newSeries(buckets int, grouped bool) *audit.Series {
	series := &audit.Series{Totals: make([]int64, buckets), Other: []int64{}, Missing: []int64{}, Groups: []*audit.SeriesGroup{}}
	if grouped {
		series.Other, series.Missing = make([]int64, buckets), make([]int64, buckets)
	}
	return series
}

// addCount adds one row of the answer; those of one group come together, the largest group first.
func addCount(s *audit.Series, bucket int, line, value, label string, count int64) {
	s.Totals[bucket] += count
	s.Total += count
	switch {
	case len(s.Other) == 0: // not grouped
	case line == "missing":
		s.Missing[bucket] += count
	case line == "other":
		s.Other[bucket] += count
	default:
		if n := len(s.Groups); n == 0 || s.Groups[n-1].Value != value {
			s.Groups = append(s.Groups, newGroup(len(s.Totals), value, label))
		}
		group := s.Groups[len(s.Groups)-1]
		group.Counts[bucket] += count
		group.Total += count
	}
}

func newGroup(buckets int, value, label string) *audit.SeriesGroup {
	if label == "" {
		label = value
	}
	return &audit.SeriesGroup{Value: value, Label: label, Counts: make([]int64, buckets)}
}

// Oldest is the time of the oldest matching activity, nil when there is none.
func (db *DB) Oldest(ctx context.Context, view audit.View, where audit.All) (*time.Time, error) {
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	q := &query{}
	q.WriteString("SELECT min(occurred_at) FROM activities WHERE tenant_id = " + q.arg(view.Tenant()) + " AND " + q.where(view.Visible(where)))
	var oldest *time.Time
	if err := db.pool.QueryRow(ctx, q.String(), q.args...).Scan(&oldest); err != nil {
		return nil, translate("finding the oldest activity", err)
	}
	if oldest != nil {
		oldest = new(oldest.UTC())
	}
	return oldest, nil
}
