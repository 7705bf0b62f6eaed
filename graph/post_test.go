package graph_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := s.query(t, `{viewer @skip(if: true) {subject} activities(first: 3) {asOf {seq}}}`, nil)
	if got.status != http.StatusOK || string(got.Data) != `{"activities":{"asOf":{"seq":1}}}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	perMinute := graph.DefaultLimits().CostPerMinute
	want := graph.Cost{Requested: 13, Available: perMinute - 13, PerMinute: perMinute}
	if got.Extensions.Cost == nil || *got.Extensions.Cost != want {
		t.Errorf("cost %+v, want %+v", got.Extensions.Cost, want)
	}
	for name, want := range map[string]string{
		"Content-Type":  "application/graphql-response+json; charset=utf-8",
		"Cache-Control": "no-store",
		"Vary":          "Origin",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}
	if id := got.header.Get("X-Request-Id"); len(id) < 16 {
		t.Errorf("X-Request-Id %q", id)
	}
}

// All fields of an operation share one view, which is asked for once, also when no field or many fields need it.
func TestOneViewPerOperation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.query(t, `{connectors{id}}`, nil)
	if asked := s.views.asked.Load(); asked != 0 {
		t.Errorf("asked %d times for a view that nobody needs", asked)
	}
	got := s.query(t, `{a:activities{asOf{seq}} b:activities{asOf{seq}} c:activities{asOf{seq}}}`, nil)
	if asked := s.views.asked.Load(); asked != 1 {
		t.Errorf("asked %d times for three fields", asked)
	}
	if want := `{"a":{"asOf":{"seq":1}},"b":{"asOf":{"seq":1}},"c":{"asOf":{"seq":1}}}`; string(got.Data) != want {
		t.Errorf("got %s, want %s", got.Data, want)
	}
}

func TestPrincipalReachesResolvers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var subject string
	s.resolvers.query.activity = func(ctx context.Context, _ string) (*audit.Activity, error) {
		subject = auth.FromContext(ctx).Subject
		return nil, nil
	}
	s.query(t, `{activity(id:"x"){id}}`, nil, "Authorization", "Bearer read")
	if subject != "token:read" {
		t.Errorf("got %q", subject)
	}
}

// Rule R4: an object that is not there looks like one that is another's.
func TestNotFoundIsByteEqual(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var answers []string
	for _, id := range []string{"another tenant's", "malformed", "outside the restriction"} {
		got := s.query(t, `query($id:ID!){activity(id:$id){id}}`, map[string]any{"id": id})
		answers = append(answers, string(got.Data)+fmt.Sprint(got.status, got.Errors, got.header.Get("Content-Length")))
	}
	if answers[0] != answers[1] || answers[1] != answers[2] || !strings.HasPrefix(answers[0], `{"activity":null}200 []`) {
		t.Errorf("answers differ: %q", answers)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const onlyJSON, read = "application/json", "Bearer read"
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		header    []string
		status    int
		code      string
		message   string // part of it
	}{
		"no token":          {`{__typename}`, nil, []string{"Authorization", ""}, 401, "UNAUTHENTICATED", "no token"},
		"a bad token":       {`{__typename}`, nil, []string{"Authorization", "Bearer bad"}, 401, "UNAUTHENTICATED", "no token"},
		"a bad token, JSON": {`{__typename}`, nil, []string{"Authorization", "Bearer bad", "Accept", onlyJSON}, 401, "UNAUTHENTICATED", "no token"},
		"scope":             {`{activity(id:"x"){raw{size}}}`, nil, []string{"Authorization", read}, 403, "FORBIDDEN", "Activity.raw needs the scope activities:raw"},
		"scope, JSON":       {`{activity(id:"x"){raw{size}}}`, nil, []string{"Authorization", read, "Accept", onlyJSON}, 200, "FORBIDDEN", "Activity.raw"},
		"scope, any":        {`{activity(id:"x"){raw{size}}}`, nil, []string{"Authorization", read, "Accept", "*/*"}, 403, "FORBIDDEN", "Activity.raw"},
		"parsing":           {`{`, nil, nil, 400, "GRAPHQL_PARSE_FAILED", "line 1"},
		"parsing, JSON":     {`{`, nil, []string{"Accept", onlyJSON}, 200, "GRAPHQL_PARSE_FAILED", "line 1"},
		"validation":        {`{activitys{id}}`, nil, nil, 400, "GRAPHQL_VALIDATION_FAILED", "(line 1, column 2)"},
		"no operation":      {`fragment f on Query{__typename}`, nil, nil, 400, "GRAPHQL_VALIDATION_FAILED", "no operation"},
		"which operation":   {`query a{__typename} query b{__typename}`, nil, nil, 400, "GRAPHQL_VALIDATION_FAILED", "the document has several operations: operationName must say which one"},
		"depth":             {strings.Repeat("{a", 11) + strings.Repeat("}", 11), nil, nil, 400, "QUERY_TOO_COMPLEX", "11 fields deep"},
		"cost":              {`{` + pages(8) + `}`, nil, nil, 400, "QUERY_TOO_COMPLEX", "costs"},
		"subscription":      {`subscription{activityRecorded{cursor}}`, nil, nil, 400, "BAD_USER_INPUT", "websocket"},
		"variable missing":  {`query($id:ID!){activity(id:$id){id}}`, nil, nil, 400, "BAD_USER_INPUT", "activity.id: must be defined"},
		"variable null":     {`query($id:ID!){activity(id:$id){id}}`, map[string]any{"id": nil}, nil, 400, "BAD_USER_INPUT", "activity.id: cannot be null"},
		"variable null, JSON": {
			`query($id:ID!){activity(id:$id){id}}`,
			map[string]any{"id": nil},
			[]string{"Accept", onlyJSON},
			200, "BAD_USER_INPUT", "activity.id",
		},
		"introspection": {`{__schema{types{name}}}`, nil, []string{"Authorization", read}, 403, "FORBIDDEN", "Query.__schema needs the scope schema:read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.query(t, test.query, test.variables, test.header...)
			if got.status != test.status || got.code() != test.code || !strings.Contains(got.Errors[0].Message, test.message) {
				t.Fatalf("got %d %s, want %d %s %q", got.status, got.body, test.status, test.code, test.message)
			}
			if strings.Contains(got.body, `"data"`) || len(got.Errors) != 1 || got.Extensions.Cost != nil {
				t.Errorf("more than one error: %s", got.body)
			}
			if challenge := got.header.Get("WWW-Authenticate"); (challenge == "Bearer") != (test.status == 401) {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
			if got.Errors[0].Extensions["requestId"] != got.header.Get("X-Request-Id") {
				t.Errorf("requestId %v, header %s", got.Errors[0].Extensions["requestId"], got.header.Get("X-Request-Id"))
			}
		})
	}
}

// pages selects the largest page n times.
func pages(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "p%d:activities(first:200){edges{node{actor{key} targets{key} origin{location{city}} integration{connector{id}}}}} ", i)
	}
	return b.String()
}

// Rule R6: the argument is named from the root field, whatever way it came and whatever the client calls the field.
func TestArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		argument  string
		data      string // empty when the operation does not run
	}{
		"literal of a custom scalar": {
			`{list:activities(filter:{occurredAt:{from:"yesterday"}}){liveCursor}}`, nil,
			"activities.filter.occurredAt.from", `{"list":null}`,
		},
		"variable of a custom scalar": {
			`query($f:ActivityFilter){activities(filter:$f){liveCursor}}`,
			map[string]any{"f": map[string]any{"and": []any{map[string]any{"occurredAt": map[string]any{"last": "P1Y"}}}}},
			"activities.filter.and.occurredAt.last", `{"activities":null}`,
		},
		"unknown field of a variable": {
			`query($f:ActivityFilter){list:activities(filter:$f){liveCursor}}`,
			map[string]any{"f": map[string]any{"ip": map[string]any{"within": []any{}}}},
			"activities.filter.ip.within", "",
		},
		"wrong type of a variable": {
			`query($n:[String!]){activities(filter:{country:{in:$n}}){liveCursor}}`,
			map[string]any{"n": []any{"DE", true}},
			"activities.filter.country.in", "",
		},
		"no such enum value": {
			`query($o:Outcome!){activities(filter:{outcome:{in:[$o]}}){liveCursor}}`,
			map[string]any{"o": "GOOD"},
			"activities.filter.outcome.in", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.query(t, test.query, test.variables)
			if got.code() != "BAD_USER_INPUT" || got.Errors[0].Extensions["argument"] != test.argument || string(got.Data) != test.data {
				t.Fatalf("got %d %s, want the argument %s and data %q", got.status, got.body, test.argument, test.data)
			}
			if !strings.HasPrefix(got.Errors[0].Message, test.argument+": ") {
				t.Errorf("the message is %q", got.Errors[0].Message)
			}
		})
	}
}

func TestNamesOfTheSchemaAreNotSuggested(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, query := range []string{
		`{activitie{id}}`, `{activities(filte:{}){liveCursor}}`, `{activities{liveCurso}}`, `query($f:ActivityFilte){activities(filter:$f){liveCursor}}`,
		`{activities(filter:{outcome:{in:[SUCCES]}}){liveCursor}}`, `{activities(filter:{outcom:{}}){liveCursor}}`, `{viewer}`,
		`{activity(id:"x"){... on Activit{id}}}`, `{viewer{subject} @skp}`,
	} {
		if got := s.query(t, query, nil); strings.Contains(got.body, "Did you mean") {
			t.Errorf("%s: %s", query, got.body)
		}
	}
}

func TestErrorsOfAWrongDocumentAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := s.query(t, `{viewer{`+strings.Repeat("nothing ", 150)+`}}`, nil)
	if len(got.Errors) == 0 || len(got.Errors) > 10 || got.code() != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("%d errors, the first %v", len(got.Errors), got.code())
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, test := range map[string]struct {
		method, body string
		header       map[string]string
		status       int
	}{
		"GET":              {"GET", "", nil, 405},
		"HEAD":             {"HEAD", "", nil, 405},
		"PUT":              {"PUT", `{"query":"{__typename}"}`, nil, 405},
		"DELETE":           {"DELETE", "", nil, 405},
		"OPTIONS, plain":   {"OPTIONS", "", nil, 405},
		"no body":          {"POST", "", nil, 400},
		"no JSON":          {"POST", `canary`, nil, 400},
		"no JSON, JSON":    {"POST", `canary`, map[string]string{"Accept": "application/json"}, 400},
		"torn JSON":        {"POST", `{"query":"canary`, nil, 400},
		"a batch":          {"POST", `[{"query":"{__typename}"}]`, nil, 400},
		"query no string":  {"POST", `{"query":["canary"]}`, nil, 400},
		"persisted":        {"POST", `{"extensions":{"persistedQuery":{"version":1}}}`, nil, 400},
		"no type":          {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Type": ""}, 415},
		"text":             {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Type": "text/plain"}, 415},
		"form":             {"POST", `query={__typename}`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		"multipart":        {"POST", `--x`, map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, 415},
		"graphql":          {"POST", `{__typename}`, map[string]string{"Content-Type": "application/graphql"}, 415},
		"latin-1":          {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Type": "application/json; charset=latin1"}, 415},
		"two types":        {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Type": "application/json, text/plain"}, 415},
		"compressed":       {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Encoding": "gzip"}, 415},
		"unacceptable":     {"POST", `{"query":"{__typename}"}`, map[string]string{"Accept": "text/html"}, 406},
		"UTF-8 by name":    {"POST", `{"query":"{__typename}"}`, map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200},
		"foreign origin":   {"POST", `{"query":"{__typename}"}`, map[string]string{"Origin": "https://evil.example.net"}, 403},
		"null origin":      {"POST", `{"query":"{__typename}"}`, map[string]string{"Origin": "null"}, 403},
		"a longer origin":  {"POST", `{"query":"{__typename}"}`, map[string]string{"Origin": origin + ".evil.example.net"}, 403},
		"allowed origin":   {"POST", `{"query":"{__typename}"}`, map[string]string{"Origin": origin}, 200},
		"its own origin":   {"POST", `{"query":"{__typename}"}`, map[string]string{"Origin": "http://annals.example.com"}, 200},
		"no such protocol": {"GET", "", map[string]string{"Upgrade": "h2c", "Connection": "Upgrade"}, 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.send(t, test.method, strings.NewReader(test.body), test.header)
			if got.status != test.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, test.status)
			}
			if strings.Contains(got.body, "canary") {
				t.Errorf("the request is quoted: %s", got.body)
			}
			if allow := got.header.Get("Allow"); (allow == "POST") != (test.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	if strings.Contains(s.log.String(), "canary") {
		t.Errorf("the request is in the log: %s", s.log.String())
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	body := func(size int) io.Reader {
		rest := size - len(`{"query":"{__typename}","extensions":{"x":""}}`)
		return strings.NewReader(`{"query":"{__typename}","extensions":{"x":"` + strings.Repeat("x", rest) + `"}}`)
	}
	for _, test := range []struct {
		token   string
		size    int
		chunked bool
		status  int
	}{
		{"read", 256 << 10, false, 200},
		{"read", 256<<10 + 1, false, 413},
		{"read", 256 << 10, true, 200},
		{"read", 256<<10 + 1, true, 413},
		{"all", 256<<10 + 1, false, 200},
		{"all", 4 << 20, true, 200},
		{"all", 4<<20 + 1, false, 413},
	} {
		reader := body(test.size)
		if test.chunked {
			reader = io.MultiReader(reader) // hides the length
		}
		got := s.send(t, http.MethodPost, reader, map[string]string{"Authorization": "Bearer " + test.token})
		if got.status != test.status {
			t.Errorf("%+v: got %d %.200s", test, got.status, got.body)
		}
	}
}

// zeros gives n bytes without holding them.
type zeros struct{ n int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.n)
	clear(p[:n])
	z.n -= n
	return n, nil
}

func TestHugeBodyTakesNoMemory(t *testing.T) {
	s := newStage(t)
	for _, length := range []int64{100 << 20, -1} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", &zeros{100 << 20})
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = length
		request.Header.Set("Authorization", "Bearer read")
		request.Header.Set("Content-Type", "application/json")
		w := &discard{header: http.Header{}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.server.ServeHTTP(w, request)
		runtime.ReadMemStats(&after)
		if w.status != http.StatusRequestEntityTooLarge {
			t.Errorf("length %d: got %d", length, w.status)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 2<<20 {
			t.Errorf("length %d: %d bytes were allocated", length, taken)
		}
	}
}

// discard is a ResponseWriter that keeps the status alone.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func TestErrorsOfResolvers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fail := map[string]error{
		"secret": errSecret, "argument": audit.BadArgument("activity.id", "is odd"), "timeout": audit.ErrTimeout,
		"unavailable": audit.ErrUnavailable,
	}
	s.resolvers.query.activity = func(_ context.Context, id string) (*audit.Activity, error) {
		if id == "panic" {
			panic("canary")
		}
		return nil, fail[id]
	}
	for id, test := range map[string]struct {
		status     int
		code       string
		extensions int
	}{
		"secret":      {200, "INTERNAL", 2},
		"panic":       {200, "INTERNAL", 2},
		"argument":    {200, "BAD_USER_INPUT", 3},
		"timeout":     {200, "QUERY_TIMEOUT", 3},
		"unavailable": {503, "UNAVAILABLE", 3},
	} {
		got := s.query(t, `query($id:ID!){one:activity(id:$id){id}}`, map[string]any{"id": id})
		if got.status != test.status || got.code() != test.code || string(got.Data) != `{"one":null}` {
			t.Errorf("%s: got %d %s", id, got.status, got.body)
			continue
		}
		err := got.Errors[0]
		if len(err.Extensions) != test.extensions || len(err.Path) != 1 || err.Path[0] != "one" || len(got.Errors) != 1 {
			t.Errorf("%s: %s", id, got.body)
		}
		if strings.Contains(got.body, "canary") || strings.Contains(got.body, "locations") {
			t.Errorf("%s: more than rule R10 allows: %s", id, got.body)
		}
	}
	// A field that failed leaves the others alone, whatever its reason.
	got := s.query(t, `{a:activity(id:"unavailable"){id} b:activity(id:"fine"){id}}`, nil)
	if got.status != 200 || string(got.Data) != `{"a":null,"b":null}` || len(got.Errors) != 1 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestOperationsTimeOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(50*time.Millisecond, time.Minute, time.Minute, time.Minute, time.Minute)
	s.resolvers.query.activity = func(ctx context.Context, _ string) (*audit.Activity, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("reading: %w", ctx.Err())
	}
	got := s.query(t, `{activity(id:"x"){id}}`, nil)
	if got.code() != "QUERY_TIMEOUT" || got.Errors[0].Extensions["retryable"] != true {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestBudgetOfAToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := newStage(t, func(o *graph.Options) {
		o.Limits.CostPerMinute = 60
		o.Now = func() time.Time { return now }
	})
	query := `{activities(first:38){nodes{id}}}` // costs 50
	if got := s.query(t, query, nil); got.status != 200 || *got.Extensions.Cost != (graph.Cost{Requested: 50, Available: 10, PerMinute: 60}) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	for _, accept := range []string{"application/graphql-response+json", "application/json"} {
		got := s.query(t, query, nil, "Accept", accept)
		if got.status != 429 || got.code() != "RATE_LIMITED" || got.header.Get("Retry-After") != "40" || got.Errors[0].Extensions["retryAfter"] != 40.0 {
			t.Errorf("got %d %v %s", got.status, got.header, got.body)
		}
	}
	if got := s.query(t, query, nil, "Authorization", "Bearer read"); got.status != 200 {
		t.Errorf("another token: got %d %s", got.status, got.body)
	}
}

func TestAuthenticatorFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		after  string
	}{
		"limited": {fmt.Errorf("checking: %w", &auth.RateLimitedError{RetryAfter: 1500 * time.Millisecond}), 429, "RATE_LIMITED", "2"},
		"away":    {fmt.Errorf("checking: %w", audit.ErrUnavailable), 503, "UNAVAILABLE", ""},
		"broken":  {errSecret, 503, "UNAVAILABLE", ""},
	} {
		s := newStage(t)
		s.callers.broken = test.err
		got := s.query(t, `{__typename}`, nil)
		if got.status != test.status || got.code() != test.code || got.header.Get("Retry-After") != test.after {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
		if strings.Contains(got.body, "canary") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}

func TestViewFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *graph.Options) { o.Views = noViews{} })
	got := s.query(t, `{activities{asOf{seq}}}`, nil)
	if got.status != 503 || got.code() != "UNAVAILABLE" || string(got.Data) != `{"activities":null}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

type noViews struct{}

func (noViews) View(context.Context, *auth.Principal) (audit.View, error) {
	return audit.View{}, fmt.Errorf("reading the head: %w", audit.ErrUnavailable)
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL, strings.NewReader(`{"query":"{__typename}"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Authorization"] = []string{"Bearer none", "Bearer all"}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestLogOfAnOperation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.query(t, `query Named($id: ID!) {activity(id: $id) {id} canary: viewer @skip(if: true) {subject}}`, map[string]any{"id": "canary"})
	s.query(t, `query `+strings.Repeat("N", 500)+` {canary: __typename}`, nil)
	s.query(t, `{canary(`, nil)
	s.query(t, `{canary}`, nil)
	log := s.log.String()
	for _, want := range []string{
		`"name":"Named","kind":"query","cost":2,"status":"OK"`, `"tenant":"1"`, `"status":"GRAPHQL_PARSE_FAILED"`,
		`"status":"GRAPHQL_VALIDATION_FAILED"`, `"name":"` + strings.Repeat("N", 64) + `"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is not in the log:\n%s", want, log)
		}
	}
	for _, secret := range []string{"canary", "token:all", "Bearer", strings.Repeat("N", 65)} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
}

// Tools ask for the whole schema in one query, types of fields nine wrappers deep.
func TestToolsCanReadTheSchema(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	reference := "kind name"
	for range 9 {
		reference = "kind name ofType{" + reference + "}"
	}
	query := `query IntrospectionQuery{__schema{
		description queryType{name kind} mutationType{name kind} subscriptionType{name kind}
		types{...Whole} directives{name description isRepeatable locations args(includeDeprecated:true){...Input}}
	}}
	fragment Whole on __Type{
		kind name description specifiedByURL isOneOf
		fields(includeDeprecated:true){
			name description args(includeDeprecated:true){...Input} type{...Reference} isDeprecated deprecationReason
		}
		inputFields(includeDeprecated:true){...Input} interfaces{...Reference}
		enumValues(includeDeprecated:true){name description isDeprecated deprecationReason} possibleTypes{...Reference}
	}
	fragment Input on __InputValue{name description type{...Reference} defaultValue isDeprecated deprecationReason}
	fragment Reference on __Type{` + reference + `}`
	got := s.query(t, query, nil)
	if got.status != 200 || len(got.Errors) > 0 || !strings.Contains(got.body, `"name":"ActivityConnection"`) {
		t.Errorf("got %d %.500s", got.status, got.body)
	}
	if strings.Contains(got.body, `"name":"defer"`) || !strings.Contains(got.body, `"name":"skip"`) {
		t.Error("directives are offered that are not answered, or none at all")
	}
}
