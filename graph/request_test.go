package graph

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
)

func TestReadParams(t *testing.T) {
	t.Parallel()
	got, f := readParams([]byte(` {"query":"{a}","operationName":"n","variables":{"i":9007199254740993},"extensions":{"x":[1]}}`))
	want := &graphql.RawParams{
		Query: "{a}", OperationName: "n",
		Variables:  map[string]any{"i": json.Number("9007199254740993")},
		Extensions: map[string]any{"x": []any{json.Number("1")}},
	}
	if f != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, f, want)
	}
	if _, f := readParams([]byte(`{"query":"{a}","operationName":null,"variables":null,"extensions":null}`)); f != nil {
		t.Errorf("members that are null: %v", f)
	}
}

func TestReadParamsRefuses(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	for _, text := range []string{
		``, `null`, `"canary"`, `7`, `{`, `{"query":"canary`, `[{"query":"canary"}]`, ` [`, `{}`, `{"query":null}`, `{"query":""}`,
		`{"query":{"canary":1}}`, `{"query":["canary"]}`, `{"query":0}`, `{"query":false}`,
		`{"Query":"canary"}`, `{"QUERY":"canary"}`, `{"qeury":"canary"}`, `{"query":"canary","variable":{}}`, `{"query":"canary","canary":1}`,
		`{"query":"canary","operationName":["canary"]}`, `{"query":"canary","operationName":0}`,
		`{"query":"canary","variables":"canary"}`, `{"query":"canary","variables":["canary"]}`, `{"query":"canary","variables":0}`,
		`{"query":"canary","extensions":"canary"}`, `{"query":"canary","extensions":[]}`, `{"query":"canary","extensions":false}`,
		`{"query":"canary"}{}`, `{"query":"canary"} canary`, `query=canary`,
	} {
		params, f := readParams([]byte(text))
		if f == nil {
			t.Errorf("%s: read as %+v", text, params)
			continue
		}
		if f.code != codeBadUserInput {
			t.Errorf("%s: code %s", text, f.code)
		}
		if strings.Contains(f.Error(), canary) {
			t.Errorf("%s: the message quotes the request: %s", text, f.Error())
		}
	}
}

func TestReadParamsKnowsNoPersistedQueries(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}`,
		`{"query":"{a}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}`,
		`{"documentId":"sha256:00"}`,
	} {
		_, f := readParams([]byte(text))
		if f == nil || f.code != codePersisted || f.message != "PersistedQueryNotSupported" {
			t.Errorf("%s: got %v", text, f)
		}
	}
}

func FuzzReadParams(f *testing.F) {
	for _, text := range []string{
		`{"query":"{a}","variables":{"i":1e999}}`, `{"query":"\ud800"}`, `[`, `{"query":"a","query":7}`, "{\"query\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		params, failed := readParams(text)
		if (params == nil) == (failed == nil) {
			t.Fatalf("got %v and %v", params, failed)
		}
		if params != nil && (params.Query == "" || !json.Valid(text)) {
			t.Fatalf("read %q as %+v", text, params)
		}
	})
}
