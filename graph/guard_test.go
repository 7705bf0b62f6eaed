package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func newGuard() guard { return guard{bounds: documentBounds(), documents: newDocuments()} }

// codeFrom is the code of a failure, empty for nil.
func codeFrom(t *testing.T, err error) code {
	t.Helper()
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		t.Fatalf("%v is no failure", err)
	}
	return f.code
}

// nested is a document that is depth fields deep.
func nested(depth int) string {
	return strings.Repeat("{a", depth) + strings.Repeat("}", depth)
}

// doubling is a document whose fragments each spread the next one twice.
func doubling(levels int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range levels {
		fmt.Fprintf(&b, " fragment f%d on Query{...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Query{viewer{subject}}", levels)
	return b.String()
}

// numbered repeats a text with its number in it.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestGuardBounds(t *testing.T) {
	t.Parallel()
	spreads := func(n int) string {
		return "{a{" + strings.Repeat("...f ", n) + "}} fragment f on Query{" + numbered(100, "b%d ") + "}"
	}
	for name, test := range map[string]struct {
		within, beyond string
	}{
		"depth":          {nested(10), nested(11)},
		"introspection":  {"{__schema" + nested(19) + "}", "{__schema" + nested(20) + "}"},
		"aliases":        {"{a{" + numbered(30, "b%d:c ") + "}}", "{a{" + numbered(31, "b%d:c ") + "}}"},
		"directives":     {"{a" + strings.Repeat(" @x", 20) + "}", "{a" + strings.Repeat(" @x", 21) + "}"},
		"root fields":    {"{" + numbered(8, "b%d ") + "}", "{" + numbered(9, "b%d ") + "}"},
		"spread roots":   {"{a ...f} fragment f on Query{" + numbered(7, "b%d ") + "}", "{a ...f} fragment f on Query{" + numbered(8, "b%d ") + "}"},
		"fragments":      {"{a}" + numbered(50, "fragment f%d on Q{a}"), "{a}" + numbered(51, "fragment f%d on Q{a}")},
		"selections":     {"{a{" + numbered(200, "b%d ") + "}}", "{a{" + numbered(201, "b%d ") + "}}"},
		"repeats":        {"{a{" + strings.Repeat("b ", 150) + "}}", "{a{" + strings.Repeat("b ", 150) + "} b}"},
		"expanded":       {spreads(19), spreads(20)},
		"tokens":         {"{a(b:[" + strings.Repeat("1 ", 989) + "])}", "{a(b:[" + strings.Repeat("1 ", 1000) + "])}"},
		"bytes":          {"{a #" + strings.Repeat("x", 32<<10-6) + "\n}", "{a #" + strings.Repeat("x", 32<<10-5) + "\n}"},
		"cycle":          {"{...f} fragment f on Q{a}", "{...f} fragment f on Q{...g} fragment g on Q{...f}"},
		"unused cycle":   {"{a} fragment f on Q{a}", "{a} fragment f on Q{a{...f}}"},
		"unused doubles": {doubling(3), strings.Replace(doubling(24), "{...f0}", "{a}", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuard()
			if got := codeFrom(t, g.check(test.within)); got != "" {
				t.Errorf("at the bound: refused with %s: %v", got, g.check(test.within))
			}
			if got := codeFrom(t, g.check(test.beyond)); got != codeTooComplex {
				t.Errorf("beyond the bound: got %q, want %s", got, codeTooComplex)
			}
		})
	}
}

func TestGuardLeavesTheRestToTheParserAndTheValidator(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]code{
		"{":           codeParseFailed,
		"":            "", // no operation: validation says so
		"{...nobody}": "",
		"{...f} fragment f on Q{a} fragment f on Q{" + strings.Repeat("a ", 300) + "}": codeValidationFailed,
		"{a(b: 99999999999999999999)}":          codeBadUserInput,
		"{a(b: {c: [1e999]})}":                  codeBadUserInput,
		"query($a: JSON = 1e999){a}":            codeBadUserInput,
		"{a @include(if: 9999999999999999999)}": codeBadUserInput,
		"{a(b: 9223372036854775807, c: 1e308)}": "",
	} {
		if got := codeFrom(t, newGuard().check(query)); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestGuardSaysWhereADocumentBreaks(t *testing.T) {
	t.Parallel()
	err := newGuard().check("{\n  viewer { subject \n")
	f, _ := errors.AsType[*failure](err)
	if f == nil || !strings.HasSuffix(f.message, "(line 3, column 1)") {
		t.Errorf("got %v, want the place of the end of the text", err)
	}
}

// Every document of this table costs a server without a guard between a second and for ever.
func TestGuardRefusesAbuseQuickly(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"same leaf, 10,000 times":        "{a{" + strings.Repeat("b ", 10_000) + "}}",
		"same leaf, 6,000 times":         "{a{" + strings.Repeat("b ", 6_000) + "}}",
		"same pair, 2,000 times":         "{" + strings.Repeat("activities{nodes{id}} ", 2_000) + "}",
		"10,000 aliases":                 "{" + numbered(10_000, "a%d:viewer{subject}") + "}",
		"20,000 directives":              "{a" + strings.Repeat(" @x", 20_000) + "}",
		"100,000 directives":             "{a" + strings.Repeat(" @x", 100_000) + "}",
		"fragments doubling 24 levels":   doubling(24),
		"fragments doubling 40 levels":   doubling(40),
		"a list 1,000,000 deep":          "{a(b:" + strings.Repeat("[", 1_000_000) + ")}",
		"a list 30,000 deep":             "{a(b:" + strings.Repeat("[", 30_000) + ")}",
		"fields 100,000 deep":            strings.Repeat("{a", 100_000),
		"a block string without its end": `{a(b:"""` + strings.Repeat("x", 1<<20),
		"200 fields that spread 200":     "{a{" + strings.Repeat("...f ", 200) + "}} fragment f on Q{" + strings.Repeat("b ", 200) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			best := time.Hour
			for range 5 {
				begun := time.Now()
				err := newGuard().check(query)
				best = min(best, time.Since(begun))
				if got := codeFrom(t, err); got != codeTooComplex {
					t.Fatalf("got %q, want %s", got, codeTooComplex)
				}
			}
			if best > 25*time.Millisecond { // 5 on an idle machine
				t.Errorf("refused after %v", best)
			}
		})
	}
}

// Without the guard the price of the same document doubles with every level: the guard has to come first.
func TestWithoutGuardFragmentsDouble(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	m := &meter{schema: schema, limits: DefaultLimits()}
	cost := func(levels int) int { return m.price(validated(t, schema, doubling(levels), "", nil)) }
	if low, high := cost(8), cost(12); high < 15*low {
		t.Errorf("8 levels cost %d, 12 levels %d: is the guard still needed?", low, high)
	}
	if got := codeFrom(t, newGuard().check(doubling(12))); got != codeTooComplex {
		t.Errorf("the guard says %q of 12 levels", got)
	}
}

func TestGuardMeasuresEachFragmentOnce(t *testing.T) {
	t.Parallel()
	document, err := parser.ParseQuery(&ast.Source{Input: doubling(40)})
	if err != nil {
		t.Fatal(err)
	}
	bounds := documentBounds()
	bounds.expanded = 1 << 60
	s := survey{bounds: bounds, fragments: document.Fragments, known: map[string]extent{}, open: map[string]bool{}, names: map[string]int{}}
	size, err := s.set(document.Operations[0].SelectionSet)
	if err != nil || size.fields != 2<<40 {
		t.Errorf("got %d fields, %v; want %d", size.fields, err, 2<<40)
	}
}

func TestGuardTrustsTheCache(t *testing.T) {
	t.Parallel()
	g := newGuard()
	long := nested(11)
	if err := g.MutateOperationParameters(context.Background(), &graphql.RawParams{Query: long}); err == nil {
		t.Fatal("a document that is too deep passed")
	}
	g.documents.Add(context.Background(), long, &ast.QueryDocument{})
	if err := g.MutateOperationParameters(context.Background(), &graphql.RawParams{Query: long}); err != nil {
		t.Errorf("a document that was validated before is checked again: %v", err)
	}
}
