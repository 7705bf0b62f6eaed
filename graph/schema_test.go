package graph

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// loadSchema reads the project's schema.
func loadSchema(t testing.TB) *ast.Schema {
	t.Helper()
	paths, err := filepath.Glob("schema/*.graphqls")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no schema files: %v", err)
	}
	var sources []*ast.Source
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: path, Input: string(text)})
	}
	return gqlparser.MustLoadSchema(sources...)
}

// parseSchema reads a schema that a test writes, with the project's directives.
func parseSchema(t testing.TB, text string) *ast.Schema {
	t.Helper()
	base, err := os.ReadFile("schema/base.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	// The directives alone: the root types are the test's.
	text = string(base[len("schema { query: Query mutation: Mutation subscription: Subscription }"):]) +
		"enum Scope { ACTIVITIES_READ ACTIVITIES_RAW INTEGRATIONS_READ TOKENS_READ }" + text
	return gqlparser.MustLoadSchema(&ast.Source{Input: text})
}

// validatedDocument parses and validates a document.
func validatedDocument(t testing.TB, schema *ast.Schema, text string) *ast.QueryDocument {
	t.Helper()
	document, err := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
	if err != nil {
		t.Fatalf("validating the document: %v", err)
	}
	return document
}

// validated prepares an operation as the executor does before it asks the extensions.
func validated(t testing.TB, schema *ast.Schema, text, name string, variables map[string]any) *graphql.OperationContext {
	t.Helper()
	document := validatedDocument(t, schema, text)
	operation := document.Operations.ForName(name)
	if operation == nil {
		t.Fatalf("no operation %s", name)
	}
	values, err := validator.VariableValues(schema, operation, variables)
	if err != nil {
		t.Fatalf("coercing the variables: %v", err)
	}
	return &graphql.OperationContext{Doc: document, Operation: operation, Variables: values}
}
