package graph

import (
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// argumentOf names the argument that a variable is used for. path begins with the variable's name and goes on inside its
// value: `$ips` of `activities(filter: {ip: {in: $ips}})` is `activities.filter.ip.in`. A variable whose use cannot be
// found stands for itself.
func argumentOf(operation *graphql.OperationContext, path []string) string {
	use := variableUse{name: path[0], fragments: operation.Doc.Fragments, seen: map[string]bool{}}
	found, ok := use.inSet(operation.Operation.SelectionSet)
	if !ok {
		return strings.Join(path, ".")
	}
	return strings.Join(append(found, path[1:]...), ".")
}

// variableUse looks for the first place where a variable is used.
type variableUse struct {
	name      string
	fragments ast.FragmentDefinitionList
	seen      map[string]bool // fragments
}

func (u variableUse) inSet(set ast.SelectionSet) ([]string, bool) {
	for _, selection := range set {
		if path, ok := u.inSelection(selection); ok {
			return path, true
		}
	}
	return nil, false
}

func (u variableUse) inSelection(selection ast.Selection) ([]string, bool) {
	switch selection := selection.(type) {
	case *ast.Field:
		return u.inField(selection)
	case *ast.InlineFragment:
		return u.inSet(selection.SelectionSet)
	case *ast.FragmentSpread:
		fragment := u.fragments.ForName(selection.Name)
		if fragment == nil || u.seen[selection.Name] {
			return nil, false
		}
		u.seen[selection.Name] = true
		return u.inSet(fragment.SelectionSet)
	}
	return nil, false
}

func (u variableUse) inField(field *ast.Field) ([]string, bool) {
	for _, argument := range field.Arguments {
		if path, ok := u.inValue(argument.Value); ok {
			return append([]string{field.Name, argument.Name}, path...), true
		}
	}
	path, ok := u.inSet(field.SelectionSet)
	return append([]string{field.Name}, path...), ok
}

func (u variableUse) inValue(value *ast.Value) ([]string, bool) {
	if value.Kind == ast.Variable {
		return nil, value.Raw == u.name
	}
	for _, child := range value.Children {
		path, ok := u.inValue(child.Value)
		if !ok {
			continue
		}
		if child.Name != "" {
			path = append([]string{child.Name}, path...)
		}
		return path, true
	}
	return nil, false
}
