package explore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

const tenant audit.TenantID = 5

// newExplorer explores some random activities of a tenant, and as many of the next one.
func newExplorer(n int) (*Explorer, *audittest.Memory) {
	memory := &audittest.Memory{Names: map[audit.IntegrationID]string{audittest.Integrations[1]: "Acme"}}
	for i, a := range audittest.Activities(2 * n) {
		a.Tenant, a.Seq, a.RecordedAt = tenant+audit.TenantID(i%2), int64(i/2), audittest.Noon
		memory.Append(a)
	}
	return New(memory, NewCursors([]byte("key"))), memory
}

// place is a cursor with the place it stands at.
type place struct {
	cursor string
	at     audit.Position
}

// TestListIsExact: edges, their order and pageInfo are exact for every combination of arguments, also with cursors of
// activities that are not visible any more.
func TestListIsExact(t *testing.T) {
	t.Parallel()
	x, memory := newExplorer(40)
	empty := 0
	rapid.Check(t, func(rt *rapid.T) {
		order := audit.Order{
			Field:     rapid.SampledFrom([]audit.OrderField{audit.OrderOccurredAt, audit.OrderRecordedAt}).Draw(rt, "by"),
			Direction: rapid.SampledFrom([]audit.Direction{audit.Ascending, audit.Descending}).Draw(rt, "direction"),
		}
		filters := audittest.Filters{Tenant: tenant, MaxSeq: 40}
		filter := rapid.SampledFrom([]*audit.Filter{nil, filters.Filter(1).Draw(rt, "filter")}).Draw(rt, "filtered")
		wide := audit.NewView(tenant, nil, 40, audittest.Noon)
		whole, err := x.List(rt.Context(), wide, filter, order, audit.PageArgs{First: new(audit.MaxPageSize)})
		if err != nil {
			rt.Fatal(err)
		}
		narrow, _ := filters.Filter(1).Draw(rt, "restriction").Normalise("r", tenant, audittest.Noon)
		view := rapid.SampledFrom([]audit.View{wide, audit.NewView(tenant, narrow, 30, audittest.Noon)}).Draw(rt, "view")
		args, after, before := pageArgs(rt, whole.Edges)
		page, err := x.List(rt.Context(), view, filter, order, args)
		if err != nil {
			rt.Fatal(err)
		}
		where, _ := filter.Normalise("f", tenant, audittest.Noon)
		all, _ := memory.Page(rt.Context(), view, audit.PageQuery{Where: where, Order: order, Limit: 1000})
		checkPage(rt, page, all, order, args, after, before)
		if len(page.Edges) == 0 {
			empty++
		}
		if count, err := x.Count(rt.Context(), page); err != nil || count != int64(len(all)) {
			rt.Fatalf("counted %d, %v, want %d", count, err, len(all))
		}
	})
	if empty == 0 {
		t.Error("no page was empty")
	}
}

func pageArgs(t *rapid.T, edges []audit.Edge) (args audit.PageArgs, after, before *place) {
	size := rapid.Ptr(rapid.IntRange(0, 12), true).Draw(t, "size")
	if rapid.Bool().Draw(t, "last") {
		args.Last = size
	} else {
		args.First = size
	}
	draw := func(label string) *place {
		if len(edges) == 0 || rapid.Bool().Draw(t, label) {
			return nil
		}
		edge := rapid.SampledFrom(edges).Draw(t, label)
		return &place{edge.Cursor, *position(edge.Node)}
	}
	if after = draw("after"); after != nil {
		args.After = &after.cursor
	}
	if before = draw("before"); before != nil {
		args.Before = &before.cursor
	}
	return args, after, before
}

// checkPage takes the page out of all that match, as the Relay specification says.
func checkPage(t *rapid.T, page *audit.Page, all []*audit.Activity, order audit.Order, args audit.PageArgs, after, before *place) {
	behind := func(p *place) int { // how many elements stand before or at p
		return len(slices.DeleteFunc(slices.Clone(all), func(a *audit.Activity) bool { return compare(order, *position(a), p.at) > 0 }))
	}
	from, to := 0, len(all)
	if after != nil {
		from = behind(after)
	}
	if before != nil {
		to = behind(before)
		if to > 0 && *position(all[to-1]) == before.at {
			to--
		}
	}
	size, _ := args.Size("x")
	rest := all[from:max(from, to)]
	want := rest[:min(size, len(rest))]
	previous, next := after != nil && from > 0, before != nil && to < len(all) || len(rest) > size
	if args.Last != nil {
		want = rest[len(rest)-min(size, len(rest)):]
		previous, next = after != nil && from > 0 || len(rest) > size, before != nil && to < len(all)
	}
	if !slices.Equal(page.Nodes(), want) {
		t.Fatalf("%d edges, want %d", len(page.Edges), len(want))
	}
	info := page.PageInfo
	if info.HasPreviousPage != previous || info.HasNextPage != next {
		t.Fatalf("previous %v, next %v, want %v, %v", info.HasPreviousPage, info.HasNextPage, previous, next)
	}
	if n := len(want); n == 0 && (info.StartCursor != nil || info.EndCursor != nil) ||
		n > 0 && (*info.StartCursor != page.Edges[0].Cursor || *info.EndCursor != page.Edges[n-1].Cursor) {
		t.Fatalf("the ends of %d edges are %v and %v", n, info.StartCursor, info.EndCursor)
	}
}

// compare is how positions stand in an order.
func compare(order audit.Order, a, b audit.Position) int {
	result := int(a.Seq - b.Seq)
	if order.Field == audit.OrderOccurredAt && !a.OccurredAt.Equal(b.OccurredAt) {
		result = a.OccurredAt.Compare(b.OccurredAt)
	}
	if order.Direction == audit.Descending {
		return -result
	}
	return result
}

// TestListKeepsTheClock: relative times and asOf of all pages are those of the first.
func TestListKeepsTheClock(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(60)
	filter := &audit.Filter{OccurredAt: &audit.TimeFilter{Last: new(audit.Duration(time.Second))}}
	order := audit.NewestFirst()
	whole, err := x.List(t.Context(), audit.NewView(tenant, nil, 59, audittest.Noon), filter, order, audit.PageArgs{First: new(audit.MaxPageSize)})
	if err != nil || len(whole.Edges) < 10 {
		t.Fatalf("%d edges, %v", len(whole.Edges), err)
	}
	var seen []*audit.Activity
	args := audit.PageArgs{First: new(3)}
	for clock := audittest.Noon; ; clock = clock.Add(time.Hour) { // without it the second page would be empty
		page, err := x.List(t.Context(), audit.NewView(tenant, nil, 59, clock), filter, order, args)
		if err != nil {
			t.Fatal(err)
		}
		if !page.AsOf.Time.Equal(audittest.Noon) || !page.View.Now().Equal(audittest.Noon) || page.AsOf.Seq != 59 ||
			!page.AsOf.From.Equal(audittest.Noon.Add(-time.Second)) || page.AsOf.To != nil {
			t.Errorf("as of %+v", page.AsOf)
		}
		if count, err := x.Count(t.Context(), page); err != nil || count != int64(len(whole.Edges)) {
			t.Errorf("counted %d, %v, want %d", count, err, len(whole.Edges))
		}
		seen = append(seen, page.Nodes()...)
		if !page.PageInfo.HasNextPage {
			break
		}
		args.After = page.PageInfo.EndCursor
	}
	if !slices.Equal(seen, whole.Nodes()) {
		t.Errorf("%d activities over all pages, want %d", len(seen), len(whole.Edges))
	}
}

func TestListRefusesCursors(t *testing.T) {
	t.Parallel()
	x, memory := newExplorer(20)
	view, order := audit.NewView(tenant, nil, 19, audittest.Noon), audit.NewestFirst()
	filter := &audit.Filter{Connector: &audit.StringFilter{In: []string{"github"}}}
	list := func(x *Explorer, view audit.View, filter *audit.Filter, order audit.Order) string {
		page, err := x.List(t.Context(), view, filter, order, audit.PageArgs{First: new(1)})
		if err != nil || len(page.Edges) == 0 {
			t.Fatalf("%v, %v", page, err)
		}
		return page.Edges[0].Cursor
	}
	right := list(x, view, filter, order)
	other := New(memory, NewCursors([]byte("another key")))
	cursors := map[string]string{
		"another filter":    list(x, view, nil, order),
		"another order":     list(x, view, filter, audit.Order{Field: audit.OrderRecordedAt, Direction: audit.Descending}),
		"another direction": list(x, view, filter, audit.Order{Field: audit.OrderOccurredAt, Direction: audit.Ascending}),
		"another tenant":    list(x, audit.NewView(tenant+1, nil, 19, audittest.Noon), filter, order),
		"another key":       list(other, view, filter, order),
		"a live cursor":     x.cursors.Live(tenant, 3),
		"empty":             "",
		"nonsense":          "nonsense",
		"a newline":         right[:5] + "\n" + right[5:],
		"padded":            right + "=",
		"cut":               right[:len(right)-4],
		"doubled":           right + right,
	}
	for i := range right { // every character counts
		for _, c := range []byte{'A', 'z', '_'} {
			if right[i] != c {
				cursors[string(c)+" at "+string(rune('0'+i))] = right[:i] + string(c) + right[i+1:]
			}
		}
	}
	for name, cursor := range cursors {
		for _, args := range []audit.PageArgs{{After: &cursor}, {Before: &cursor}, {After: &right, Before: &cursor}} {
			if _, err := x.List(t.Context(), view, filter, order, args); !errors.Is(err, audit.ErrCursor) {
				t.Errorf("%s: %v, want %v", name, err, audit.ErrCursor)
			}
		}
	}
	// The negative control: the same cursor, and that of an equal filter, are taken.
	equal := &audit.Filter{Connector: &audit.StringFilter{In: []string{"github"}}}
	if _, err := x.List(t.Context(), view, equal, order, audit.PageArgs{After: &right}); err != nil {
		t.Error(err)
	}
}

func TestListRefusesArguments(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(1)
	view := audit.NewView(tenant, nil, 0, audittest.Noon)
	far := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.FixedZone("", -3600))
	for argument, tc := range map[string]struct {
		filter *audit.Filter
		args   audit.PageArgs
	}{
		"activities.first":                {nil, audit.PageArgs{First: new(201)}},
		"activities.last":                 {nil, audit.PageArgs{Last: new(-1)}},
		"activities.filter.or":            {&audit.Filter{Or: []*audit.Filter{}}, audit.PageArgs{}},
		"activities.filter.occurredAt.to": {&audit.Filter{OccurredAt: &audit.TimeFilter{To: &far}}, audit.PageArgs{}}, // no JSON of it
	} {
		_, err := x.List(t.Context(), view, tc.filter, audit.NewestFirst(), tc.args)
		if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != argument {
			t.Errorf("%v, want a mistake of %s", err, argument)
		}
	}
}

func TestListOfAnEmptyLedger(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(0)
	page, err := x.List(t.Context(), audit.NewView(tenant, nil, -1, audittest.Noon), nil, audit.NewestFirst(), audit.PageArgs{})
	if err != nil || len(page.Edges) != 0 || page.AsOf.Seq != -1 || page.PageInfo != (audit.PageInfo{}) {
		t.Errorf("%+v, %v", page, err)
	}
	if seq, err := x.cursors.OpenLive(tenant, page.LiveCursor); err != nil || seq != -1 {
		t.Errorf("a feed goes on behind %d, %v", seq, err)
	}
}

func TestLiveCursors(t *testing.T) {
	t.Parallel()
	cursors := NewCursors([]byte("key"))
	for _, seq := range []int64{-1, 0, 1, 1 << 40, 1<<63 - 1} {
		if got, err := cursors.OpenLive(tenant, cursors.Live(tenant, seq)); err != nil || got != seq {
			t.Errorf("%d, %v, want %d", got, err, seq)
		}
	}
	a := &audit.Activity{}
	for name, text := range map[string]string{
		"another tenant": cursors.Live(tenant+1, 3), "a page's": cursors.page(a, audittest.Noon, tenantBytes(tenant)), "empty": "",
	} {
		if seq, err := cursors.OpenLive(tenant, text); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("%s: %d, %v", name, seq, err)
		}
	}
}

func FuzzOpenCursor(f *testing.F) {
	cursors := NewCursors([]byte("key"))
	f.Add(cursors.Live(tenant, 3))
	f.Add(cursors.page(&audit.Activity{Seq: 9}, audittest.Noon, nil))
	f.Fuzz(func(t *testing.T, text string) {
		if seq, err := cursors.OpenLive(tenant, text); err == nil && cursors.Live(tenant, seq) != text {
			t.Errorf("%q is a cursor of %d", text, seq)
		}
	})
}

func TestGet(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(5)
	okta, _ := (&audit.Filter{Connector: &audit.StringFilter{In: []string{"nobody"}}}).Normalise("r", tenant, audittest.Noon)
	view := audit.NewView(tenant, nil, 3, audittest.Noon)
	id := func(kind audit.Kind, tenant audit.TenantID, seq int64) audit.ID {
		return audit.ID{Kind: kind, Tenant: tenant, Number: seq}
	}
	a, err := x.Get(t.Context(), view, id(audit.KindActivity, tenant, 3))
	if err != nil || a.Seq != 3 || a.Tenant != tenant {
		t.Fatalf("%+v, %v", a, err)
	}
	if raw, err := x.Raw(t.Context(), view, a); err != nil || string(raw.Bytes) != string(a.Raw) {
		t.Errorf("raw %v, %v, want %s", raw, err, a.Raw)
	}
	for name, tc := range map[string]struct {
		view audit.View
		id   audit.ID
	}{
		"recorded later":      {view, id(audit.KindActivity, tenant, 4)},
		"not there":           {view, id(audit.KindActivity, tenant, 99)},
		"another tenant's":    {view, id(audit.KindActivity, tenant+1, 3)},
		"an integration":      {view, id(audit.KindIntegration, tenant, 3)},
		"no id":               {view, audit.ID{}},
		"outside restriction": {audit.NewView(tenant, okta, 3, audittest.Noon), id(audit.KindActivity, tenant, 3)},
	} {
		if a, err := x.Get(t.Context(), tc.view, tc.id); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}
