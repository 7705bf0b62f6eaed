package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"annals/audit"
)

// Names of the schema's directives.
const (
	directiveAccess   = "access"
	directiveAnyToken = "anyToken"
)

// access holds which scopes the fields and types of a schema need, as @access says, and refuses operations that select
// more than their token covers. gqlgen's own directives run twice on subscriptions and not at all behind interfaces.
type access struct {
	schema *ast.Schema
	fields map[coordinate]requirement
	types  map[string]requirement
}

// requirement is what a token needs: of every member at least one scope.
type requirement [][]audit.Scope

// missing returns the scopes one of which a token would need but lacks, nil when it lacks none.
func (r requirement) missing(has func(audit.Scope) bool) []audit.Scope {
	for _, alternatives := range r {
		met := false
		for _, scope := range alternatives {
			met = met || has(scope)
		}
		if !met {
			return alternatives
		}
	}
	return nil
}

// newAccess reads the directives of a schema.
func newAccess(schema *ast.Schema) (*access, error) {
	a := &access{schema: schema, fields: map[coordinate]requirement{}, types: map[string]requirement{}}
	for _, definition := range schema.Types {
		needs, err := requirementOf(definition.Directives)
		if err != nil {
			return nil, fmt.Errorf("reading the access of %s: %w", definition.Name, err)
		}
		a.types[definition.Name] = needs
		for _, field := range definition.Fields {
			at := coordinate{definition.Name, field.Name}
			if a.fields[at], err = requirementOf(field.Directives); err != nil {
				return nil, fmt.Errorf("reading the access of %s: %w", at, err)
			}
		}
	}
	return a, nil
}

func requirementOf(directives ast.DirectiveList) (requirement, error) {
	var needs requirement
	for _, directive := range directives.ForNames(directiveAccess) {
		names := []any{argument(directive.Arguments, nil, "scope", nil)}
		if others, ok := argument(directive.Arguments, nil, "or", nil).([]any); ok {
			names = append(names, others...)
		}
		var alternatives []audit.Scope
		for _, name := range names {
			scope, err := scopeOf(name)
			if err != nil {
				return nil, err
			}
			alternatives = append(alternatives, scope)
		}
		needs = append(needs, alternatives)
	}
	return needs, nil
}

// scopeOf spells ACTIVITIES_READ as the token does: lower case, the last underscore as a colon.
func scopeOf(name any) (audit.Scope, error) {
	text, _ := name.(string)
	text = strings.ToLower(text)
	if i := strings.LastIndexByte(text, '_'); i >= 0 {
		text = text[:i] + ":" + text[i+1:]
	}
	if scope := audit.Scope(text); scope.Valid() {
		return scope, nil
	}
	return "", fmt.Errorf("%v is no scope", name)
}

// CheckSchema reports root fields that say neither which scope they need nor that any token will do, and directives
// that name no scope.
func CheckSchema(schema *ast.Schema) error {
	_, err := newAccess(schema)
	problems := []error{err}
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		if root == nil {
			continue
		}
		for _, field := range root.Fields {
			needs := len(field.Directives.ForNames(directiveAccess)) > 0
			open := field.Directives.ForName(directiveAnyToken) != nil
			if needs == open && !strings.HasPrefix(field.Name, "__") {
				problems = append(problems, fmt.Errorf("%s.%s needs either @access or @anyToken", root.Name, field.Name))
			}
		}
	}
	return errors.Join(problems...)
}

// ExtensionName names the extension for gqlgen.
func (*access) ExtensionName() string { return "Access" }

// Validate has nothing to ask: New has checked the schema.
func (*access) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation that selects what its token does not cover, and opens the introspection to
// those that may see the schema.
func (a *access) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	walk := accessWalk{access: a, operation: operation, has: operationFrom(ctx).principal.Has}
	kind := operation.Operation.Operation
	below := scopesNeeded
	if kind == ast.Mutation {
		below = scopesOfRoot
	}
	if err := walk.set(operation.Operation.SelectionSet, rootOf(a.schema, kind), below); err != nil {
		return asRefusal(err)
	}
	operation.DisableIntrospection = !walk.has(audit.ScopeSchemaRead)
	return nil
}

// position says what the scopes of types mean for the objects that the fields of a set return.
type position int

const (
	scopesNeeded  position = iota // the token needs the scope of every object's type
	scopesOfRoot                  // the fields are those of Mutation: their objects are payloads
	scopesGranted                 // the fields are those of a payload: what the mutation made may be shown
)

// accessWalk goes through one operation.
type accessWalk struct {
	access    *access
	operation *graphql.OperationContext
	has       func(audit.Scope) bool
}

func (w accessWalk) set(set ast.SelectionSet, on *ast.Definition, within position) error {
	visit := func(field *ast.Field, definition *ast.FieldDefinition) error {
		return w.field(field, definition, coordinate{on.Name, field.Name}, within)
	}
	return selected(w.access.schema, w.operation, set, on, visit)
}

func (w accessWalk) field(field *ast.Field, definition *ast.FieldDefinition, at coordinate, within position) error {
	switch field.Name {
	case "__typename":
		return nil
	case "__schema", "__type":
		return w.need(at, requirement{{audit.ScopeSchemaRead}})
	}
	if err := w.need(at, w.access.fields[at]); err != nil {
		return err
	}
	fetched := at == coordinate{"Query", "node"} || at == coordinate{"Query", "nodes"}
	for _, object := range objectTypes(w.access.schema, w.access.schema.Types[definition.Type.Name()]) {
		// Behind node an object that the token does not cover is null, whatever is selected of it.
		if fetched && w.access.types[object.Name].missing(w.has) != nil {
			continue
		}
		if err := w.object(field, at, object, within); err != nil {
			return err
		}
	}
	return nil
}

// object checks one type of object that a field may return, and what is selected of it.
func (w accessWalk) object(field *ast.Field, at coordinate, object *ast.Definition, within position) error {
	if within != scopesGranted {
		if err := w.need(at, w.access.types[object.Name]); err != nil {
			return err
		}
	}
	below := scopesNeeded
	if within == scopesOfRoot {
		below = scopesGranted
	}
	return w.set(field.SelectionSet, object, below)
}

func (w accessWalk) need(at coordinate, needs requirement) error {
	scopes := needs.missing(w.has)
	if scopes == nil {
		return nil
	}
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	return &failure{
		code:    codeForbidden,
		message: fmt.Sprintf("%s needs the scope %s", at, strings.Join(names, " or ")),
	}
}

// TypeAllowed reports whether the token of an operation covers a type. Resolvers of node and nodes ask it about what they
// fetched, and answer null otherwise: the walk over the operation cannot know the type.
func TypeAllowed(ctx context.Context, typeName string) bool {
	current := operationFrom(ctx)
	return current.server.access.types[typeName].missing(current.principal.Has) == nil
}
