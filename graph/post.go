package graph

import (
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"annals/audit"
	"annals/auth"
)

// Largest bodies of requests.
const (
	maxBodyBytes  = 256 << 10
	maxWriteBytes = 4 << 20 // with activities:write, for recordActivities
)

// exchange is one HTTP request and its answer.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	media     media
	requestID string
}

// fail answers with a status and nothing but one error.
func (x *exchange) fail(status int, f *failure) {
	if f.retryAfter > 0 {
		x.w.Header().Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if status == http.StatusUnauthorized {
		x.w.Header().Set("WWW-Authenticate", "Bearer")
	}
	x.write(status, f.response(x.requestID), false)
}

func (x *exchange) write(status int, response *graphql.Response, executed bool) {
	e := wrap(response, executed)
	header := x.w.Header()
	header.Set("Content-Type", x.media.contentType+"; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(e.head)+len(response.Data)+len(e.tail)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	for _, part := range [][]byte{e.head, response.Data, e.tail} {
		if _, err := x.w.Write(part); err != nil {
			return // the client is gone
		}
	}
}

// post answers one GraphQL request of the GraphQL over HTTP draft.
func (s *Server) post(x *exchange) {
	var acceptable bool
	if x.media, acceptable = negotiate(x.r.Header.Values("Accept")); !acceptable {
		x.fail(http.StatusNotAcceptable, badInput("answers are "+typeResponse+" or "+typeJSON))
		return
	}
	principal, f := s.authenticate(x.r, single(x.r.Header.Values("Authorization")))
	if f != nil {
		x.fail(x.media.status(f.code), f)
		return
	}
	body, status, f := readBody(x.w, x.r, principal)
	if f != nil {
		x.fail(status, f)
		return
	}
	params, f := readParams(body)
	if f != nil {
		x.fail(malformed(x.media, f), f)
		return
	}
	s.answer(x, principal, params)
}

// answer runs the operation of a request.
func (s *Server) answer(x *exchange, principal *auth.Principal, params *graphql.RawParams) {
	ctx := s.begin(x.r.Context(), principal, x.requestID)
	prepared, refusal := s.prepare(ctx, params)
	if refusal == nil && prepared.Operation.Operation == ast.Subscription {
		refusal = badInput("subscriptions are offered over a websocket with " + subprotocol + " alone").response(x.requestID)
	}
	if refusal != nil {
		s.report(ctx, prepared, statusOf(refusal))
		x.refuse(refusal)
		return
	}
	response := s.execute(ctx, prepared)
	s.report(ctx, prepared, statusOf(response))
	if len(response.Data) == 0 {
		x.refuse(response) // it panicked or ran out of time as a whole
		return
	}
	x.write(x.executedStatus(response, prepared), response, true)
}

// refuse answers a request whose operation did not run.
func (x *exchange) refuse(refusal *graphql.Response) {
	if seconds, ok := refusal.Errors[0].Extensions["retryAfter"].(int); ok {
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	x.write(x.media.status(codeOf(refusal)), refusal, false)
}

// executedStatus is 200, also for an answer with errors, unless nothing at all could be answered for want of a database:
// proxies and load balancers understand 503 alone.
func (x *exchange) executedStatus(response *graphql.Response, prepared *graphql.OperationContext) int {
	fields := graphql.CollectFields(prepared, prepared.Operation.SelectionSet, nil)
	if len(response.Errors) < len(fields) || len(response.Errors) == 0 {
		return http.StatusOK
	}
	for _, err := range response.Errors {
		if err.Extensions["code"] != string(codeUnavailable) || len(err.Path) > 1 {
			return http.StatusOK
		}
	}
	return http.StatusServiceUnavailable
}

// malformed is the status of a request that is no GraphQL request: 400 whatever the client accepts, for nothing
// well-formed is answered.
func malformed(m media, f *failure) int {
	if f.code == codePersisted {
		return m.status(f.code)
	}
	return http.StatusBadRequest
}

// readBody reads a JSON body within the bound that holds for the principal.
func readBody(w http.ResponseWriter, r *http.Request, principal *auth.Principal) ([]byte, int, *failure) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := parameters["charset"]
	if err != nil || kind != typeJSON || given && !strings.EqualFold(charset, "utf-8") || r.Header.Get("Content-Encoding") != "" {
		return nil, http.StatusUnsupportedMediaType, badInput("requests are " + typeJSON + " in UTF-8, not compressed")
	}
	limit := int64(maxBodyBytes)
	if principal.Has(audit.ScopeActivitiesWrite) {
		limit = maxWriteBytes
	}
	tooLarge := badInput("the body has more than " + strconv.FormatInt(limit, 10) + " bytes")
	if r.ContentLength > limit {
		return nil, http.StatusRequestEntityTooLarge, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return nil, http.StatusRequestEntityTooLarge, tooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest, badInput("the body ended before it was complete")
	}
	return body, 0, nil
}

// single is the value of a header, empty when there is none or more than one.
func single(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// authenticate tells who the credentials of a request stand for.
func (s *Server) authenticate(r *http.Request, credentials string) (*auth.Principal, *failure) {
	principal, err := s.authenticator.Authenticate(r.Context(), credentials, s.remote(r))
	if err == nil {
		return principal, nil
	}
	if limited, ok := errors.AsType[*auth.RateLimitedError](err); ok {
		return nil, &failure{
			code: codeRateLimited, message: limited.Error(), retryable: true, retryAfter: int(math.Ceil(limited.RetryAfter.Seconds())),
		}
	}
	if errors.Is(err, auth.ErrUnauthenticated) {
		return nil, &failure{code: codeUnauthenticated, message: auth.ErrUnauthenticated.Error()}
	}
	s.log.ErrorContext(r.Context(), "authenticating failed", "error", err)
	return nil, unavailable()
}
