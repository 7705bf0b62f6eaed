package graph

import (
	"bytes"
	"os"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestPrices(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	m := &meter{schema: schema, limits: DefaultLimits()}
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		want      int
	}{
		"nothing":                  {`{__typename}`, nil, 1},
		"an object":                {`{viewer{subject}}`, nil, 1 + 1},
		"objects within":           {`{viewer{subject limits{maxCost} tenant{id}}}`, nil, 1 + 3},
		"scalars are free":         {`{activity(id:"x"){id seq type action}}`, nil, 1 + 1},
		"a page of no given size":  {`{activities{nodes{id}}}`, nil, 1 + 10 + 1 + 50},
		"a page forward":           {`{activities(first:7){nodes{id}}}`, nil, 1 + 10 + 1 + 7},
		"a page backward":          {`{activities(last:7){nodes{id}}}`, nil, 1 + 10 + 1 + 7},
		"a page by variable":       {`query($n:Int){activities(first:$n){nodes{id}}}`, map[string]any{"n": 9}, 1 + 10 + 1 + 9},
		"a variable left out":      {`query($n:Int){activities(first:$n){nodes{id}}}`, nil, 1 + 10 + 1 + 50},
		"a default of a variable":  {`query($n:Int=3){activities(first:$n){nodes{id}}}`, nil, 1 + 10 + 1 + 3},
		"a page out of range":      {`{activities(first:1000000){nodes{id}}}`, nil, 1 + 10 + 1 + 200},
		"a negative page":          {`{activities(first:-5){nodes{id}}}`, nil, 1 + 10 + 1},
		"edges cost edge and node": {`{activities(first:10){edges{cursor node{id}}}}`, nil, 1 + 10 + 1 + 10*2},
		"page info once":           {`{activities(first:10){pageInfo{hasNextPage}}}`, nil, 1 + 10 + 1 + 1},
		"a count":                  {`{activities(first:0){totalCount}}`, nil, 1 + 10 + 1 + 10},
		"objects of a row":         {`{activities(first:10){nodes{actor{key} origin{location{city}}}}}`, nil, 1 + 10 + 1 + 10*4},
		"lists of a row":           {`{activities(first:10){nodes{targets{key}}}}`, nil, 1 + 10 + 1 + 10*(1+4)},
		"raw of a row":             {`{activities(first:10){nodes{raw{size}}}}`, nil, 1 + 10 + 1 + 10*(1+5+1)},
		"aliases count each":       {`{a:viewer{subject} b:viewer{subject}}`, nil, 1 + 2},
		"spreads are followed":     {`{...f} fragment f on Query{viewer{subject}}`, nil, 1 + 1},
		"left out by @skip":        {`{viewer @skip(if:true){subject}}`, nil, 1},
		"left out by @include":     {`query($b:Boolean!){viewer @include(if:$b){subject}}`, map[string]any{"b": false}, 1},
		"facets":                   {`{facets(fields:[TYPE,ACTION],first:8){facets{values{value}}}}`, nil, 1 + 20 + 1 + 2*(1+2)},
		"facets of no given size":  {`{facets(fields:[TYPE]){facets{values{value}}}}`, nil, 1 + 10 + 1 + 1 + 5},
		"a series":                 {`{timeSeries{totals}}`, nil, 1 + 20 + 7 + 1},
		"a series of groups":       {`{timeSeries(groupBy:TYPE,buckets:100,top:3){groups{counts}}}`, nil, 1 + 20 + 5 + 1 + 3},
		"the dearest type of node": {`{node(id:"x"){id ... on Activity{actor{key}} ... on Tenant{id}}}`, nil, 1 + 2},
		"as many nodes as asked":   {`query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": []any{"a", "b", "c"}}, 1 + 3},
		"introspection":            {`{__schema{types{name}}}`, nil, 1 + 1 + 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := m.price(validated(t, schema, test.query, "", test.variables)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// Rule R13: what a front end needs is within the bounds, at the largest pages.
func TestOperationsOfAFrontEndAreWithinTheBounds(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	limits := DefaultLimits()
	m := &meter{schema: schema, limits: limits}
	many := make([]any, 100)
	for i := range many {
		many[i] = "id"
	}
	for name, text := range frontEnd(t) {
		if err := newGuard().check(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		document := validatedDocument(t, schema, text)
		variables := map[string]any{"first": 200, "withRaw": true, "ids": many}
		cost := m.price(&graphql.OperationContext{Doc: document, Operation: document.Operations[0], Variables: variables})
		if cost > limits.MaxCost {
			t.Errorf("%s costs %d, more than %d", name, cost, limits.MaxCost)
		}
	}
}

func TestOperationsOfAFrontEndUseEveryRootField(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	used := map[coordinate]bool{}
	for _, text := range frontEnd(t) {
		operation := validatedDocument(t, schema, text).Operations[0]
		for _, selection := range operation.SelectionSet {
			field := selection.(*ast.Field)
			used[coordinate{field.ObjectDefinition.Name, field.Name}] = true
		}
	}
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		for _, field := range root.Fields {
			if at := (coordinate{root.Name, field.Name}); !used[at] && field.Name[0] != '_' {
				t.Errorf("testdata/operations.graphql does not use %s", at)
			}
		}
	}
}

// frontEnd reads the operations of testdata, each with the fragments that it needs.
func frontEnd(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/operations.graphql")
	if err != nil {
		t.Fatal(err)
	}
	all, perr := parser.ParseQuery(&ast.Source{Input: string(text)})
	if perr != nil {
		t.Fatal(perr)
	}
	single := map[string]string{}
	for _, operation := range all.Operations {
		needed := &ast.QueryDocument{Operations: ast.OperationList{operation}}
		collect(all, operation.SelectionSet, needed)
		var b bytes.Buffer
		formatter.NewFormatter(&b).FormatQueryDocument(needed)
		single[operation.Name] = b.String()
	}
	return single
}

// collect adds the fragments that a set spreads.
func collect(all *ast.QueryDocument, set ast.SelectionSet, needed *ast.QueryDocument) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			collect(all, selection.SelectionSet, needed)
		case *ast.InlineFragment:
			collect(all, selection.SelectionSet, needed)
		case *ast.FragmentSpread:
			if needed.Fragments.ForName(selection.Name) == nil {
				fragment := all.Fragments.ForName(selection.Name)
				needed.Fragments = append(needed.Fragments, fragment)
				collect(all, fragment.SelectionSet, needed)
			}
		}
	}
}
