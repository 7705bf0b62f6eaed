package audittest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"annals/audit"
)

// Memory keeps activities of any tenants and answers as a store does, by looking at every one of them.
type Memory struct {
	// Names are what integrations are called, for labels.
	Names map[audit.IntegrationID]string

	mu         sync.Mutex
	activities []*audit.Activity // guarded by mu
}

// Append adds activities as they are, seq included.
func (m *Memory) Append(activities ...*audit.Activity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.activities = append(m.activities, activities...)
}

// matching gives what a view sees of a filter, by seq.
func (m *Memory) matching(view audit.View, where audit.All) []*audit.Activity {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*audit.Activity
	for _, a := range m.activities {
		if view.Sees(a) && audit.Match(where, a) {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b *audit.Activity) int { return cmp.Compare(a.Seq, b.Seq) })
	return found
}

// Page gives the activities of a page in its order.
func (m *Memory) Page(_ context.Context, view audit.View, q audit.PageQuery) ([]*audit.Activity, error) {
	found := m.matching(view, q.Where)
	slices.SortFunc(found, func(a, b *audit.Activity) int { return compare(q.Order, place(a), place(b)) })
	found = slices.DeleteFunc(found, func(a *audit.Activity) bool {
		after, before := q.Between[0], q.Between[1]
		return after != nil && compare(q.Order, place(a), *after) <= 0 || before != nil && compare(q.Order, place(a), *before) >= 0
	})
	n := min(q.Limit, len(found))
	if q.Last {
		return found[len(found)-n:], nil
	}
	return found[:n], nil
}

func place(a *audit.Activity) audit.Position {
	return audit.Position{OccurredAt: a.OccurredAt, Seq: a.Seq}
}

func compare(order audit.Order, a, b audit.Position) int {
	result := cmp.Compare(a.Seq, b.Seq)
	if order.Field == audit.OrderOccurredAt {
		result = cmp.Or(a.OccurredAt.Compare(b.OccurredAt), result)
	}
	if order.Direction == audit.Descending {
		return -result
	}
	return result
}

// Activities gives those of some positions that are visible, by seq.
func (m *Memory) Activities(_ context.Context, view audit.View, seqs []int64) ([]*audit.Activity, error) {
	found := m.matching(view, nil)
	return slices.DeleteFunc(found, func(a *audit.Activity) bool { return !slices.Contains(seqs, a.Seq) }), nil
}

// Count counts the activities that match.
func (m *Memory) Count(_ context.Context, view audit.View, where audit.All) (int64, error) {
	return int64(len(m.matching(view, where))), nil
}

// Raw gives the vendor's bytes of a visible activity.
func (m *Memory) Raw(ctx context.Context, view audit.View, seq int64) (*audit.Raw, error) {
	found, _ := m.Activities(ctx, view, []int64{seq})
	if len(found) == 0 {
		return nil, audit.ErrNotFound
	}
	return &audit.Raw{Bytes: found[0].Raw}, nil
}

// Oldest is the time of the oldest match, nil when nothing matches.
func (m *Memory) Oldest(_ context.Context, view audit.View, where audit.All) (*time.Time, error) {
	var oldest *time.Time
	for _, a := range m.matching(view, where) {
		if oldest == nil || a.OccurredAt.Before(*oldest) {
			oldest = &a.OccurredAt
		}
	}
	return oldest, nil
}

// Size is the number of activities of a tenant.
func (m *Memory) Size(ctx context.Context, tenant audit.TenantID) (int64, error) {
	return m.Count(ctx, audit.NewView(tenant, nil, 1<<62, Noon), nil)
}

// Follow reads every activity of a tenant from a seq on.
func (m *Memory) Follow(ctx context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error) {
	return m.Page(ctx, audit.NewView(tenant, nil, 1<<62, Noon), audit.PageQuery{
		Order: audit.Order{Field: audit.OrderRecordedAt, Direction: audit.Ascending}, Limit: limit,
		Where: audit.All{audit.SeqBetween{Min: &from}},
	})
}

// SeqSince is the first seq recorded at or after a moment, the size when there is none.
func (m *Memory) SeqSince(_ context.Context, tenant audit.TenantID, since time.Time) (int64, error) {
	all := m.matching(audit.NewView(tenant, nil, 1<<62, Noon), nil)
	i := slices.IndexFunc(all, func(a *audit.Activity) bool { return !a.RecordedAt.Before(since) })
	if i < 0 {
		return int64(len(all)), nil
	}
	return all[i].Seq, nil
}
