package audittest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"annals/audit"
)

// Facet counts the values of one field.
func (m *Memory) Facet(_ context.Context, view audit.View, q audit.FacetQuery) (*audit.Facet, error) {
	matching := m.matching(view, q.Where)
	facet := &audit.Facet{Field: q.Field, Total: int64(len(matching))}
	counts, labels := map[string]int64{}, map[string]string{}
	for _, a := range matching {
		values := m.values(q.Field, a, root(q.Where))
		if _, without := values[""]; without {
			facet.MissingCount++
		}
		delete(values, "")
		for value, label := range values {
			counts[value]++
			labels[value] = cmp.Or(label, labels[value])
		}
	}
	facet.DistinctCount = int64(len(counts))
	facet.Values = listed(q, counts, labels)
	for _, id := range Integrations {
		for _, value := range facet.Values {
			unlabelled := q.Field == audit.FacetIntegration && value.Value == id.String() && value.Count == 0
			if unlabelled && view.SeesIntegration(id, Connector(id)) {
				value.Label = cmp.Or(m.Names[id], value.Label)
			}
		}
	}
	for _, a := range matching {
		values := m.values(q.Field, a, root(q.Where))
		delete(values, "")
		for _, value := range facet.Values {
			delete(values, value.Value)
		}
		if len(values) > 0 {
			facet.OtherCount++
		}
	}
	return facet, nil
}

// listed gives the first values and those asked for in any case, sorted.
func listed(q audit.FacetQuery, counts map[string]int64, labels map[string]string) []*audit.FacetValue {
	var all []*audit.FacetValue
	for value, count := range counts {
		all = append(all, &audit.FacetValue{Value: value, Label: cmp.Or(labels[value], value), Count: count})
	}
	order := func(a, b *audit.FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	}
	slices.SortFunc(all, order)
	var list []*audit.FacetValue
	for _, value := range all {
		if len(list) < q.First && contains(q, value) {
			list = append(list, value)
		}
	}
	for _, also := range q.Also {
		if !slices.ContainsFunc(list, func(v *audit.FacetValue) bool { return v.Value == also }) {
			list = append(list, &audit.FacetValue{Value: also, Label: cmp.Or(labels[also], also), Count: counts[also]})
		}
	}
	slices.SortFunc(list, order)
	return list
}

// contains says whether a value is looked for. The number of an integration is shown to nobody.
func contains(q audit.FacetQuery, value *audit.FacetValue) bool {
	text := fold(q.Contains)
	if q.Field == audit.FacetIntegration {
		return strings.Contains(fold(value.Label), text) && value.Label != value.Value || text == ""
	}
	return strings.Contains(fold(value.Value), text) || strings.Contains(fold(value.Label), text)
}

// values gives an activity's values of a field with their labels; the empty value stands for one without. Of the
// targets only those count that fulfil a condition.
func (m *Memory) values(f audit.FacetField, a *audit.Activity, of audit.All) map[string]string {
	switch f {
	case audit.FacetTarget, audit.FacetTargetType:
		return targetValues(f, a, of)
	case audit.FacetType:
		return map[string]string{a.Type: ""}
	case audit.FacetAction:
		return map[string]string{string(a.Action): ""}
	case audit.FacetCategory:
		return map[string]string{string(a.Category): ""}
	case audit.FacetIntegration:
		return map[string]string{a.IntegrationID.String(): m.Names[a.IntegrationID]}
	case audit.FacetConnector:
		return map[string]string{a.Connector: ""}
	case audit.FacetOutcome:
		return map[string]string{string(a.Outcome): ""}
	case audit.FacetPath:
		return map[string]string{string(a.Path): ""}
	case audit.FacetIP:
		if a.Origin.IP.IsValid() {
			return map[string]string{a.Origin.IP.String(): ""}
		}
	case audit.FacetCountry, audit.FacetCity:
		if l := a.Origin.Location; l != nil && f == audit.FacetCountry {
			return map[string]string{string(l.Country): ""}
		} else if l != nil {
			return map[string]string{string(l.City): ""}
		}
	case audit.FacetActor:
		if a.Actor != nil {
			return map[string]string{a.Actor.Key: string(cmp.Or(a.Actor.Name, a.Actor.Email))}
		}
	case audit.FacetActorType:
		if a.Actor != nil {
			return map[string]string{string(a.Actor.Type): ""}
		}
	}
	return map[string]string{"": ""}
}

func targetValues(f audit.FacetField, a *audit.Activity, of audit.All) map[string]string {
	values := map[string]string{}
	if len(a.Targets) == 0 {
		values[""] = ""
	}
	for _, target := range a.Targets {
		alone := &audit.Activity{Draft: audit.Draft{Targets: []audit.Target{target}}}
		if len(of) > 0 && !audit.Match(audit.SomeTarget{Of: of}, alone) {
			continue
		}
		if f == audit.FacetTargetType {
			values[target.Type] = ""
		} else {
			values[target.Key] = max(values[target.Key], string(target.Name))
		}
	}
	return values
}

// root is the filter's own condition on targets.
func root(where audit.All) audit.All {
	for _, part := range where {
		if target, ok := part.(audit.SomeTarget); ok && target.Root {
			return target.Of
		}
	}
	return nil
}

// Series counts per bucket, and per value of a field.
func (m *Memory) Series(ctx context.Context, view audit.View, q audit.SeriesQuery) (*audit.Series, error) {
	n := len(q.Starts)
	series := &audit.Series{Totals: make([]int64, n), Groups: []*audit.SeriesGroup{}, Other: []int64{}, Missing: []int64{}}
	within := append(slices.Clone(q.Where), audit.Between{Field: audit.FieldOccurred, From: q.Starts[0], To: q.End})
	groups := map[string]*audit.SeriesGroup{}
	if q.GroupBy != "" {
		series.Other, series.Missing = make([]int64, n), make([]int64, n)
		top, _ := m.Facet(ctx, view, audit.FacetQuery{Field: q.GroupBy, Where: within, First: q.Top})
		for _, value := range top.Values {
			group := &audit.SeriesGroup{Value: value.Value, Label: value.Label, Total: value.Count, Counts: make([]int64, n)}
			series.Groups, groups[value.Value] = append(series.Groups, group), group
		}
	}
	for _, a := range m.matching(view, within) {
		bucket := 0
		for bucket+1 < n && !a.OccurredAt.Before(q.Starts[bucket+1]) {
			bucket++
		}
		series.Totals[bucket]++
		series.Total++
		if q.GroupBy == "" {
			continue
		}
		for value := range m.values(q.GroupBy, a, nil) {
			switch group := groups[value]; {
			case group != nil:
				group.Counts[bucket]++
			case value == "":
				series.Missing[bucket]++
			default:
				series.Other[bucket]++
			}
		}
	}
	return series, nil
}

// fold makes texts equal that differ in case alone.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, text)
}
