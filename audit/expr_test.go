package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

func TestWithout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		field  audit.Field
		want   string // a filter that gives the same tree
	}{
		{`{"type":{"in":["a"],"prefix":["b"],"exists":true},"city":{"in":["c"]}}`, audit.FieldType, `{"city":{"in":["c"]}}`},
		{`{"and":[{"and":[{"type":{"in":["a"]}}]},{"city":{"in":["c"]}}]}`, audit.FieldType, `{"city":{"in":["c"]}}`},
		{`{"type":{"in":["a"]},"or":[{"type":{"in":["a"]}}],"not":{"type":{"in":["b"]}}}`, audit.FieldType, `{"or":[{"type":{"in":["a"]}}],"not":{"type":{"in":["b"]}}}`},
		{`{"ip":{"in":["203.0.113.9"],"exists":true}}`, audit.FieldIP, `{}`},
		{`{"integration":{"in":["x"],"notIn":["y"]}}`, audit.FieldIntegration, `{}`},
		{`{"actor":{"key":{"in":["a"]},"type":{"in":["USER"]}}}`, audit.FieldActor, `{"actor":{"type":{"in":["USER"]}}}`},
		{`{"actor":{"key":{"in":["a"]}},"onBehalfOf":{"key":{"in":["a"]}}}`, audit.FieldActor, `{"onBehalfOf":{"key":{"in":["a"]}}}`},
		{`{"target":{"key":{"in":["a"]},"type":{"in":["b"]}}}`, audit.FieldTarget, `{"target":{"type":{"in":["b"]}}}`},
		{`{"target":{"key":{"in":["a"]},"type":{"in":["b"]}}}`, audit.FieldTargetType, `{"target":{"key":{"in":["a"]}}}`},
		{`{"target":{"key":{"in":["a"]}},"type":{"in":["b"]}}`, audit.FieldTarget, `{"type":{"in":["b"]}}`},
		{`{"not":{"target":{"key":{"in":["a"]}}}}`, audit.FieldTarget, `{"not":{"target":{"key":{"in":["a"]}}}}`},
		{`{}`, audit.FieldType, `{}`},
	}
	for _, tc := range tests {
		where := normalise(t, tc.filter)
		if diff := cmp.Diff(normalise(t, tc.want), audit.Without(where, tc.field), cmpPrefix); diff != "" {
			t.Errorf("%s without %s (-want +got):\n%s", tc.filter, tc.field, diff)
		}
		if diff := cmp.Diff(normalise(t, tc.filter), where, cmpPrefix); diff != "" {
			t.Errorf("%s was changed:\n%s", tc.filter, diff)
		}
	}
}

func TestSelected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter string
		field  audit.Field
		want   []string
	}{
		{`{"type":{"in":["b","a"],"notIn":["c"],"prefix":["d"]}}`, audit.FieldType, []string{"a", "b"}},
		{`{"type":{"in":["b"]},"and":[{"type":{"in":["a","b"]}}]}`, audit.FieldType, []string{"a", "b"}},
		{`{"or":[{"type":{"in":["a"]}}],"not":{"type":{"in":["b"]}}}`, audit.FieldType, nil},
		{`{"city":{"in":["a"]}}`, audit.FieldType, nil},
		{`{"integration":{"in":["` + id(7) + `","` + id(1<<62) + `","x"]}}`, audit.FieldIntegration, []string{"4611686018427387904", "7"}},
		{`{"integration":{"notIn":["` + id(7) + `"]}}`, audit.FieldIntegration, nil},
		{`{"ip":{"in":["203.0.113.0/24","::ffff:203.0.113.9","2001:DB8:0::1/128"]}}`, audit.FieldIP, []string{"2001:db8::1", "203.0.113.9"}},
		{`{"target":{"key":{"in":["a"]},"type":{"in":["b"]}},"and":[{"target":{"key":{"in":["c"]}}}]}`, audit.FieldTarget, []string{"a", "c"}},
		{`{"actor":{"type":{"in":["USER"]}},"onBehalfOf":{"type":{"in":["SERVICE"]}}}`, audit.FieldActorType, []string{"USER"}},
	}
	for _, tc := range tests {
		if diff := cmp.Diff(tc.want, audit.Selected(normalise(t, tc.filter), tc.field)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tc.field, tc.filter, diff)
		}
	}
}

// TestWithoutOnlyWidens: without a field's terms every match is still a match, and none of them is left.
func TestWithoutOnlyWidens(t *testing.T) {
	t.Parallel()
	activities := recorded(100)
	rapid.Check(t, func(rt *rapid.T) {
		where, err := audittest.Filters{Tenant: tenant, MaxSeq: 100}.Filter(2).Draw(rt, "filter").Normalise("f", tenant, audittest.Noon)
		if err != nil {
			rt.Fatal(err)
		}
		own := rapid.SampledFrom(facetFields).Draw(rt, "field").Field()
		wider := audit.Without(where, own)
		for _, a := range activities {
			if audit.Match(where, a) && !audit.Match(wider, a) {
				rt.Fatalf("without %s %v does not match %+v any more", own, wider, a)
			}
		}
		if again := audit.Without(wider, own); len(again) != len(wider) || len(audit.Selected(wider, own)) > 0 {
			rt.Fatalf("without %s %v still has some", own, wider)
		}
	})
}

var facetFields = []audit.FacetField{
	audit.FacetType, audit.FacetAction, audit.FacetCategory, audit.FacetIntegration, audit.FacetConnector, audit.FacetActor,
	audit.FacetActorType, audit.FacetOutcome, audit.FacetCountry, audit.FacetCity, audit.FacetIP, audit.FacetTarget,
	audit.FacetTargetType, audit.FacetPath,
}

// TestFacetFields: the field of each facet is its own, and its value is text of an activity.
func TestFacetFields(t *testing.T) {
	t.Parallel()
	seen := map[audit.Field]bool{}
	for _, f := range facetFields {
		if !f.Valid() || seen[f.Field()] {
			t.Errorf("%s is no facet, or that of another field: %q", f, f.Field())
		}
		seen[f.Field()] = true
	}
	if audit.FacetField("NAME").Valid() {
		t.Error("NAME is a facet")
	}
}

func TestOccurredRange(t *testing.T) {
	t.Parallel()
	tests := map[string][2]string{
		`{}`: {"", ""},
		`{"occurredAt":{"from":"2026-11-02T00:00:00Z"}}`:                                                    {"2026-11-02T00:00:00Z", ""},
		`{"occurredAt":{"to":"2026-11-02T00:00:00Z"}}`:                                                      {"", "2026-11-02T00:00:00Z"},
		`{"occurredAt":{"last":"P1D"}}`:                                                                     {"2026-11-22T12:00:00.123456Z", ""},
		`{"recordedAt":{"from":"2026-11-02T00:00:00Z"}}`:                                                    {"", ""},
		`{"or":[{"occurredAt":{"from":"2026-11-02T00:00:00Z"}}]}`:                                           {"", ""},
		`{"not":{"occurredAt":{"from":"2026-11-02T00:00:00Z"}}}`:                                            {"", ""},
		`{"occurredAt":{"from":"2026-11-02T00:00:00Z"},"and":[{"occurredAt":{"last":"P1D"}}]}`:              {"2026-11-22T12:00:00.123456Z", ""},
		`{"occurredAt":{"last":"P1D"},"and":[{"occurredAt":{"from":"2026-11-02T00:00:00Z"}}]}`:              {"2026-11-22T12:00:00.123456Z", ""},
		`{"occurredAt":{"to":"2026-11-02T00:00:00Z"},"and":[{"occurredAt":{"to":"2026-11-01T00:00:00Z"}}]}`: {"", "2026-11-01T00:00:00Z"},
		`{"occurredAt":{"to":"2026-11-01T00:00:00Z"},"and":[{"occurredAt":{"to":"2026-11-02T00:00:00Z"}}]}`: {"", "2026-11-01T00:00:00Z"},
	}
	for text, want := range tests {
		from, to := audit.OccurredRange(normalise(t, text))
		if got := [2]string{format(from), format(to)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func format(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func TestOrders(t *testing.T) {
	t.Parallel()
	if want := (audit.Order{Field: audit.OrderOccurredAt, Direction: audit.Descending}); audit.NewestFirst() != want {
		t.Errorf("newest first is %v", audit.NewestFirst())
	}
	valid := []bool{
		audit.OrderOccurredAt.Valid(), audit.OrderRecordedAt.Valid(), audit.Ascending.Valid(), audit.Descending.Valid(),
		!audit.OrderField("SEQ").Valid(), !audit.Direction("UP").Valid(),
	}
	if slices.Contains(valid, false) {
		t.Errorf("what is valid: %v", valid)
	}
}
