package db

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"annals/audit"
)

// Page gives the activities of a page in its order.
func (db *DB) Page(ctx context.Context, view audit.View, page audit.PageQuery) ([]*audit.Activity, error) {
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	q := &query{}
	q.WriteString("SELECT " + columnList + " FROM activities WHERE tenant_id = " + q.arg(view.Tenant()) +
		" AND " + q.where(view.Visible(page.Where)))
	backwards := page.Order.Direction == audit.Descending
	q.WriteString(q.beyond(page.Order.Field, page.Between[0], backwards))
	q.WriteString(q.beyond(page.Order.Field, page.Between[1], !backwards))
	if page.Last {
		backwards = !backwards
	}
	q.WriteString(orderBy(page.Order.Field, backwards) + " LIMIT " + q.arg(page.Limit))
	activities, err := activities(ctx, db.pool, q)
	if page.Last {
		slices.Reverse(activities)
	}
	return activities, err
}

// beyond is the condition for what lies behind a position: smaller ones when descending.
func (q *query) beyond(by audit.OrderField, at *audit.Position, descending bool) string {
	if at == nil {
		return ""
	}
	sign := ">"
	if descending {
		sign = "<"
	}
	if by == audit.OrderRecordedAt {
		return " AND seq " + sign + " " + q.arg(at.Seq)
	}
	return " AND (occurred_at, seq) " + sign + " (" + q.arg(at.OccurredAt) + ", " + q.arg(at.Seq) + ")"
}

func orderBy(by audit.OrderField, descending bool) string {
	direction := " ASC"
	if descending {
		direction = " DESC"
	}
	if by == audit.OrderRecordedAt {
		return " ORDER BY seq" + direction
	}
	return " ORDER BY occurred_at" + direction + ", seq" + direction
}

func activities(ctx context.Context, pool *pgxpool.Pool, q *query) ([]*audit.Activity, error) {
	rows, err := pool.Query(ctx, q.String(), q.args...)
	if err != nil {
		return nil, translate("reading activities", err)
	}
	activities, err := pgx.CollectRows(rows, scanActivity)
	return activities, translate("reading activities", err)
}

// Activity gives one visible activity.
func (db *DB) Activity(ctx context.Context, view audit.View, seq int64) (*audit.Activity, error) {
	found, err := db.Activities(ctx, view, []int64{seq})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, audit.ErrNotFound
	}
	return found[0], nil
}

// Activities gives those of some positions that are visible, by seq.
func (db *DB) Activities(ctx context.Context, view audit.View, seqs []int64) ([]*audit.Activity, error) {
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	q := &query{}
	q.WriteString("SELECT " + columnList + " FROM activities WHERE tenant_id = " + q.arg(view.Tenant()) +
		" AND seq = ANY(" + q.arg(seqs) + "::bigint[]) AND " + q.where(view.Visible(nil)) + " ORDER BY seq")
	return activities(ctx, db.pool, q)
}

// Count counts the activities that match.
func (db *DB) Count(ctx context.Context, view audit.View, where audit.All) (int64, error) {
	if len(where) == 0 && !view.Restricted() {
		return view.AsOf() + 1, nil // seq has no gap
	}
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return 0, err
	}
	defer give()
	q := &query{}
	q.WriteString("SELECT count(*) FROM activities WHERE tenant_id = " + q.arg(view.Tenant()) + " AND " + q.where(view.Visible(where)))
	var count int64
	err = db.pool.QueryRow(ctx, q.String(), q.args...).Scan(&count)
	return count, translate("counting activities", err)
}

// Follow is the raw read of followers: every activity of a tenant from a seq on, by seq.
func (db *DB) Follow(ctx context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error) {
	q := &query{}
	q.WriteString("SELECT " + columnList + " FROM activities WHERE tenant_id = " + q.arg(tenant) +
		" AND seq >= " + q.arg(from) + " ORDER BY seq LIMIT " + q.arg(limit))
	return activities(ctx, db.vital, q)
}
