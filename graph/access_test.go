package graph

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"annals/audit"
	"annals/auth"
)

// refused is the message with which an operation is refused, empty when it may run.
func refused(t *testing.T, schema *ast.Schema, query string, variables map[string]any, scopes ...audit.Scope) string {
	t.Helper()
	a, err := newAccess(schema)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), operationKey{}, &operation{principal: &auth.Principal{Scopes: scopes}})
	gqlErr := a.MutateOperationContext(ctx, validated(t, schema, query, "", variables))
	if gqlErr == nil {
		return ""
	}
	f, ok := errors.AsType[*failure](gqlErr)
	if !ok || f.code != codeForbidden {
		t.Fatalf("refused with %v, want %s", gqlErr, codeForbidden)
	}
	return f.message
}

func TestAccess(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	const (
		read  = audit.ScopeActivitiesRead
		raw   = audit.ScopeActivitiesRaw
		inRd  = audit.ScopeIntegrationsRead
		inWr  = audit.ScopeIntegrationsWrite
		tokRd = audit.ScopeTokensRead
		tokWr = audit.ScopeTokensWrite
		write = audit.ScopeActivitiesWrite
		see   = audit.ScopeSchemaRead
	)
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		scopes    []audit.Scope
		want      string
	}{
		"any token":                {`{viewer{subject} connectors{id}}`, nil, nil, ""},
		"the name of the root":     {`{__typename}`, nil, nil, ""},
		"root field":               {`{activities{nodes{id}}}`, nil, nil, "Query.activities needs the scope activities:read"},
		"root field, covered":      {`{activities{nodes{id}}}`, nil, []audit.Scope{read}, ""},
		"wrong scope":              {`{activities{nodes{id}}}`, nil, []audit.Scope{tokRd, inRd, raw}, "Query.activities needs the scope activities:read"},
		"one of several":           {`{integrations{nodes{id name}}}`, nil, []audit.Scope{inWr}, ""},
		"none of several":          {`{integrations{nodes{id}}}`, nil, []audit.Scope{tokRd}, "Query.integrations needs the scope activities:read or integrations:read or integrations:write"},
		"nested field":             {`{activities{edges{node{raw{size}}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"nested field, covered":    {`{activities{edges{node{raw{size}}}}}`, nil, []audit.Scope{read, raw}, ""},
		"nested object's field":    {`{activities{nodes{integration{settings{name}}}}}`, nil, []audit.Scope{read}, "Integration.settings needs the scope integrations:read or integrations:write"},
		"field of a field":         {`{integration(id:"x"){webhook{url}}}`, nil, []audit.Scope{inRd}, "Webhook.url needs the scope integrations:write"},
		"scope of a nested type":   {`{integration(id:"x"){backfills{id}}}`, nil, []audit.Scope{read}, "Integration.backfills needs the scope integrations:read or integrations:write"},
		"in a fragment":            {`{activities{...f}} fragment f on ActivityConnection{nodes{...g}} fragment g on Activity{raw{size}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"in an inline fragment":    {`{activities{nodes{... on Node{... on Activity{raw{size}}}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"behind an alias":          {`{activities{nodes{id:raw{size}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"left out":                 {`query($b:Boolean!){activity(id:"x"){raw @include(if:$b){size}}}`, map[string]any{"b": false}, []audit.Scope{read}, ""},
		"not left out":             {`query($b:Boolean!){activity(id:"x"){raw @include(if:$b){size}}}`, map[string]any{"b": true}, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"left out by default":      {`query($b:Boolean!=true){activity(id:"x"){raw @skip(if:$b){size}}}`, nil, []audit.Scope{read}, ""},
		"included and skipped":     {`{activity(id:"x"){raw @include(if:true) @skip(if:true){size}}}`, nil, []audit.Scope{read}, ""},
		"left out with its spread": {`{activity(id:"x"){...f @skip(if:true)}} fragment f on Activity{raw{size}}`, nil, []audit.Scope{read}, ""},

		"node, id alone":              {`{node(id:"x"){id}}`, nil, nil, ""},
		"node, uncovered type":        {`{node(id:"x"){... on Activity{raw{size}}}}`, nil, []audit.Scope{tokRd}, ""},
		"node, uncovered field":       {`{node(id:"x"){... on Activity{raw{size}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"node, in a named fragment":   {`{node(id:"x"){...f}} fragment f on Integration{message}`, nil, []audit.Scope{read}, "Integration.message needs the scope integrations:read or integrations:write"},
		"node, nested object":         {`{node(id:"x"){... on Activity{integration{feeds{name}}}}}`, nil, []audit.Scope{read}, "Integration.feeds needs the scope integrations:read or integrations:write"},
		"nodes, uncovered type":       {`{nodes(ids:["x"]){... on ApiToken{name}}}`, nil, []audit.Scope{read}, ""},
		"nodes, uncovered field":      {`{nodes(ids:["x"]){... on Activity{raw{size}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"mutation":                    {`mutation{pauseIntegration(input:{id:"x"}){userErrors{code}}}`, nil, []audit.Scope{inRd}, "Mutation.pauseIntegration needs the scope integrations:write"},
		"what a mutation made":        {`mutation{createApiToken(input:{name:"n",scopes:[],expiresIn:"P1D"}){apiToken{id} token}}`, nil, []audit.Scope{tokWr}, ""},
		"below what a mutation made":  {`mutation{recordActivities(input:{activities:[]}){results{seq activity{id}}}}`, nil, []audit.Scope{write}, "RecordResult.activity needs the scope activities:read"},
		"beside it":                   {`mutation{recordActivities(input:{activities:[]}){results{seq status error{code}}}}`, nil, []audit.Scope{write}, ""},
		"subscription":                {`subscription{activityRecorded{cursor}}`, nil, []audit.Scope{inRd}, "Subscription.activityRecorded needs the scope activities:read"},
		"below a subscription":        {`subscription{activityRecorded{edges{node{raw{size}}}}}`, nil, []audit.Scope{read}, "Activity.raw needs the scope activities:raw"},
		"subscription, covered":       {`subscription{activityRecorded{edges{node{raw{size}}}}}`, nil, []audit.Scope{read, raw}, ""},
		"introspection":               {`{__schema{types{name}}}`, nil, []audit.Scope{read}, "Query.__schema needs the scope schema:read"},
		"introspection of a type":     {`{viewer{subject} __type(name:"Query"){name}}`, nil, []audit.Scope{read}, "Query.__type needs the scope schema:read"},
		"introspection in a fragment": {`{...f} fragment f on Query{__type(name:"Query"){name}}`, nil, nil, "Query.__type needs the scope schema:read"},
		"introspection, covered":      {`{__schema{types{name}} __type(name:"Query"){name}}`, nil, []audit.Scope{see}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := refused(t, schema, test.query, test.variables, test.scopes...); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Cases that the project's schema does not have yet.
func TestAccessOfOtherSchemas(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t, `
		type Query {
			thing: Thing @anyToken
			one: One @access(scope: ACTIVITIES_READ)
			both: One @access(scope: ACTIVITIES_READ) @access(scope: ACTIVITIES_RAW, or: [TOKENS_READ])
			shapes: [Shape!] @anyToken
		}
		type Mutation { make: Made @access(scope: ACTIVITIES_READ) }
		type Made { one: One two: Two }
		interface Thing { id: ID! owner: Two }
		type One implements Thing @access(scope: TOKENS_READ) { id: ID! owner: Two secret: String @access(scope: ACTIVITIES_RAW) }
		type Two implements Thing { id: ID! owner: Two @access(scope: ACTIVITIES_RAW) one: One }
		union Shape = One | Two
	`)
	const (
		read   = audit.ScopeActivitiesRead
		raw    = audit.ScopeActivitiesRaw
		tokens = audit.ScopeTokensRead
	)
	for name, test := range map[string]struct {
		query  string
		scopes []audit.Scope
		want   string
	}{
		"field and type":                  {`{one{id}}`, []audit.Scope{read}, "Query.one needs the scope tokens:read"},
		"field and type, covered":         {`{one{id}}`, []audit.Scope{read, tokens}, ""},
		"repeated":                        {`{both{id}}`, []audit.Scope{read}, "Query.both needs the scope activities:raw or tokens:read"},
		"repeated, the other way round":   {`{both{id}}`, []audit.Scope{raw, tokens}, "Query.both needs the scope activities:read"},
		"repeated, covered":               {`{both{id}}`, []audit.Scope{read, tokens}, ""},
		"any type behind an interface":    {`{thing{id}}`, []audit.Scope{read}, "Query.thing needs the scope tokens:read"},
		"a field of one type behind it":   {`{thing{owner{id}}}`, []audit.Scope{tokens}, "Two.owner needs the scope activities:raw"},
		"another type's fragment":         {`{thing{... on One{secret}}}`, []audit.Scope{tokens}, "One.secret needs the scope activities:raw"},
		"a member of a union":             {`{shapes{... on Two{id}}}`, nil, "Query.shapes needs the scope tokens:read"},
		"what a mutation made":            {`mutation{make{one{id} two{id}}}`, []audit.Scope{read}, ""},
		"a field of what a mutation made": {`mutation{make{one{secret}}}`, []audit.Scope{read}, "One.secret needs the scope activities:raw"},
		"below what a mutation made":      {`mutation{make{two{one{id}}}}`, []audit.Scope{read}, "Two.one needs the scope tokens:read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := refused(t, schema, test.query, nil, test.scopes...); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Whoever has every scope but one is refused exactly the operations that need it.
func TestEveryRootFieldNeedsItsScope(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	a, err := newAccess(schema)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range frontEnd(t) {
		document := validatedDocument(t, schema, text)
		variables := map[string]any{"withRaw": true}
		run := func(scopes ...audit.Scope) error {
			walk := accessWalk{
				access: a, has: (&auth.Principal{Scopes: scopes}).Has,
				operation: &graphql.OperationContext{Doc: document, Operation: document.Operations[0], Variables: variables},
			}
			kind := document.Operations[0].Operation
			within := scopesNeeded
			if kind == ast.Mutation {
				within = scopesOfRoot
			}
			return walk.set(document.Operations[0].SelectionSet, rootOf(schema, kind), within)
		}
		if err := run(audit.Scopes()...); err != nil {
			t.Errorf("%s with every scope: %v", name, err)
		}
		open := slices.Contains([]string{"Caller", "Anything", "Several", "Catalogue", "CatalogueEntry"}, name)
		if err := run(); (err == nil) != open {
			t.Errorf("%s without any scope: %v", name, err)
		}
	}
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	if err := CheckSchema(loadSchema(t)); err != nil {
		t.Errorf("the project's schema: %v", err)
	}
	for name, test := range map[string]struct{ schema, want string }{
		"query without":        {`type Query { a: Int }`, "Query.a needs either"},
		"mutation without":     {`type Query { a: Int @anyToken } type Mutation { b: Int }`, "Mutation.b needs either"},
		"subscription without": {`type Query { a: Int @anyToken } type Subscription { c: Int }`, "Subscription.c needs either"},
		"both":                 {`type Query { a: Int @anyToken @access(scope: TOKENS_READ) }`, "Query.a needs either"},
		"a scope nobody has":   {`extend enum Scope { THINGS_READ } type Query { a: Int @access(scope: THINGS_READ) }`, "THINGS_READ is no scope"},
		"on a type":            {`extend enum Scope { THINGS_READ } type Query { a: Int @anyToken } type T @access(scope: TOKENS_READ, or: [THINGS_READ]) { b: Int }`, "THINGS_READ is no scope"},
	} {
		err := CheckSchema(parseSchema(t, test.schema))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestTypeAllowed(t *testing.T) {
	t.Parallel()
	a, err := newAccess(loadSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), operationKey{}, &operation{
		server: &Server{access: a}, principal: &auth.Principal{Scopes: []audit.Scope{audit.ScopeActivitiesRead}},
	})
	for name, want := range map[string]bool{
		"Activity": true, "Integration": true, "Tenant": true, "Connector": true, "Backfill": false, "ApiToken": false,
	} {
		if got := TypeAllowed(ctx, name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
