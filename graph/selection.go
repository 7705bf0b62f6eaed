package graph

import (
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// coordinate names a field of a type.
type coordinate struct{ object, field string }

func (c coordinate) String() string { return c.object + "." + c.field }

// objectTypes are the types of object that a field of some type may return, none for scalars and enums.
func objectTypes(schema *ast.Schema, definition *ast.Definition) []*ast.Definition {
	switch {
	case definition.IsLeafType():
		return nil
	case definition.IsAbstractType():
		return schema.PossibleTypes[definition.Name]
	default:
		return []*ast.Definition{definition}
	}
}

// selected calls visit for every field of a set that will be resolved on an object of type on: spreads are followed,
// fragments for other types and what @skip and @include leave out are passed over. It stops at the first error.
func selected(
	schema *ast.Schema, operation *graphql.OperationContext, set ast.SelectionSet, on *ast.Definition,
	visit func(field *ast.Field, definition *ast.FieldDefinition) error,
) error {
	for _, selection := range set {
		var err error
		switch selection := selection.(type) {
		case *ast.Field:
			// Introspection fields are defined nowhere: they come without a definition.
			if included(selection.Directives, operation.Variables) {
				err = visit(selection, on.Fields.ForName(selection.Name))
			}
		case *ast.InlineFragment:
			if included(selection.Directives, operation.Variables) && applies(schema, selection.TypeCondition, on) {
				err = selected(schema, operation, selection.SelectionSet, on, visit)
			}
		case *ast.FragmentSpread:
			fragment := operation.Doc.Fragments.ForName(selection.Name)
			if included(selection.Directives, operation.Variables) && applies(schema, fragment.TypeCondition, on) {
				err = selected(schema, operation, fragment.SelectionSet, on, visit)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// included evaluates @skip and @include, which validation has checked.
func included(directives ast.DirectiveList, variables map[string]any) bool {
	return holds(directives, "include", variables, true) && !holds(directives, "skip", variables, false)
}

func holds(directives ast.DirectiveList, name string, variables map[string]any, otherwise bool) bool {
	directive := directives.ForName(name)
	if directive == nil {
		return otherwise
	}
	condition, _ := argument(directive.Arguments, nil, "if", variables).(bool)
	return condition
}

// applies reports whether a fragment with a type condition, if any, applies to objects of a type.
func applies(schema *ast.Schema, condition string, on *ast.Definition) bool {
	if condition == "" || condition == on.Name {
		return true
	}
	for _, possible := range schema.PossibleTypes[condition] {
		if possible.Name == on.Name {
			return true
		}
	}
	return false
}

// argument is the value of an argument, its default when it is not given, nil when there is none. Unlike gqlparser's
// ArgumentMap it never panics.
func argument(given ast.ArgumentList, defined ast.ArgumentDefinitionList, name string, variables map[string]any) any {
	if argument := given.ForName(name); argument != nil {
		if argument.Value.Kind != ast.Variable {
			value, _ := argument.Value.Value(variables)
			return value
		}
		if value, ok := variables[argument.Value.Raw]; ok {
			return value
		}
	}
	if definition := defined.ForName(name); definition != nil && definition.DefaultValue != nil {
		value, _ := definition.DefaultValue.Value(nil)
		return value
	}
	return nil
}

// arguments are the values of all arguments of a field; those of the field above show through.
func arguments(above map[string]any, field *ast.Field, definition *ast.FieldDefinition, variables map[string]any) map[string]any {
	if len(definition.Arguments) == 0 {
		return above
	}
	values := maps.Clone(above)
	if values == nil {
		values = map[string]any{}
	}
	for _, defined := range definition.Arguments {
		values[defined.Name] = argument(field.Arguments, definition.Arguments, defined.Name, variables)
	}
	return values
}
