package explore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"unicode/utf8"

	"annals/audit"
)

// Facets counts the values of several fields. Each field's own terms are left out of the filter for it. Mistakes are
// ArgumentErrors below `facets`.
func (x *Explorer) Facets(ctx context.Context, view audit.View, filter *audit.Filter, args audit.FacetArgs) (*audit.Facets, error) {
	if err := checkFacets(args); err != nil {
		return nil, err
	}
	where, err := filter.Normalise("facets.filter", view.Tenant(), view.Now())
	if err != nil {
		return nil, err
	}
	facets := &audit.Facets{AsOf: asOf(view, where)}
	if facets.Total, err = x.store.Count(ctx, view, where); err != nil {
		return nil, err
	}
	for _, field := range args.Fields {
		facet, err := x.facet(ctx, view, where, field, args)
		if err != nil {
			return nil, err
		}
		facets.Facets = append(facets.Facets, facet)
	}
	return facets, nil
}

func checkFacets(a audit.FacetArgs) error {
	switch {
	case len(a.Fields) == 0 || len(a.Fields) > 14:
		return audit.BadArgument("facets.fields", "must name 1 to 14 fields")
	case len(slices.Compact(slices.Sorted(slices.Values(a.Fields)))) < len(a.Fields):
		return audit.BadArgument("facets.fields", "must name each field once")
	case a.First < 1 || a.First > MaxFacetValues:
		return audit.BadArgument("facets.first", "must be from 1 to %d, got %d", MaxFacetValues, a.First)
	case utf8.RuneCountInString(a.Contains) > maxContains:
		return audit.BadArgument("facets.contains", "must be at most %d characters long", maxContains)
	}
	return nil
}

func (x *Explorer) facet(ctx context.Context, view audit.View, where audit.All, field audit.FacetField, args audit.FacetArgs) (*audit.Facet, error) {
	selected := slices.DeleteFunc(audit.Selected(where, field.Field()), func(value string) bool { return value == "" })
	facet, err := x.store.Facet(ctx, view, audit.FacetQuery{
		Field: field, Where: audit.Without(where, field.Field()), First: args.First, Contains: args.Contains, Also: selected,
	})
	if err != nil {
		return nil, err
	}
	for _, value := range facet.Values {
		value.Selected = slices.Contains(selected, value.Value)
		if field == audit.FacetIntegration {
			value.Value, value.Label = integrationValue(view.Tenant(), value.Value, value.Label)
		}
	}
	if field == audit.FacetIntegration {
		// The store breaks ties by the decimal ids.
		slices.SortStableFunc(facet.Values, func(a, b *audit.FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
	}
	return facet, nil
}

// integrationValue is what the filter takes for a decimal id, and its label: the same where there is no name.
func integrationValue(tenant audit.TenantID, decimal, label string) (value, shown string) {
	number, err := strconv.ParseInt(decimal, 10, 64)
	if err != nil {
		return decimal, label
	}
	value = audit.ID{Kind: audit.KindIntegration, Tenant: tenant, Number: number}.String()
	if label == decimal {
		label = value
	}
	return value, label
}
