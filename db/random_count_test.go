package db_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

var facetFields = []audit.FacetField{
	audit.FacetType, audit.FacetAction, audit.FacetCategory, audit.FacetIntegration, audit.FacetConnector, audit.FacetActor,
	audit.FacetActorType, audit.FacetOutcome, audit.FacetCountry, audit.FacetCity, audit.FacetIP, audit.FacetTarget,
	audit.FacetTargetType, audit.FacetPath,
}

// testFacets compares counts, labels and order, under restrictions and at earlier moments as well.
func (l *ledgers) testFacets(t *testing.T) {
	listed := 0
	rapid.Check(t, func(rt *rapid.T) {
		for range 8 {
			view := l.view(rt)
			query := audit.FacetQuery{Field: rapid.SampledFrom(facetFields).Draw(rt, "field"), First: rapid.IntRange(1, 40).Draw(rt, "first")}
			query.Where = audit.Without(l.where(rt, view.Tenant(), "filter"), query.Field.Field())
			if rapid.Bool().Draw(rt, "searched") {
				query.Contains = rapid.SampledFrom([]string{"a", "%", `\`, "_", "Ä", "s", "K", ".", "[", "203.0", "C's", "HUB", "日", "*.", "***=a", "\x00", "(?i)", "3", "10995"}).Draw(rt, "contains")
			}
			query.Also = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
				"a", "A", "Ä", "never", "POLL", "USER", "203.0.113.9", "github", `\`, "'", "3", "4", "1099511627776",
			}), 0, 3, rapid.ID[string]).Draw(rt, "also")
			want, _ := l.memory.Facet(rt.Context(), view, query)
			got, err := l.Facet(rt.Context(), view, query)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				rt.Fatalf("%+v under %v: %v (-want +got)\n%s", query, view, err, diff)
			}
			if one := query.Field != audit.FacetTarget && query.Field != audit.FacetTargetType; one {
				checkSum(rt, got)
			}
			listed += len(got.Values)
		}
	})
	if listed < 500 {
		t.Errorf("only %d values were listed: the filters are too odd to prove anything", listed)
	}
}

// testIntegrationsAreFoundByName: their numbers are within, and are shown to nobody.
func (l *ledgers) testIntegrationsAreFoundByName(t *testing.T) {
	view := audit.NewView(l.tenants[0], nil, l.size-1, audittest.Noon)
	for _, number := range audittest.Integrations[1:] {
		name := l.memory.Names[number]
		for contains, want := range map[string][]string{name[:2]: {name}, number.String(): nil, number.String()[:1]: nil} {
			facet, err := l.Facet(t.Context(), view, audit.FacetQuery{Field: audit.FacetIntegration, First: 10, Contains: contains})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, value := range facet.Values {
				got = append(got, value.Label)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q finds %q, want %q", contains, got, want)
			}
		}
	}
}

// checkSum holds what the API promises of fields with one value.
func checkSum(t *rapid.T, f *audit.Facet) {
	sum := f.OtherCount + f.MissingCount
	for _, value := range f.Values {
		sum += value.Count
	}
	if sum != f.Total {
		t.Fatalf("values, other and missing make %d of %d", sum, f.Total)
	}
}

// testSeries compares counts over time, grouped by every field that has one value.
func (l *ledgers) testSeries(t *testing.T) {
	counted := int64(0)
	single := slices.DeleteFunc(slices.Clone(facetFields), func(f audit.FacetField) bool {
		return f == audit.FacetTarget || f == audit.FacetTargetType
	})
	rapid.Check(t, func(rt *rapid.T) {
		for range 3 {
			view := l.view(rt)
			query := audit.SeriesQuery{Where: l.where(rt, view.Tenant(), "filter"), Top: rapid.IntRange(1, 12).Draw(rt, "top")}
			if rapid.IntRange(0, 3).Draw(rt, "grouped") > 0 {
				query.GroupBy = rapid.SampledFrom(single).Draw(rt, "group")
			}
			query.End = audittest.Noon.Add(-27 * time.Hour)
			for range rapid.IntRange(1, 10).Draw(rt, "buckets") {
				query.Starts = append(query.Starts, query.End)
				query.End = query.End.Add(rapid.SampledFrom([]time.Duration{
					time.Hour, 30 * time.Minute, 26 * time.Hour, time.Hour - time.Microsecond, time.Microsecond,
				}).Draw(rt, "length"))
			}
			want, _ := l.memory.Series(rt.Context(), view, query)
			got, err := l.Series(rt.Context(), view, query)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				rt.Fatalf("%+v under %v: %v (-want +got)\n%s", query, view, err, diff)
			}
			counted += got.Total
		}
	})
	if counted < 500 {
		t.Errorf("only %d activities were counted: the filters are too odd to prove anything", counted)
	}
}
