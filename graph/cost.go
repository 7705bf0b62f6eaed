package graph

import (
	"context"
	"math"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// meter prices validated operations before they run, refuses what costs too much and charges the token's budget.
//
// One object of the answer is one unit; its scalars are free. A list costs its length times its members: the page size
// for a page, an argument where one says it, listLength otherwise. prices adds what is not seen in the answer.
type meter struct {
	schema *ast.Schema
	limits Limits
	budget *budget
}

// listLength is what a list is taken for whose length nothing tells: targets, changes, feeds.
const listLength = 4

// prices of fields whose work is more than their objects.
var prices = map[coordinate]int{
	{"Query", "activities"}:              10,
	{"Query", "timeSeries"}:              20,
	{"ActivityConnection", "totalCount"}: 10,
	{"Activity", "raw"}:                  5, // opens a compressed block
	{"Mutation", "testIntegration"}:      50,
}

const pricePerFacet = 10

// ExtensionName names the extension for gqlgen.
func (*meter) ExtensionName() string { return "Cost" }

// Validate has nothing to ask of a schema.
func (*meter) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext prices and charges an operation.
func (m *meter) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	current := operationFrom(ctx)
	current.cost = m.price(operation)
	if current.cost > m.limits.MaxCost {
		return asRefusal(tooComplex("the operation costs %d, %d is the most: ask for smaller pages or fewer fields",
			current.cost, m.limits.MaxCost))
	}
	available, wait := m.budget.charge(callerOf(current.principal), current.cost)
	if wait > 0 {
		return asRefusal(&failure{
			code: codeRateLimited, message: "the token's budget is used up", retryable: true, retryAfter: int(math.Ceil(wait.Seconds())),
		})
	}
	current.charged = &Cost{Requested: current.cost, Available: available, PerMinute: m.limits.CostPerMinute}
	return nil
}

// price is the cost of a whole operation.
func (m *meter) price(operation *graphql.OperationContext) int {
	root := rootOf(m.schema, operation.Operation.Operation)
	return 1 + m.set(operation, operation.Operation.SelectionSet, root, nil)
}

// set prices what is selected of one object; above are the arguments of the fields that lead to it.
func (m *meter) set(operation *graphql.OperationContext, set ast.SelectionSet, on *ast.Definition, above map[string]any) int {
	sum := 0
	_ = selected(m.schema, operation, set, on, func(field *ast.Field, definition *ast.FieldDefinition) error {
		if definition != nil {
			sum = saturated(sum + m.field(operation, field, definition, on, above))
		}
		return nil
	})
	return sum
}

func (m *meter) field(
	operation *graphql.OperationContext, field *ast.Field, definition *ast.FieldDefinition, on *ast.Definition,
	above map[string]any,
) int {
	at := coordinate{on.Name, field.Name}
	values := arguments(above, field, definition, operation.Variables)
	cost := prices[at]
	switch at {
	case coordinate{"Query", "facets"}:
		cost = pricePerFacet * length(values["fields"])
	case coordinate{"Query", "timeSeries"}:
		cost += m.points(values) / 100
	}
	each := 0
	for _, possible := range objectTypes(m.schema, m.schema.Types[definition.Type.Name()]) {
		each = max(each, 1+m.set(operation, field.SelectionSet, possible, values))
	}
	if definition.Type.Elem != nil {
		each *= m.length(at, values)
	}
	return saturated(cost + each)
}

// length is how long a list is taken to be.
func (m *meter) length(at coordinate, values map[string]any) int {
	switch {
	case strings.HasSuffix(at.object, "Connection"):
		return m.page(values)
	case at == coordinate{"Query", "nodes"}:
		return length(values["ids"])
	case at == coordinate{"Facets", "facets"}:
		return length(values["fields"])
	case at == coordinate{"Facet", "values"}:
		// Ready counts of four scalars each: a quarter of the work of an activity.
		return (whole(values["first"], m.limits.MaxFacetValues) + 3) / 4
	case at == coordinate{"TimeSeries", "groups"}:
		return whole(values["top"], listLength)
	}
	return listLength
}

// page is the size of a page. One that is out of range costs the largest: the resolver refuses it and names the argument.
func (m *meter) page(values map[string]any) int {
	size := max(whole(values["first"], 0), whole(values["last"], 0))
	if values["first"] == nil && values["last"] == nil {
		size = defaultPageSize
	}
	return min(size, m.limits.MaxPageSize)
}

// points is how many numbers a series has at most. An interval is taken for 200 buckets, since the range is not known.
func (m *meter) points(values map[string]any) int {
	buckets := whole(values["buckets"], 60)
	if values["interval"] != nil {
		buckets = 200
	}
	return min(buckets, m.limits.MaxBuckets) * (min(whole(values["top"], listLength), 100) + 2)
}

// rootOf is the type of an operation's root.
func rootOf(schema *ast.Schema, operation ast.Operation) *ast.Definition {
	switch operation {
	case ast.Mutation:
		return schema.Mutation
	case ast.Subscription:
		return schema.Subscription
	default:
		return schema.Query
	}
}

func length(value any) int {
	list, ok := value.([]any)
	if !ok {
		return 1 // a single value is read as a list of it
	}
	return len(list)
}

// whole reads an argument of type Int.
func whole(value any, otherwise int) int {
	if value == nil {
		return otherwise
	}
	n, err := graphql.UnmarshalInt(value)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// saturated keeps sums of absurd operations from wrapping around.
func saturated(cost int) int { return min(cost, math.MaxInt32) }
