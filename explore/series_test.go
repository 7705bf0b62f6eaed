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

// TestSeriesAddsUp: each bucket counts what lies in it and in the range, groups and the rest make the totals, and with
// what is dated later they make the list's count.
func TestSeriesAddsUp(t *testing.T) {
	t.Parallel()
	x, memory := newExplorer(80)
	later := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		filters := audittest.Filters{Tenant: tenant, MaxSeq: 80}
		filter := filters.Filter(1).Draw(rt, "filter")
		restriction, _ := filters.Filter(1).Draw(rt, "restriction").Normalise("r", tenant, audittest.Noon)
		zone, _ := odd(rt)
		args := audit.SeriesArgs{Zone: zone, Top: rapid.IntRange(1, 5).Draw(rt, "top")}
		if rapid.Bool().Draw(rt, "grouped") {
			args.GroupBy = new(rapid.SampledFrom([]audit.FacetField{audit.FacetActor, audit.FacetIntegration, audit.FacetCountry}).Draw(rt, "group"))
		}
		if rapid.Bool().Draw(rt, "by interval") {
			args.Interval = new(rapid.SampledFrom([]string{"PT1H", "P1D", "P1W", "PT15M", "P1M"}).Draw(rt, "interval"))
		} else {
			args.Buckets = new(rapid.IntRange(1, 50).Draw(rt, "buckets"))
		}
		view := audit.NewView(tenant, rapid.SampledFrom([]audit.All{nil, restriction}).Draw(rt, "restricted"), 70, audittest.Noon)
		series, err := x.Series(rt.Context(), view, filter, args)
		if err != nil {
			rt.Fatal(err)
		}
		where, _ := filter.Normalise("f", tenant, audittest.Noon)
		checkSeries(rt, series, memory, view, where)
		later += series.LaterCount
	})
	if later == 0 {
		t.Error("nothing was ever dated later")
	}
}

func checkSeries(t *rapid.T, s *audit.Series, memory *audittest.Memory, view audit.View, where audit.All) {
	matching, _ := memory.Page(t.Context(), view, audit.PageQuery{Where: where, Order: audit.NewestFirst(), Limit: 1000})
	if s.Total+s.LaterCount != int64(len(matching)) {
		t.Fatalf("%d and %d later, want %d together", s.Total, s.LaterCount, len(matching))
	}
	if len(s.Totals) != len(s.Starts) || sum(s.Totals) != s.Total {
		t.Fatalf("totals %v of %d buckets make %d, want %d", s.Totals, len(s.Starts), sum(s.Totals), s.Total)
	}
	_, to := audit.OccurredRange(where)
	if to.IsZero() {
		to = view.Now()
	}
	ends := append(slices.Clone(s.Starts), s.End)
	for i, total := range s.Totals {
		want := int64(0)
		for _, a := range matching {
			if !a.OccurredAt.Before(ends[i]) && a.OccurredAt.Before(ends[i+1]) && a.OccurredAt.Before(to) {
				want++
			}
		}
		parts := total
		if len(s.Other) > 0 {
			parts = s.Other[i] + s.Missing[i]
			for _, group := range s.Groups {
				parts += group.Counts[i]
			}
		}
		if total != want || parts != want {
			t.Fatalf("bucket %d counts %d, its parts %d, want %d", i, total, parts, want)
		}
	}
	for i, group := range s.Groups {
		if sum(group.Counts) != group.Total || i > 0 && group.Total > s.Groups[i-1].Total {
			t.Fatalf("group %d: %+v", i, group)
		}
	}
}

func sum(counts []int64) (total int64) {
	for _, count := range counts {
		total += count
	}
	return total
}

func TestSeriesRange(t *testing.T) {
	t.Parallel()
	noon := audittest.Noon.Truncate(time.Hour)
	memory := &audittest.Memory{}
	for i, at := range []time.Time{noon.Add(-90 * time.Minute), noon.Add(-time.Minute), noon, noon.Add(time.Hour)} {
		memory.Append(&audit.Activity{Tenant: tenant, Seq: int64(i), Draft: audit.Draft{OccurredAt: at}})
	}
	x := New(memory, NewCursors([]byte("key")))
	between := func(from, to time.Duration) *audit.Filter {
		return &audit.Filter{OccurredAt: &audit.TimeFilter{From: new(noon.Add(from)), To: new(noon.Add(to))}}
	}
	for name, tc := range map[string]struct {
		filter *audit.Filter
		totals []int64
		later  int64
		end    time.Duration // behind noon
	}{
		"open":              {nil, []int64{1, 1}, 2, 0},
		"from":              {&audit.Filter{OccurredAt: &audit.TimeFilter{From: new(noon.Add(-time.Hour))}}, []int64{1}, 2, 0},
		"last":              {&audit.Filter{OccurredAt: &audit.TimeFilter{Last: new(audit.Duration(3 * time.Hour))}}, []int64{0, 1, 1}, 2, 0},
		"to":                {&audit.Filter{OccurredAt: &audit.TimeFilter{To: new(noon.Add(time.Hour))}}, []int64{1, 1, 1}, 0, time.Hour},
		"between":           {between(-time.Hour, 2*time.Hour), []int64{1, 1, 1}, 0, 2 * time.Hour},
		"within a bucket":   {between(-30*time.Minute, -10*time.Minute), []int64{0}, 0, 0},
		"ahead":             {&audit.Filter{OccurredAt: &audit.TimeFilter{From: new(noon.Add(time.Minute))}}, []int64{}, 1, time.Minute},
		"no time":           {between(0, 0), []int64{}, 0, 0},
		"nothing matches":   {&audit.Filter{Type: &audit.StringFilter{In: []string{"x"}}}, []int64{}, 0, 0},
		"under or, so open": {&audit.Filter{Or: []*audit.Filter{between(-time.Hour, 0)}}, []int64{1}, 0, 0},
	} {
		args := audit.SeriesArgs{Interval: new("PT1H"), Zone: time.UTC, Top: 1}
		s, err := x.Series(t.Context(), audit.NewView(tenant, nil, 9, noon), tc.filter, args)
		if err != nil || !slices.Equal(s.Totals, tc.totals) || s.LaterCount != tc.later || !s.End.Equal(noon.Add(tc.end)) {
			t.Errorf("%s: %+v, %v", name, s, err)
			continue
		}
		if s.Interval != "PT1H" || s.Zone != time.UTC || s.AsOf.Seq != 9 || s.Starts == nil || s.Groups == nil || len(s.Other)+len(s.Missing) > 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestSeriesOfAbsurdTimes: an activity that is dated at the beginning of all time neither hides the others nor is lost.
func TestSeriesOfAbsurdTimes(t *testing.T) {
	t.Parallel()
	memory := &audittest.Memory{}
	for i, at := range []time.Time{{}, audittest.Noon.Add(-time.Hour), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)} {
		memory.Append(&audit.Activity{Tenant: tenant, Seq: int64(i), Draft: audit.Draft{OccurredAt: at}})
	}
	x := New(memory, NewCursors([]byte("key")))
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	s, err := x.Series(t.Context(), audit.NewView(tenant, nil, 9, audittest.Noon), nil, audit.SeriesArgs{Zone: tokyo, Top: 1})
	if err != nil || s.Total != 2 || s.LaterCount != 1 || s.Totals[0] != 1 || s.Starts[0].Year() < 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSeriesNamesIntegrations(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(80)
	s, err := x.Series(t.Context(), audit.NewView(tenant, nil, 79, audittest.Noon), nil, audit.SeriesArgs{
		Zone: time.UTC, Top: 100, GroupBy: new(audit.FacetIntegration),
	})
	if err != nil || len(s.Groups) < 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, group := range s.Groups {
		id, ok := audit.ParseID(group.Value)
		want := group.Value
		if id.Number == int64(audittest.Integrations[1]) {
			want = "Acme"
		}
		if !ok || id.Kind != audit.KindIntegration || id.Tenant != tenant || group.Label != want {
			t.Errorf("group %q is labelled %q, want %q", group.Value, group.Label, want)
		}
	}
}

func TestSeriesRefuses(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(1)
	for argument, tc := range map[string]struct {
		filter *audit.Filter
		args   audit.SeriesArgs
	}{
		"timeSeries.top":       {nil, audit.SeriesArgs{}},
		"timeSeries.interval":  {nil, audit.SeriesArgs{Top: 1, Interval: new("P2D")}},
		"timeSeries.buckets":   {nil, audit.SeriesArgs{Top: 100, Interval: new("P1D"), Buckets: new(1)}},
		"timeSeries.filter.or": {&audit.Filter{Or: []*audit.Filter{}}, audit.SeriesArgs{Top: 1}},
	} {
		tc.args.Zone = time.UTC
		_, err := x.Series(t.Context(), audit.NewView(tenant, nil, 0, audittest.Noon), tc.filter, tc.args)
		if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != argument {
			t.Errorf("%v, want a mistake of %s", err, argument)
		}
	}
	_, err := x.Series(t.Context(), audit.NewView(tenant, nil, 0, audittest.Noon), nil, audit.SeriesArgs{Top: 101, Zone: time.UTC})
	if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != "timeSeries.top" {
		t.Errorf("101 groups: %v", err)
	}
}
