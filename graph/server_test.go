package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph"
	"annals/graph/generated"
)

// callers is an Authenticator that knows a few tokens.
type callers struct {
	mu     sync.Mutex
	known  map[string]*auth.Principal
	ends   map[string]chan struct{} // by subject; closed when the token ends
	broken error
}

func (c *callers) Authenticate(_ context.Context, credentials string, _ netip.Addr) (*auth.Principal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	if p := c.known[strings.TrimPrefix(credentials, "Bearer ")]; p != nil {
		return p, nil
	}
	return nil, auth.ErrUnauthenticated
}

func (c *callers) AwaitEnd(ctx context.Context, p *auth.Principal) error {
	c.mu.Lock()
	end := c.ends[p.Subject]
	c.mu.Unlock()
	select {
	case <-end:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// know makes a token whose principal has some scopes.
func (c *callers) know(token string, tenant audit.TenantID, scopes ...audit.Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	subject := "token:" + token
	c.known[token] = &auth.Principal{
		Tenant: audit.Tenant{Number: tenant}, Subject: subject, Kind: audit.TokenAPI, Scopes: scopes,
		ExpiresAt: time.Now().Add(time.Hour),
	}
	c.ends[subject] = make(chan struct{})
}

func (c *callers) end(token string) { close(c.ends["token:"+token]) }

// views counts how often it is asked.
type views struct{ asked atomic.Int64 }

func (v *views) View(_ context.Context, p *auth.Principal) (audit.View, error) {
	n := v.asked.Add(1)
	return p.View(n, time.Now())
}

// resolvers has the fields that the tests select; the others panic, for their interfaces are nil.
type resolvers struct {
	generated.ResolverRoot
	query        *queries
	subscription *subscriptions
}

func (r *resolvers) Query() generated.QueryResolver               { return r.query }
func (r *resolvers) Subscription() generated.SubscriptionResolver { return r.subscription }
func (r *resolvers) Mutation() generated.MutationResolver         { return mutations{} }

type queries struct {
	generated.QueryResolver
	activity   func(ctx context.Context, id string) (*audit.Activity, error)
	activities func(ctx context.Context) (*audit.Page, error)
}

func (q *queries) Activity(ctx context.Context, id string) (*audit.Activity, error) {
	return q.activity(ctx, id)
}

func (q *queries) Activities(ctx context.Context, _ *audit.Filter, _ *audit.Order, _ *int, _ *string, _ *int, _ *string) (*audit.Page, error) {
	return q.activities(ctx)
}

func (q *queries) Connectors(context.Context) ([]*audit.Connector, error) { return nil, nil }

type subscriptions struct {
	generated.SubscriptionResolver
	recorded func(ctx context.Context, after *string) (<-chan *audit.LiveMessage, error)
}

func (s *subscriptions) ActivityRecorded(ctx context.Context, _ *audit.Filter, after *string, _ *time.Time) (<-chan *audit.LiveMessage, error) {
	return s.recorded(ctx, after)
}

type mutations struct{ generated.MutationResolver }

func (mutations) PauseIntegration(context.Context, generated.PauseIntegrationInput) (*generated.PauseIntegrationPayload, error) {
	return &generated.PauseIntegrationPayload{UserErrors: []*audit.UserError{}}, nil
}

// stage is a server under test and what stands around it.
type stage struct {
	server    *graph.Server
	http      *httptest.Server
	callers   *callers
	views     *views
	resolvers *resolvers
	log       *lockedBuffer
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

const origin = "https://app.example.com"

// newStage serves the project's schema. The token `all` has every scope, `read` activities:read alone, `none` no scope.
func newStage(t testing.TB, change ...func(*graph.Options)) *stage {
	t.Helper()
	s := &stage{
		callers: &callers{known: map[string]*auth.Principal{}, ends: map[string]chan struct{}{}},
		views:   &views{}, log: &lockedBuffer{},
		resolvers: &resolvers{query: &queries{}, subscription: &subscriptions{}},
	}
	s.callers.know("all", 1, audit.Scopes()...)
	s.callers.know("read", 1, audit.ScopeActivitiesRead)
	s.callers.know("none", 1)
	s.resolvers.query.activity = func(context.Context, string) (*audit.Activity, error) { return nil, nil }
	s.resolvers.query.activities = func(ctx context.Context) (*audit.Page, error) {
		view, err := graph.ViewFrom(ctx)
		return &audit.Page{AsOf: audit.AsOf{Seq: view.AsOf()}}, err
	}
	origins, err := graph.NewOrigins("http://annals.example.com", []string{origin})
	if err != nil {
		t.Fatal(err)
	}
	o := graph.Options{
		Authenticator: s.callers, Views: s.views, Limits: graph.DefaultLimits(), Origins: origins,
		Log: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now,
	}
	for _, f := range change {
		f(&o)
	}
	s.server, err = graph.New(generated.NewExecutableSchema(generated.Config{
		Schema: graph.Offered(generated.NewExecutableSchema(generated.Config{}).Schema()), Resolvers: s.resolvers,
	}), o)
	if err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(s.server)
	t.Cleanup(s.http.Close)
	return s
}

// reply is an answer as a client reads it.
type reply struct {
	status int
	header http.Header
	body   string
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string         `json:"message"`
		Path       []any          `json:"path"`
		Extensions map[string]any `json:"extensions"`
	} `json:"errors"`
	Extensions struct {
		Cost *graph.Cost `json:"cost"`
	} `json:"extensions"`
}

func (r reply) code() any {
	if len(r.Errors) == 0 {
		return nil
	}
	return r.Errors[0].Extensions["code"]
}

// send sends a request as it is; values of header replace the usual ones, empty ones take them away.
func (s *stage) send(t testing.TB, method string, body io.Reader, header map[string]string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.http.URL+"/graphql", body)
	if err != nil {
		t.Fatal(err)
	}
	usual := map[string]string{
		"Authorization": "Bearer all", "Content-Type": "application/json", "Accept": "application/graphql-response+json",
	}
	maps.Copy(usual, header)
	for name, value := range usual {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := s.http.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: response.StatusCode, header: response.Header, body: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("the answer is no JSON: %v: %s", err, text)
		}
	}
	return got
}

// query sends an operation with the token `all`, unless header says another.
func (s *stage) query(t testing.TB, text string, variables map[string]any, header ...string) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": text, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	for pair := range slices.Chunk(header, 2) {
		given[pair[0]] = pair[1]
	}
	return s.send(t, http.MethodPost, bytes.NewReader(body), given)
}

var errSecret = errors.New(`relation "canary" does not exist`)
