package explore

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

var facetFields = []audit.FacetField{
	audit.FacetType, audit.FacetAction, audit.FacetCategory, audit.FacetIntegration, audit.FacetConnector, audit.FacetActor,
	audit.FacetActorType, audit.FacetOutcome, audit.FacetCountry, audit.FacetCity, audit.FacetIP, audit.FacetTarget,
	audit.FacetTargetType, audit.FacetPath,
}

// only gives a filter without the terms of a field at top level and under `and`, but for one value of it.
func only(f *audit.Filter, field audit.FacetField, value string) *audit.Filter {
	stripped := without(f, field)
	in := &audit.StringFilter{In: []string{value}}
	switch field {
	case audit.FacetType:
		stripped.Type = in
	case audit.FacetAction:
		stripped.Action = &audit.ActionFilter{In: []audit.Action{audit.Action(value)}}
	case audit.FacetCategory:
		stripped.Category = &audit.CategoryFilter{In: []audit.Category{audit.Category(value)}}
	case audit.FacetIntegration:
		stripped.Integration = &audit.IDFilter{In: []string{value}}
	case audit.FacetConnector:
		stripped.Connector = in
	case audit.FacetActor, audit.FacetActorType:
		actor := audit.ActorFilter{}
		if stripped.Actor != nil {
			actor = *stripped.Actor
		}
		if stripped.Actor = &actor; field == audit.FacetActor {
			actor.Key = in
		} else {
			actor.Type = &audit.ActorTypeFilter{In: []audit.ActorType{audit.ActorType(value)}}
		}
	case audit.FacetOutcome:
		stripped.Outcome = &audit.OutcomeFilter{In: []audit.Outcome{audit.Outcome(value)}}
	case audit.FacetCountry:
		stripped.Country = in
	case audit.FacetCity:
		stripped.City = in
	case audit.FacetIP:
		stripped.IP = &audit.IPFilter{In: []string{value}}
	case audit.FacetTarget, audit.FacetTargetType:
		target := audit.TargetFilter{}
		if stripped.Target != nil {
			target = *stripped.Target
		}
		if stripped.Target = &target; field == audit.FacetTarget {
			target.Key = in
		} else {
			target.Type = in
		}
	case audit.FacetPath:
		stripped.Path = &audit.PathFilter{In: []audit.Path{audit.Path(value)}}
	}
	return stripped
}

// without goes by the JSON names of fields, which are those of the API.
func without(f *audit.Filter, field audit.FacetField) *audit.Filter {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(err)
	}
	strip(tree, map[audit.FacetField]string{
		audit.FacetActor: "actor.key", audit.FacetActorType: "actor.type", audit.FacetTarget: "target.key", audit.FacetTargetType: "target.type",
	}[field], strings.ToLower(string(field)))
	text, err = json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	stripped := &audit.Filter{}
	if err := json.Unmarshal(text, stripped); err != nil {
		panic(err)
	}
	return stripped
}

func strip(tree map[string]any, nested, plain string) {
	if outer, inner, ok := strings.Cut(nested, "."); !ok {
		delete(tree, plain)
	} else if of, ok := tree[outer].(map[string]any); ok {
		delete(of, inner)
	}
	if parts, ok := tree["and"].([]any); ok {
		for _, part := range parts {
			strip(part.(map[string]any), nested, plain)
		}
	}
}

// TestFacetCountsAreThoseOfTheList: each count is what a list counts with the value added and the field's other terms
// left out, and missing is what it counts with exists false.
func TestFacetCountsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(80)
	view := audit.NewView(tenant, nil, 79, audittest.Noon)
	count := func(rt *rapid.T, f *audit.Filter) int64 {
		page, err := x.List(rt.Context(), view, f, audit.NewestFirst(), audit.PageArgs{First: new(0)})
		if err != nil {
			rt.Fatal(err)
		}
		n, err := x.Count(rt.Context(), page)
		if err != nil {
			rt.Fatal(err)
		}
		return n
	}
	selected := 0
	rapid.Check(t, func(rt *rapid.T) {
		filter := audittest.Filters{Tenant: tenant, MaxSeq: 80}.Filter(2).Draw(rt, "filter")
		field := rapid.SampledFrom(facetFields).Draw(rt, "field")
		if rapid.Bool().Draw(rt, "with a selection") {
			filter = &audit.Filter{And: []*audit.Filter{filter, only(&audit.Filter{}, field, rapid.SampledFrom([]string{"a", "never", "", "USER", "DELETE", "github", "203.0.113.9"}).
				Filter(func(s string) bool { return field != audit.FacetIP || strings.Contains(s, ".") }).Draw(rt, "selected"))}}
		}
		facets, err := x.Facets(rt.Context(), view, filter, audit.FacetArgs{Fields: []audit.FacetField{field}, First: 50})
		if err != nil {
			rt.Fatal(err)
		}
		facet := facets.Facets[0]
		if want := count(rt, filter); facets.Total != want {
			rt.Fatalf("total %d, want %d", facets.Total, want)
		}
		if want := count(rt, without(filter, field)); facet.Total != want {
			rt.Fatalf("total of the facet %d, want %d", facet.Total, want)
		}
		for _, value := range facet.Values {
			if want := count(rt, only(filter, field, value.Value)); value.Count != want {
				rt.Fatalf("%d of %s %q, want %d", value.Count, field, value.Value, want)
			}
			if value.Selected {
				selected++
			}
			if value.Value == "" || value.Label == "" {
				rt.Fatalf("value %q is labelled %q", value.Value, value.Label)
			}
		}
	})
	if selected < 10 {
		t.Errorf("only %d values were selected", selected)
	}
}

func TestFacetsAsk(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(80)
	acme := audit.ID{Kind: audit.KindIntegration, Tenant: tenant, Number: int64(audittest.Integrations[1])}.String()
	unnamed := audit.ID{Kind: audit.KindIntegration, Tenant: tenant, Number: int64(audittest.Integrations[0])}.String()
	filter := &audit.Filter{
		Integration: &audit.IDFilter{In: []string{acme, "nonsense"}},
		Action:      &audit.ActionFilter{In: []audit.Action{audit.ActionTransfer}},
	}
	facets, err := x.Facets(t.Context(), audit.NewView(tenant, nil, 79, audittest.Noon), filter, audit.FacetArgs{
		Fields: []audit.FacetField{audit.FacetIntegration, audit.FacetAction}, First: 2,
	})
	if err != nil || len(facets.Facets) != 2 || facets.Total != 0 {
		t.Fatalf("%+v, %v", facets, err)
	}
	integrations, actions := facets.Facets[0], facets.Facets[1]
	if len(integrations.Values) != 1 || *integrations.Values[0] != (audit.FacetValue{Value: acme, Label: "Acme", Selected: true}) {
		t.Errorf("nothing is of the selected integration: %+v", integrations.Values[0])
	}
	last := actions.Values[len(actions.Values)-1]
	if len(actions.Values) != 3 || *last != (audit.FacetValue{Value: "TRANSFER", Label: "TRANSFER", Selected: true}) {
		t.Errorf("the selected value comes last: %+v", last)
	}
	filter.Action = nil
	filter.Integration.In = []string{unnamed}
	facets, err = x.Facets(t.Context(), audit.NewView(tenant, nil, 79, audittest.Noon), filter, audit.FacetArgs{
		Fields: []audit.FacetField{audit.FacetIntegration}, First: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range facets.Facets[0].Values {
		if id, ok := audit.ParseID(value.Value); !ok || id.Tenant != tenant || value.Selected != (value.Value == unnamed) {
			t.Errorf("value %+v", value)
		}
		if value.Value == unnamed && value.Label != unnamed {
			t.Errorf("an integration without a name is labelled %q", value.Label)
		}
	}
}

func TestFacetsRefuse(t *testing.T) {
	t.Parallel()
	x, _ := newExplorer(1)
	one := []audit.FacetField{audit.FacetType}
	for argument, args := range map[string][]audit.FacetArgs{
		"facets.fields": {
			{First: 1},
			{First: 1, Fields: []audit.FacetField{}},
			{First: 1, Fields: append(one, facetFields...)},
			{First: 1, Fields: []audit.FacetField{audit.FacetCity, audit.FacetType, audit.FacetCity}},
		},
		"facets.first":    {{Fields: one}, {Fields: one, First: -1}, {Fields: one, First: 1001}},
		"facets.contains": {{Fields: one, First: 1, Contains: strings.Repeat("ä", 1001)}},
	} {
		for _, args := range args {
			_, err := x.Facets(t.Context(), audit.NewView(tenant, nil, 0, audittest.Noon), nil, args)
			if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != argument {
				t.Errorf("%v, want a mistake of %s", err, argument)
			}
		}
	}
	view := audit.NewView(tenant, nil, 0, audittest.Noon)
	_, err := x.Facets(t.Context(), view, nil, audit.FacetArgs{Fields: facetFields, First: 1000, Contains: strings.Repeat("ä", 1000)})
	if err != nil {
		t.Errorf("all fields: %v", err)
	}
	_, err = x.Facets(t.Context(), view, &audit.Filter{And: []*audit.Filter{}}, audit.FacetArgs{Fields: one, First: 1})
	if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != "facets.filter.and" {
		t.Errorf("%v, want a mistake of facets.filter.and", err)
	}
}
