package graph

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"
)

// What an operation passes before it runs, its document known from before.
func BenchmarkPrepare(b *testing.B) {
	s, principal := preparing(b)
	text := frontEnd(b)["Screen"]
	b.ReportAllocs()
	for b.Loop() {
		_, refusal := s.prepare(s.begin(b.Context(), principal, "r"), &graphql.RawParams{Query: text})
		if refusal != nil {
			b.Fatal(refusal.Errors)
		}
	}
}
