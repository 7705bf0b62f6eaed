package playground

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// TestExamplesFitTheSchema keeps the page's tabs from drifting away from the API.
func TestExamplesFitTheSchema(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for _, name := range exampleNames(t) {
		document, errs := gqlparser.LoadQueryWithRules(schema, read(t, name+".graphql"), nil)
		if errs != nil {
			t.Errorf("%s: %v", name, errs)
			continue
		}
		operation := document.Operations.ForName(filepath.Base(name))
		if operation == nil {
			t.Errorf("%s: the operation, and so its tab, has another name", name)
			continue
		}
		var variables map[string]any
		if err := json.Unmarshal([]byte(read(t, name+".json")), &variables); err != nil {
			t.Errorf("%s: variables: %v", name, err)
			continue
		}
		if _, err := validator.VariableValues(schema, operation, variables); err != nil {
			t.Errorf("%s: variables: %v", name, err)
		}
	}
}

// TestExamplesAreBuilt finds a page that was not built again after an example changed its name or its first line.
func TestExamplesAreBuilt(t *testing.T) {
	t.Parallel()
	var scripts strings.Builder
	for name, content := range plain(t) {
		if filepath.Ext(name) == ".js" {
			scripts.WriteString(content)
		}
	}
	for _, name := range exampleNames(t) {
		first, _, _ := strings.Cut(read(t, name+".graphql"), "\n")
		if !strings.Contains(scripts.String(), first) || !strings.Contains(scripts.String(), filepath.Base(name)) {
			t.Errorf("%s is not in the built page: run npm run build", name)
		}
	}
}

func loadSchema(t *testing.T) *ast.Schema {
	t.Helper()
	names, err := filepath.Glob("../schema/*.graphqls")
	if err != nil || len(names) == 0 {
		t.Fatalf("no schema: %v", err)
	}
	var sources []*ast.Source
	for _, name := range names {
		sources = append(sources, &ast.Source{Name: name, Input: read(t, name)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// exampleNames returns the examples' paths without extension.
func exampleNames(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("src/examples/*.graphql")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d examples: %v", len(names), err)
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, ".graphql")
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
