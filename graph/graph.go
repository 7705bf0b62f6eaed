// Package graph serves GraphQL: over POST as the GraphQL over HTTP draft says it, and over websockets with the
// sub-protocol graphql-transport-ws.
//
// An operation passes, in this order, the guard (size of the document, before validation), the access walk (scopes), the
// meter (cost and budget), and is then executed by gqlgen. Errors leave through an allow-list.
package graph

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"annals/audit"
	"annals/auth"
)

// Authenticator tells who a token stands for, and for how long.
type Authenticator interface {
	// Authenticate returns the principal of the token in credentials, an Authorization header or the bare token, sent
	// from an address. A token that is not accepted, none too, is auth.ErrUnauthenticated or *auth.RateLimitedError.
	Authenticate(ctx context.Context, credentials string, from netip.Addr) (*auth.Principal, error)
	// AwaitEnd returns nil once the principal's token no longer holds, the context's error when that ends first.
	AwaitEnd(ctx context.Context, principal *auth.Principal) error
}

// Views makes the views of operations.
type Views interface {
	// View returns what an operation of the principal that begins now may see.
	View(ctx context.Context, principal *auth.Principal) (audit.View, error)
}

// Options are what a server needs.
type Options struct {
	Authenticator Authenticator
	Views         Views
	Limits        Limits
	Origins       Origins
	// Remote is the address that a request came from; the peer's when nil.
	Remote func(*http.Request) netip.Addr
	Log    *slog.Logger
	Now    func() time.Time
}

// Offered is a schema as it is served: without @defer, which gqlparser puts into every schema. An answer is one part.
func Offered(schema *ast.Schema) *ast.Schema {
	offered := *schema
	offered.Directives = maps.Clone(schema.Directives)
	delete(offered.Directives, "defer")
	return &offered
}

// Server is the handler of /graphql.
type Server struct {
	authenticator Authenticator
	views         Views
	origins       Origins
	remote        func(*http.Request) netip.Addr
	log           *slog.Logger
	now           func() time.Time
	times         times
	limits        Limits

	access    *access
	presenter presenter
	executor  *executor.Executor
	sockets   *sockets
	handler   http.Handler
}

// New makes the server of a schema. The schema's root fields must say what access they need.
func New(es graphql.ExecutableSchema, o Options) (*Server, error) {
	if err := CheckSchema(es.Schema()); err != nil {
		return nil, fmt.Errorf("checking the schema: %w", err)
	}
	access, err := newAccess(es.Schema())
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	s := &Server{
		authenticator: o.Authenticator, views: o.Views, origins: o.Origins, remote: o.Remote, log: o.Log, now: o.Now,
		times:     defaultTimes(),
		limits:    o.Limits,
		access:    access,
		presenter: presenter{log: o.Log},
		sockets:   newSockets(o.Limits),
	}
	if s.remote == nil {
		s.remote = peer
	}
	s.executor = s.newExecutor(es, o.Limits)
	s.handler = o.Origins.CORS(http.HandlerFunc(s.route))
	return s, nil
}

// newExecutor puts gqlgen together. gqlgen has no bounds of its own unless it is told.
func (s *Server) newExecutor(es graphql.ExecutableSchema, limits Limits) *executor.Executor {
	cache := newDocuments()
	bounds := documentBounds()
	exec := executor.New(es)
	exec.SetQueryCache(cache)
	exec.SetParserTokenLimit(bounds.tokens)
	exec.SetDisableSuggestion(true)
	exec.SetDefaultRulesFn(rulesWithoutSuggestions)
	exec.SetErrorPresenter(s.presenter.present)
	exec.SetRecoverFunc(s.presenter.recovered)
	exec.Use(guard{bounds: bounds, documents: cache})
	exec.Use(s.access)
	exec.Use(&meter{schema: es.Schema(), limits: limits, budget: newBudget(limits.CostPerMinute, s.now)})
	exec.AroundResponses(tellCost)
	return exec
}

// rulesWithoutSuggestions are the rules of validation without those that answer a slip of the pen with names of the
// schema. SetDisableSuggestion mends only some of them.
func rulesWithoutSuggestions() *rules.Rules {
	all := rules.NewDefaultRules()
	all.ReplaceRule(rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions.RuleFunc)
	return all
}

// times are the patience of a server.
type times struct {
	operation time.Duration // for a query or mutation as a whole
	init      time.Duration // for connection_init
	ping      time.Duration // between pings, and for the answer
	write     time.Duration // for one message to be taken
	close     time.Duration // for a closing socket to be answered
}

func defaultTimes() times {
	return times{
		operation: 10 * time.Second, init: 5 * time.Second, ping: 15 * time.Second,
		write: 5 * time.Second, close: time.Second,
	}
}

// ServeHTTP answers POST and websocket requests, and nothing else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, media: media{contentType: typeJSON}, requestID: newRequestID()}
	w.Header().Set("X-Request-Id", x.requestID)
	switch {
	case !s.origins.Allow(r):
		x.fail(http.StatusForbidden, &failure{code: codeForbidden, message: "pages of this origin may not use the API"})
	case r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		s.socket(x)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		x.fail(http.StatusMethodNotAllowed, badInput("requests are sent by POST: addresses end up in logs"))
	default:
		s.post(x)
	}
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap()
}

// callerOf is the key of a principal among all tenants: one token, or all viewer tokens of one user.
func callerOf(p *auth.Principal) string {
	return fmt.Sprintf("%d/%s", p.Tenant.Number, p.Subject)
}
