package explore

import (
	"context"
	"time"

	"annals/audit"
)

// List gives a page of the activities that a filter lets through. A later page keeps the first page's clock for
// relative times. Mistakes are ArgumentErrors below `activities`, ErrCursor a wrong cursor.
func (x *Explorer) List(ctx context.Context, view audit.View, filter *audit.Filter, order audit.Order, args audit.PageArgs) (*audit.Page, error) {
	size, err := args.Size("activities")
	if err != nil {
		return nil, err
	}
	where, err := filter.Normalise("activities.filter", view.Tenant(), view.Now())
	if err != nil {
		return nil, err
	}
	bound := bound(view.Tenant(), filter, order)
	between, clock, err := x.ends(args, bound)
	if err != nil {
		return nil, err
	}
	if !clock.IsZero() {
		view = view.At(clock)
		if where, err = filter.Normalise("activities.filter", view.Tenant(), clock); err != nil {
			return nil, err
		}
	}
	query := audit.PageQuery{Where: where, Order: order, Between: between, Last: args.Last != nil, Limit: size + 1}
	found, err := x.store.Page(ctx, view, query)
	if err != nil {
		return nil, err
	}
	page := &audit.Page{AsOf: asOf(view, where), LiveCursor: x.cursors.Live(view.Tenant(), view.AsOf()), Where: where, View: view}
	more := len(found) > size
	if more && query.Last {
		found = found[1:]
	} else if more {
		found = found[:size]
	}
	for _, a := range found {
		page.Edges = append(page.Edges, audit.Edge{Cursor: x.cursors.page(a, view.Now(), bound), Node: a})
	}
	return page, x.turn(ctx, view, query, page, more)
}

// ends reads the cursors of both ends.
func (x *Explorer) ends(args audit.PageArgs, bound []byte) (between [2]*audit.Position, clock time.Time, err error) {
	for i, cursor := range []*string{args.After, args.Before} {
		if cursor == nil {
			continue
		}
		if between[i], clock, err = x.cursors.openPage(*cursor, bound); err != nil {
			return between, clock, err
		}
	}
	return between, clock, nil
}

// turn says exactly whether there are edges on both sides of the page. more is what the page itself has shown of the
// side that it was cut at; on the other sides only a given cursor can have left something out.
func (x *Explorer) turn(ctx context.Context, view audit.View, query audit.PageQuery, page *audit.Page, more bool) (err error) {
	info := &page.PageInfo
	front, back := beside(query.Order, query.Between[0], +1), beside(query.Order, query.Between[1], -1)
	if n := len(page.Edges); n > 0 {
		info.StartCursor, info.EndCursor = &page.Edges[0].Cursor, &page.Edges[n-1].Cursor
		front, back = position(page.Edges[0].Node), position(page.Edges[n-1].Node)
	}
	info.HasPreviousPage, info.HasNextPage = query.Last && more, !query.Last && more
	if query.Between[0] != nil && !info.HasPreviousPage {
		if info.HasPreviousPage, err = x.any(ctx, view, query, nil, front); err != nil {
			return err
		}
	}
	if query.Between[1] != nil && !info.HasNextPage {
		info.HasNextPage, err = x.any(ctx, view, query, back, nil)
	}
	return err
}

// beside is the position next to another, one step on in the order or one back: an exclusive end there includes it.
func beside(order audit.Order, at *audit.Position, step int64) *audit.Position {
	if at == nil {
		return nil
	}
	if order.Direction == audit.Descending {
		step = -step
	}
	return &audit.Position{OccurredAt: at.OccurredAt, Seq: at.Seq + step}
}

func position(a *audit.Activity) *audit.Position {
	return &audit.Position{OccurredAt: a.OccurredAt, Seq: a.Seq}
}

// any reports whether anything lies between two positions.
func (x *Explorer) any(ctx context.Context, view audit.View, query audit.PageQuery, after, before *audit.Position) (bool, error) {
	query.Between, query.Limit, query.Last = [2]*audit.Position{after, before}, 1, false
	found, err := x.store.Page(ctx, view, query)
	return len(found) > 0, err
}

// Count counts what a page is a part of, on the page's own terms.
func (x *Explorer) Count(ctx context.Context, page *audit.Page) (int64, error) {
	return x.store.Count(ctx, page.View, page.Where)
}
