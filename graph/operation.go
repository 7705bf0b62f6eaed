package graph

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"annals/audit"
	"annals/auth"
)

// operation is what this package knows of the operation that a context belongs to.
type operation struct {
	server    *Server
	principal *auth.Principal
	requestID string
	begun     time.Time

	asked   sync.Once // for the view
	view    audit.View
	viewErr error

	cost    int   // once it is priced
	charged *Cost // once it is paid for, until an answer has told it

	mu    sync.Mutex
	ended error // of a subscription
}

// Cost is `extensions.cost` of an answer.
type Cost struct {
	Requested int `json:"requested"` // of this operation
	Available int `json:"available"` // left in the token's budget
	PerMinute int `json:"perMinute"` // comes back
}

type operationKey struct{}

// operationFrom returns the operation of a context. To ask outside of one is a programmer's mistake, and panics.
func operationFrom(ctx context.Context) *operation {
	return ctx.Value(operationKey{}).(*operation)
}

// begin gives a context its operation and its principal.
func (s *Server) begin(ctx context.Context, principal *auth.Principal, requestID string) context.Context {
	current := &operation{
		server: s, principal: principal, requestID: requestID, begun: s.now(),
		viewErr: errNoView,
	}
	ctx = context.WithValue(auth.NewContext(ctx, principal), operationKey{}, current)
	return graphql.StartOperationTrace(ctx)
}

// errNoView stays when making the view panicked: its zero value must not be taken for one.
var errNoView = errors.New("the operation has no view")

// ViewFrom returns what the operation of a context may see. All its fields share one view, so that they add up; it is made
// when the first of them asks.
func ViewFrom(ctx context.Context) (audit.View, error) {
	current := operationFrom(ctx)
	current.asked.Do(func() { current.view, current.viewErr = current.server.views.View(ctx, current.principal) })
	return current.view, current.viewErr
}

// EndSubscription makes err the last message of the subscription that a context belongs to; the resolver closes its
// channel after it. Without it a closed channel ends the subscription in good order.
func EndSubscription(ctx context.Context, err error) {
	current := operationFrom(ctx)
	current.mu.Lock()
	defer current.mu.Unlock()
	current.ended = err
}

func (o *operation) endedBy() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// newRequestID makes the id that leads from an answer to its lines in the log.
func newRequestID() string { return rand.Text() }

// maxErrors bounds the errors of a refused request: a document can be wrong in a thousand places.
const maxErrors = 10

// prepare parses, checks and charges an operation. A response is its refusal.
func (s *Server) prepare(ctx context.Context, params *graphql.RawParams) (_ *graphql.OperationContext, refusal *graphql.Response) {
	defer s.recovering(ctx, &refusal)
	prepared, errs := s.executor.CreateOperationContext(ctx, params)
	if len(errs) == 0 {
		return prepared, nil
	}
	errs = errs[:min(len(errs), maxErrors)]
	if errs[0].Message == "operation "+params.OperationName+" not found" { // gqlgen's words, odd without a name
		errs = gqlerror.List{asRefusal(noOperation(params.OperationName))}
	}
	return prepared, s.executor.DispatchError(graphql.WithOperationContext(ctx, prepared), errs)
}

func noOperation(name string) *failure {
	if name == "" {
		return &failure{code: codeValidationFailed, message: "the document has several operations: operationName must say which one"}
	}
	return &failure{code: codeValidationFailed, message: "the document has no operation of the name that operationName says"}
}

// execute runs a query or a mutation to its end.
func (s *Server) execute(ctx context.Context, prepared *graphql.OperationContext) (response *graphql.Response) {
	ctx, cancel := context.WithTimeout(ctx, s.times.operation)
	defer cancel()
	defer s.recovering(ctx, &response)
	next, ctx := s.executor.DispatchOperation(ctx, prepared)
	if response = next(ctx); response == nil {
		return timedOut().response(operationFrom(ctx).requestID)
	}
	return response
}

// recovering answers for a panic outside of resolvers; gqlgen recovers those inside.
func (s *Server) recovering(ctx context.Context, response **graphql.Response) {
	if panicked := recover(); panicked != nil {
		_ = s.presenter.recovered(ctx, panicked)
		*response = internal().response(operationFrom(ctx).requestID)
	}
}

// tellCost puts the cost of an operation into its answer, that of a subscription into its first message.
func tellCost(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if current := operationFrom(ctx); current.charged != nil {
		graphql.RegisterExtension(ctx, "cost", current.charged)
		current.charged = nil
	}
	return next(ctx)
}

// report writes the line of an operation into the log: never its text, its variables or its token.
func (s *Server) report(ctx context.Context, prepared *graphql.OperationContext, status string) {
	current := operationFrom(ctx)
	var name, kind string
	if prepared != nil && prepared.Operation != nil {
		name, kind = prepared.Operation.Name, string(prepared.Operation.Operation)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "operation",
		slog.String("name", name[:min(len(name), maxLoggedName)]), // the grammar allows letters, digits and _ alone
		slog.String("kind", kind),
		slog.Int("cost", current.cost),
		slog.String("status", status),
		slog.Duration("duration", s.now().Sub(current.begun)),
		slog.String("request_id", current.requestID),
		slog.String("tenant", strconv.FormatInt(int64(current.principal.Tenant.Number), 10)),
		slog.String("subject", pseudonym(current.principal.Subject)),
	)
}

const maxLoggedName = 64

// pseudonym stands for a subject in the log: lines of one caller can be told together without its name.
func pseudonym(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return hex.EncodeToString(sum[:6])
}

// statusOf is the word of an answer in the log: the code of its first error.
func statusOf(response *graphql.Response) string {
	if len(response.Errors) == 0 {
		return statusOK
	}
	return string(codeOf(response))
}

const statusOK = "OK"

// codeOf is the code of an answer's first error, empty when it has none.
func codeOf(response *graphql.Response) code {
	if len(response.Errors) == 0 {
		return ""
	}
	text, _ := response.Errors[0].Extensions["code"].(string)
	return code(text)
}
