package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"annals/audit"
)

// fieldOf is the context of `alias: name` under the root, as generated code makes it.
func fieldOf(ctx context.Context, name, alias string) context.Context {
	ctx = context.WithValue(ctx, operationKey{}, &operation{requestID: "r1"})
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Query"})
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{
		Object: "Query", Field: graphql.CollectedField{Field: &ast.Field{Name: name, Alias: alias}},
	})
}

func presented(ctx context.Context, t *testing.T, err error) (*gqlerror.Error, string) {
	t.Helper()
	var log bytes.Buffer
	p := presenter{log: slog.New(slog.NewTextHandler(&log, nil))}
	return p.present(ctx, graphql.ErrorOnPath(ctx, err)), log.String()
}

func TestPresentKnownErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err        error
		message    string
		extensions map[string]any
	}{
		"argument": {
			audit.BadArgument("activities.filter.ip.in", "must not be empty"), "activities.filter.ip.in: must not be empty",
			map[string]any{"code": "BAD_USER_INPUT", "argument": "activities.filter.ip.in"},
		},
		"cursor":      {audit.ErrCursor, audit.ErrCursor.Error(), map[string]any{"code": "CURSOR_INVALID"}},
		"timeout":     {audit.ErrTimeout, audit.ErrTimeout.Error(), map[string]any{"code": "QUERY_TIMEOUT", "retryable": true}},
		"deadline":    {context.DeadlineExceeded, audit.ErrTimeout.Error(), map[string]any{"code": "QUERY_TIMEOUT", "retryable": true}},
		"cancelled":   {context.Canceled, audit.ErrUnavailable.Error(), map[string]any{"code": "UNAVAILABLE", "retryable": true}},
		"unavailable": {audit.ErrUnavailable, audit.ErrUnavailable.Error(), map[string]any{"code": "UNAVAILABLE", "retryable": true}},
		"too slow": {
			&audit.TooSlowError{Cursor: "c7"}, (&audit.TooSlowError{}).Error(),
			map[string]any{"code": "TOO_SLOW", "retryable": true, "cursor": "c7"},
		},
		"rate limited": {
			&failure{code: codeRateLimited, message: "wait", retryAfter: 3}, "wait",
			map[string]any{"code": "RATE_LIMITED", "retryAfter": 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.extensions["requestId"] = "r1"
			got, log := presented(fieldOf(t.Context(), "activities", "list"), t, fmt.Errorf("listing: %w", test.err))
			if got.Message != test.message || !maps.Equal(got.Extensions, test.extensions) || got.Path.String() != "list" {
				t.Errorf("got %q %v at %s, want %q %v at list", got.Message, got.Extensions, got.Path, test.message, test.extensions)
			}
			if log != "" {
				t.Errorf("logged %q", log)
			}
		})
	}
}

func TestPresentHidesTheRest(t *testing.T) {
	t.Parallel()
	const canary = "relation canary does not exist"
	for name, err := range map[string]error{
		"plain":              errors.New(canary),
		"wrapped":            fmt.Errorf("reading page: %w", errors.New(canary)),
		"gqlgen's own":       &gqlerror.Error{Message: canary, Extensions: map[string]any{"secret": canary}},
		"with another code":  &gqlerror.Error{Message: canary, Extensions: map[string]any{"code": "NOT_OURS"}},
		"not found":          fmt.Errorf("%w: %s", audit.ErrNotFound, canary),
		"fenced":             fmt.Errorf("%w: %s", audit.ErrFenced, canary),
		"with an empty path": &gqlerror.Error{Message: canary, Path: ast.Path{}},
	} {
		got, log := presented(fieldOf(t.Context(), "activities", "activities"), t, err)
		shown, jsonErr := json.Marshal(got)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if bytes.Contains(shown, []byte("canary")) || got.Extensions["code"] != "INTERNAL" || len(got.Extensions) != 2 {
			t.Errorf("%s: shown %s", name, shown)
		}
		if !strings.Contains(log, canary) || !strings.Contains(log, "request_id=r1") || !strings.Contains(log, "field=activities") {
			t.Errorf("%s: logged %q", name, log)
		}
	}
}

// gqlgen fills in the path of an error value that it is given: one that is shared would keep the first request's.
func TestPresentSharesNothing(t *testing.T) {
	t.Parallel()
	shared := &failure{code: codeCursorInvalid, message: "m"}
	first, _ := presented(fieldOf(t.Context(), "activities", "a"), t, shared)
	first.Extensions["code"] = "changed"
	second, _ := presented(fieldOf(t.Context(), "activities", "b"), t, shared)
	if first == second || second.Path.String() != "b" || second.Extensions["code"] != "CURSOR_INVALID" {
		t.Errorf("the second error is %v at %s", second.Extensions, second.Path)
	}
}

func TestPresentKeepsTheElementOfABatch(t *testing.T) {
	t.Parallel()
	ctx := fieldOf(t.Context(), "activities", "activities")
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: new(0)})
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{
		Field: graphql.CollectedField{Field: &ast.Field{Name: "integration", Alias: "integration"}},
	})
	path := ast.Path{ast.PathName("activities"), ast.PathIndex(7), ast.PathName("integration")}
	got, _ := presented(ctx, t, gqlerror.WrapPath(path, audit.ErrTimeout))
	if got.Path.String() != path.String() {
		t.Errorf("got %s, want %s", got.Path, path)
	}
}

func TestRecoveredPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := presenter{log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx := fieldOf(t.Context(), "activities", "activities")
	got := p.present(ctx, p.recovered(ctx, "canary"))
	if strings.Contains(got.Message, "canary") || got.Extensions["code"] != "INTERNAL" {
		t.Errorf("shown %v", got)
	}
	for _, part := range []string{"canary", "request_id=r1", "errors_test.go"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is not in the log: %s", part, log.String())
		}
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("logged twice: %s", log.String())
	}
}

func TestArgumentOf(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for query, test := range map[string]struct {
		path []string
		want string
	}{
		`query($v:ActivityFilter){activities(filter:$v){liveCursor}}`:                               {[]string{"v", "ip", "in"}, "activities.filter.ip.in"},
		`query($v:[String!]){a:activities(filter:{ip:{in:$v}}){liveCursor}}`:                        {[]string{"v"}, "activities.filter.ip.in"},
		`query($v:[String!]){activities(filter:{and:[{},{ip:{in:$v}}]}){liveCursor}}`:               {[]string{"v"}, "activities.filter.and.ip.in"},
		`query($v:Int){viewer{subject} ...f} fragment f on Query{activities(first:$v){liveCursor}}`: {[]string{"v"}, "activities.first"},
		`query($v:Int){... on Query{activities(last:$v){liveCursor}}}`:                              {[]string{"v"}, "activities.last"},
		`query($v:Boolean!){viewer @skip(if:$v){subject}}`:                                          {[]string{"v"}, "v"},
	} {
		document := validatedDocument(t, schema, query)
		operation := &graphql.OperationContext{Doc: document, Operation: document.Operations[0]}
		if got := argumentOf(operation, test.path); got != test.want {
			t.Errorf("%s: got %s, want %s", query, got, test.want)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxErrorText)
	if got := short(long); len(got) > maxErrorText+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("cut to %d bytes: …%s", len(got), got[len(got)-8:])
	}
	if got := short("kept"); got != "kept" {
		t.Errorf("got %q", got)
	}
}
