package graph

import (
	"context"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// guard refuses hostile documents before they are validated: some rules of validation compare all pairs of fields, and a
// cost that follows every spread doubles with every level of fragments. Its own work is linear in the text.
type guard struct {
	bounds    bounds
	documents *documents
}

// ExtensionName names the extension for gqlgen.
func (guard) ExtensionName() string { return "Guard" }

// Validate has nothing to ask of a schema.
func (guard) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters checks the text of a request. A document in the cache has passed before.
func (g guard) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	if _, passed := g.documents.Get(ctx, p.Query); passed {
		return nil
	}
	if err := g.check(p.Query); err != nil {
		return asRefusal(err)
	}
	return nil
}

func (g guard) check(query string) error {
	if len(query) > g.bounds.bytes {
		return tooComplex("the document has %d bytes, %d are the most", len(query), g.bounds.bytes)
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, g.bounds.tokens)
	if err != nil {
		return g.parseError(err)
	}
	if len(document.Fragments) > g.bounds.fragments {
		return tooComplex("the document has %d fragments, %d are the most", len(document.Fragments), g.bounds.fragments)
	}
	s := survey{
		bounds: g.bounds, fragments: document.Fragments,
		known: map[string]extent{}, open: map[string]bool{}, names: map[string]int{},
	}
	return s.document(document)
}

// parseError tells a document that is too long from one that is wrong; the parser says the former in words alone.
func (g guard) parseError(err error) error {
	if strings.Contains(err.Error(), "exceeded token limit") {
		return tooComplex("the document has more than %d tokens", g.bounds.tokens)
	}
	return parseFailure(err)
}

// extent is the size of a selection set once its spreads are followed.
type extent struct {
	fields        int // all of them
	roots         int // those at the top of the set
	depth         int // longest chain outside introspection
	introspection int // longest chain that begins at __schema or __type
}

// survey measures a document. Every fragment is measured once.
type survey struct {
	bounds     bounds
	fragments  ast.FragmentDefinitionList
	known      map[string]extent // fragments that are measured
	open       map[string]bool   // fragments that are being measured
	names      map[string]int    // how often a name stands in the text
	aliases    int
	directives int
}

func (s *survey) document(document *ast.QueryDocument) error {
	for _, operation := range document.Operations {
		if err := s.operation(operation); err != nil {
			return err
		}
	}
	for _, fragment := range document.Fragments {
		if s.fragments.ForName(fragment.Name) != fragment {
			return &failure{code: codeValidationFailed, message: "two fragments have one name"} // and one would go unmeasured
		}
		if _, err := s.fragment(fragment.Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) operation(operation *ast.OperationDefinition) error {
	for _, variable := range operation.VariableDefinitions {
		if err := s.decoration(variable.Directives); err != nil {
			return err
		}
		if err := literal(variable.DefaultValue); err != nil {
			return err
		}
	}
	if err := s.decoration(operation.Directives); err != nil {
		return err
	}
	size, err := s.set(operation.SelectionSet)
	switch {
	case err != nil:
		return err
	case size.roots > s.bounds.roots:
		return tooComplex("the operation has %d root fields, %d are the most", size.roots, s.bounds.roots)
	case size.depth > s.bounds.depth:
		return tooComplex("the operation is %d fields deep, %d are the most", size.depth, s.bounds.depth)
	case size.introspection > s.bounds.introspection:
		return tooComplex("the introspection is %d fields deep, %d are the most", size.introspection, s.bounds.introspection)
	}
	return nil
}

// set measures one selection set and stops at the first bound that is passed.
func (s *survey) set(set ast.SelectionSet) (extent, error) {
	var sum extent
	if len(set) > s.bounds.perSet {
		return sum, tooComplex("a selection has %d members, %d are the most", len(set), s.bounds.perSet)
	}
	for _, selection := range set {
		part, err := s.selection(selection)
		if err != nil {
			return sum, err
		}
		sum.fields += part.fields
		sum.roots += part.roots
		sum.depth = max(sum.depth, part.depth)
		sum.introspection = max(sum.introspection, part.introspection)
		if sum.fields > s.bounds.expanded {
			return sum, tooComplex("the document selects more than %d fields once its fragments are spread", s.bounds.expanded)
		}
	}
	return sum, nil
}

func (s *survey) selection(selection ast.Selection) (extent, error) {
	switch selection := selection.(type) {
	case *ast.Field:
		return s.field(selection)
	case *ast.InlineFragment:
		if err := s.decoration(selection.Directives); err != nil {
			return extent{}, err
		}
		return s.set(selection.SelectionSet)
	case *ast.FragmentSpread:
		if err := s.decoration(selection.Directives); err != nil {
			return extent{}, err
		}
		return s.fragment(selection.Name)
	}
	return extent{}, nil
}

func (s *survey) field(field *ast.Field) (extent, error) {
	if err := s.name(field); err != nil {
		return extent{}, err
	}
	if err := s.decoration(field.Directives); err != nil {
		return extent{}, err
	}
	if err := literals(field.Arguments); err != nil {
		return extent{}, err
	}
	below, err := s.set(field.SelectionSet)
	size := extent{fields: below.fields + 1, roots: 1, depth: below.depth + 1}
	if below.introspection > 0 {
		size.introspection = below.introspection + 1
	}
	if field.Name == "__schema" || field.Name == "__type" {
		size.depth, size.introspection = 1, max(below.depth, below.introspection)+1
	}
	return size, err
}

// name counts how a field is called in the answer.
func (s *survey) name(field *ast.Field) error {
	s.names[field.Alias]++
	if field.Alias != field.Name {
		s.aliases++
	}
	switch {
	case s.names[field.Alias] > s.bounds.repeats:
		return tooComplex("the document selects one field more than %d times", s.bounds.repeats)
	case s.aliases > s.bounds.aliases:
		return tooComplex("the document has more than %d aliases", s.bounds.aliases)
	}
	return nil
}

// fragment measures a fragment, used or not. One that nobody defined is left to validation, which names it.
func (s *survey) fragment(name string) (extent, error) {
	if size, ok := s.known[name]; ok {
		return size, nil
	}
	definition := s.fragments.ForName(name)
	if definition == nil {
		return extent{}, nil
	}
	if s.open[name] {
		return extent{}, tooComplex("a fragment of the document spreads itself")
	}
	s.open[name] = true
	if err := s.decoration(definition.Directives); err != nil {
		return extent{}, err
	}
	size, err := s.set(definition.SelectionSet)
	delete(s.open, name)
	s.known[name] = size
	return size, err
}

func (s *survey) decoration(directives ast.DirectiveList) error {
	s.directives += len(directives)
	if s.directives > s.bounds.directives {
		return tooComplex("the document has more than %d directives", s.bounds.directives)
	}
	for _, directive := range directives {
		if directive.Name == "defer" { // gqlgen would answer in parts, and only the first would be sent
			return &failure{code: codeValidationFailed, message: "@defer is not offered"}
		}
		if err := literals(directive.Arguments); err != nil {
			return err
		}
	}
	return nil
}

func literals(arguments ast.ArgumentList) error {
	for _, argument := range arguments {
		if err := literal(argument.Value); err != nil {
			return err
		}
	}
	return nil
}

// literal refuses numbers that Go cannot hold: a custom scalar lets them through validation, and the executor panics on
// them.
func literal(value *ast.Value) error {
	if value == nil {
		return nil
	}
	var err error
	switch value.Kind {
	case ast.IntValue:
		_, err = strconv.ParseInt(value.Raw, 10, 64)
	case ast.FloatValue:
		_, err = strconv.ParseFloat(value.Raw, 64)
	}
	if err != nil {
		return badInput("a number of the document is out of range: send it in a variable, as a string")
	}
	for _, child := range value.Children {
		if err := literal(child.Value); err != nil {
			return err
		}
	}
	return nil
}
