package graph

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"annals/audit"
	"annals/auth"
)

// unexecuted is a schema whose operations are prepared and never run.
type unexecuted struct{ schema *ast.Schema }

func (u unexecuted) Schema() *ast.Schema { return u.schema }

func (unexecuted) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (unexecuted) Exec(context.Context) graphql.ResponseHandler { panic("executed") }

func preparing(t testing.TB) (*Server, *auth.Principal) {
	t.Helper()
	limits := DefaultLimits()
	limits.CostPerMinute = 1 << 30
	s, err := New(unexecuted{loadSchema(t)}, Options{
		Limits: limits, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, &auth.Principal{Subject: "s", Scopes: audit.Scopes()}
}

// Whatever is sent, it is prepared or refused, soon, and never by a panic.
func FuzzPrepare(f *testing.F) {
	s, principal := preparing(f)
	for _, text := range frontEnd(f) {
		f.Add(text, `{"id":"x","first":200,"withRaw":true}`)
	}
	for _, text := range []string{
		doubling(24), nested(11), "{...f} fragment f on Query{...f}", `{__type(name:"Query"){fields{name}}}`,
		`query($f:ActivityFilter){activities(filter:$f){liveCursor}}`, `{a:__typename @skip(if:$b)}`,
		`{node(id:"x"){... on Node{... on Activity{... on Node{id}}}}}`, `query($a:[[[Int]]]){viewer{subject}}`,
		`mutation{testIntegration(input:{settings:[{name:"a",value:{b:[1e308,-9223372036854775808]}}]}){checks{ok}}}`,
		`subscription{...f} fragment f on Subscription{activityRecorded{cursor}}`, `{facets(fields:TYPE,first:-1){total}}`,
		"{a(b:\"\"\"\\\"\"\")}", "\ufeff{viewer{subject}}", "{ \u2028 viewer", `{timeSeries(top:2147483647,buckets:-7){groups{counts}}}`,
	} {
		f.Add(text, `{"f":{"and":[{"not":{"ip":{"in":"::1"}}}],"seq":{"min":"7"}},"a":[[[1]]],"b":null}`)
	}
	f.Fuzz(func(t *testing.T, query, variables string) {
		params := &graphql.RawParams{Query: query}
		_ = readMember(params, "variables", []byte(variables)) // none when they are no object
		begun := time.Now()
		prepared, refusal := s.prepare(s.begin(t.Context(), principal, "r"), params)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("took %v", took)
		}
		if refusal == nil && prepared.Operation == nil {
			t.Error("neither prepared nor refused")
		}
		if refusal != nil && codeOf(refusal) == codeInternal {
			t.Errorf("refused by a panic: %s", refusal.Errors[0].Message)
		}
	})
}

func FuzzGuard(f *testing.F) {
	for _, text := range []string{
		doubling(24), nested(11), "{...f} fragment f on Query{...f}", `{a(b:[{c:1e999}])}`, "{a @b(c:$d)}", strings.Repeat("{a", 500),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, query string) {
		err := newGuard().check(query)
		if _, known := errors.AsType[*failure](err); err != nil && !known {
			t.Errorf("refused with %v", err)
		}
	})
}
