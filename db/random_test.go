package db_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
	"annals/db"
)

// ledgers are two tenants with random activities, in the database and in memory. They share integrations' numbers and
// every text, so that an answer that mixes them is a wrong one.
type ledgers struct {
	*db.DB
	memory   *audittest.Memory // of both
	tenants  [2]audit.TenantID
	recorded []time.Time // some, of both
	size     int64       // of each
}

const perTenant = 150

func newLedgers(t *testing.T) *ledgers {
	t.Helper()
	l := &ledgers{DB: open(t), size: perTenant}
	l.memory = &audittest.Memory{Names: map[audit.IntegrationID]string{}}
	l.tenants = [2]audit.TenantID{newTenant(t, l.DB, "one"), newTenant(t, l.DB, "two")}
	for i, number := range audittest.Integrations[1:] { // the first one has no row
		name := string("Cba"[i]) + `'s %_\`
		l.memory.Names[number] = name
		l.createIntegration(t, l.tenants[0], number, name)
		l.createIntegration(t, l.tenants[1], number, name)
	}
	sent := audittest.Activities(2 * perTenant)
	for i, a := range sent {
		a.Tenant, a.Seq = l.tenants[i%2], int64(i/2)
		if i%6 >= 2 {
			a.Targets = sent[i-i%6+i%2].Targets // as many have the same ones in life
		}
		_, err := l.Append(t.Context(), audit.Batch{
			Tenant: a.Tenant, IntegrationID: a.IntegrationID, Connector: a.Connector, Feed: a.Feed, Path: a.Path,
			ObservedAt: a.ObservedAt, Drafts: []audit.Draft{a.Draft},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l.readBack(t, sent)
	return l
}

func (l *ledgers) createIntegration(t *testing.T, tenant audit.TenantID, number audit.IntegrationID, name string) {
	t.Helper()
	err := l.CreateIntegration(t.Context(), audit.NewIntegration{StoredIntegration: audit.StoredIntegration{Integration: audit.Integration{
		Tenant: tenant, Number: number, Name: name, ConnectorName: audittest.Connector(number), CreatedAt: noon, UpdatedAt: noon,
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

// readBack takes into memory what the followers' read gives, which must be what was sent.
func (l *ledgers) readBack(t *testing.T, sent []*audit.Activity) {
	t.Helper()
	for _, tenant := range l.tenants {
		got, err := l.Follow(t.Context(), tenant, 0, len(sent))
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(slices.Clone(sent), func(a *audit.Activity) bool { return a.Tenant != tenant })
		diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(audit.Activity{}, "RecordedAt", "Raw", "Key", "Content"))
		if diff != "" {
			t.Fatalf("what was recorded (-want +got):\n%s", diff)
		}
		l.memory.Append(got...)
		for _, a := range got[:10] {
			l.recorded = append(l.recorded, a.RecordedAt, a.RecordedAt.Add(time.Microsecond))
		}
	}
}

// view draws what somebody may see.
func (l *ledgers) view(t *rapid.T) audit.View {
	tenant := rapid.SampledFrom(l.tenants[:]).Draw(t, "tenant")
	var restriction audit.All
	if rapid.Bool().Draw(t, "restricted") {
		restriction = l.where(t, tenant, "restriction")
	}
	asOf := l.size - 1
	if rapid.Bool().Draw(t, "earlier") {
		asOf = rapid.Int64Range(-1, asOf).Draw(t, "asOf")
	}
	return audit.NewView(tenant, restriction, asOf, audittest.Noon)
}

func (l *ledgers) where(t *rapid.T, tenant audit.TenantID, label string) audit.All {
	filters := audittest.Filters{Tenant: tenant, Recorded: l.recorded, MaxSeq: l.size}
	where, err := filters.Filter(2).Draw(t, label).Normalise("f", tenant, audittest.Noon)
	if err != nil {
		t.Fatal(err)
	}
	return where
}

// TestReads compares what SQL answers of random ledgers with what looking at every activity gives.
func TestReads(t *testing.T) {
	t.Parallel()
	l := newLedgers(t)
	t.Run("filters", l.testSQLMeansTheFilter)
	t.Run("walks", l.testPagesWalk)
	t.Run("pages", l.testPageBetween)
	t.Run("by seq", l.testActivities)
	t.Run("facets", l.testFacets)
	t.Run("integrations", l.testIntegrationsAreFoundByName)
	t.Run("series", l.testSeries)
}

// testSQLMeansTheFilter compares SQL with Match, for random filters under random views.
func (l *ledgers) testSQLMeansTheFilter(t *testing.T) {
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		for range 5 {
			view := l.view(rt)
			where := l.where(rt, view.Tenant(), "filter")
			query := audit.PageQuery{Where: where, Order: audit.Order{Field: audit.OrderRecordedAt, Direction: audit.Ascending}, Limit: 1000}
			want, _ := l.memory.Page(rt.Context(), view, query)
			got, err := l.Page(rt.Context(), view, query)
			if err != nil || !slices.Equal(seqs(got), seqs(want)) {
				rt.Fatalf("%v under %v: %v, %v, want %v", where, view, seqs(got), err, seqs(want))
			}
			count, err := l.Count(rt.Context(), view, where)
			if err != nil || count != int64(len(want)) {
				rt.Fatalf("counted %d, %v, want %d", count, err, len(want))
			}
			oldest, err := l.Oldest(rt.Context(), view, where)
			wantOldest, _ := l.memory.Oldest(rt.Context(), view, where)
			if diff := cmp.Diff(wantOldest, oldest); err != nil || diff != "" {
				rt.Fatalf("the oldest: %v (-want +got)\n%s", err, diff)
			}
			found += len(want)
		}
	})
	if found < 1000 {
		t.Errorf("only %d activities were found: the filters are too odd to prove anything", found)
	}
}

func seqs(activities []*audit.Activity) []int64 {
	list := []int64{}
	for _, a := range activities {
		list = append(list, a.Seq)
	}
	return list
}

// testPagesWalk: in every order, forward and backward, each activity comes exactly once, though many share a second.
func (l *ledgers) testPagesWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		view := l.view(rt)
		query := audit.PageQuery{
			Order: audit.Order{
				Field:     rapid.SampledFrom([]audit.OrderField{audit.OrderOccurredAt, audit.OrderRecordedAt}).Draw(rt, "by"),
				Direction: rapid.SampledFrom([]audit.Direction{audit.Ascending, audit.Descending}).Draw(rt, "direction"),
			},
			Limit: 1000,
		}
		if rapid.Bool().Draw(rt, "filtered") {
			query.Where = l.where(rt, view.Tenant(), "filter")
		}
		want, _ := l.memory.Page(rt.Context(), view, query)
		query.Limit, query.Last = rapid.IntRange(7, 60).Draw(rt, "limit"), rapid.Bool().Draw(rt, "last")
		var walked []*audit.Activity
		for {
			page, err := l.Page(rt.Context(), view, query)
			if err != nil {
				rt.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			if query.Last {
				walked = append(slices.Clone(page), walked...)
				query.Between[1] = &audit.Position{OccurredAt: page[0].OccurredAt, Seq: page[0].Seq}
			} else {
				walked = append(walked, page...)
				query.Between[0] = &audit.Position{OccurredAt: page[len(page)-1].OccurredAt, Seq: page[len(page)-1].Seq}
			}
		}
		if !slices.Equal(seqs(walked), seqs(want)) {
			rt.Fatalf("walked %v, want %v", seqs(walked), seqs(want))
		}
	})
}

func (l *ledgers) testPageBetween(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		view := l.view(rt)
		query := audit.PageQuery{
			Order: audit.NewestFirst(), Limit: rapid.IntRange(0, 30).Draw(rt, "limit"), Last: rapid.Bool().Draw(rt, "last"),
		}
		for i := range query.Between {
			place := rapid.SampledFrom(audittest.Activities(20)).Draw(rt, "place")
			query.Between[i] = &audit.Position{OccurredAt: place.OccurredAt, Seq: rapid.Int64Range(-1, l.size).Draw(rt, "seq")}
		}
		want, _ := l.memory.Page(rt.Context(), view, query)
		got, err := l.Page(rt.Context(), view, query)
		if err != nil || !slices.Equal(seqs(got), seqs(want)) {
			rt.Fatalf("%v, %v, want %v", seqs(got), err, seqs(want))
		}
	})
}

func (l *ledgers) testActivities(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		view := l.view(rt)
		some := rapid.SliceOf(rapid.Int64Range(-1, l.size)).Draw(rt, "seqs")
		want, _ := l.memory.Activities(rt.Context(), view, some)
		got, err := l.Activities(rt.Context(), view, some)
		if err != nil || !slices.Equal(seqs(got), seqs(want)) {
			rt.Fatalf("%v, %v, want %v", seqs(got), err, seqs(want))
		}
		for _, seq := range some {
			_, err := l.Activity(rt.Context(), view, seq)
			_, rawErr := l.Raw(rt.Context(), view, seq)
			if visible := slices.Contains(seqs(want), seq); visible != (err == nil) || visible != (rawErr == nil) {
				rt.Fatalf("activity %d: %v, its raw %v, visible %v", seq, err, rawErr, visible)
			}
		}
	})
}
