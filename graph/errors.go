package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"annals/audit"
)

// code is the machine-readable part of an error: the values of the schema's enum ErrorCode.
type code string

const (
	codeUnauthenticated  code = "UNAUTHENTICATED"
	codeForbidden        code = "FORBIDDEN"
	codeBadUserInput     code = "BAD_USER_INPUT"
	codeParseFailed      code = "GRAPHQL_PARSE_FAILED"
	codeValidationFailed code = "GRAPHQL_VALIDATION_FAILED"
	codeTooComplex       code = "QUERY_TOO_COMPLEX"
	codeTimeout          code = "QUERY_TIMEOUT"
	codeCursorInvalid    code = "CURSOR_INVALID"
	codeTooSlow          code = "TOO_SLOW"
	codeRateLimited      code = "RATE_LIMITED"
	codePersisted        code = "PERSISTED_QUERY_NOT_SUPPORTED"
	codeUnavailable      code = "UNAVAILABLE"
	codeInternal         code = "INTERNAL"
)

// failure is an error that callers may see, with all that they may see of it.
type failure struct {
	code       code
	message    string
	retryable  bool
	retryAfter int    // seconds, 0 for none
	argument   string // dotted path from the root field
	cursor     string // where to resume
}

func (f *failure) Error() string { return string(f.code) + ": " + f.message }

// extensions are those of rule R10: nothing else leaves with an error.
func (f *failure) extensions(requestID string) map[string]any {
	shown := map[string]any{"code": string(f.code), "requestId": requestID}
	if f.retryable {
		shown["retryable"] = true
	}
	if f.retryAfter > 0 {
		shown["retryAfter"] = f.retryAfter
	}
	if f.argument != "" {
		shown["argument"] = f.argument
	}
	if f.cursor != "" {
		shown["cursor"] = f.cursor
	}
	return shown
}

// response is the answer to a request that fails as a whole.
func (f *failure) response(requestID string) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{{Message: f.message, Extensions: f.extensions(requestID)}}}
}

func tooComplex(format string, args ...any) error {
	return &failure{code: codeTooComplex, message: fmt.Sprintf(format, args...)}
}

func badInput(message string) *failure {
	return &failure{code: codeBadUserInput, message: message}
}

func internal() *failure {
	return &failure{code: codeInternal, message: "something went wrong on our side: quote the requestId"}
}

func unavailable() *failure {
	return &failure{code: codeUnavailable, message: audit.ErrUnavailable.Error(), retryable: true}
}

func timedOut() *failure {
	return &failure{code: codeTimeout, message: audit.ErrTimeout.Error(), retryable: true}
}

// parseFailure shows what the parser says of a document.
func parseFailure(err error) error {
	f := &failure{code: codeParseFailed, message: "the document does not parse"}
	if parse, ok := errors.AsType[*gqlerror.Error](err); ok {
		f.message = located(parse)
	}
	return f
}

// asRefusal carries a failure through gqlgen's extension points, which know only its own error type.
func asRefusal(err error) *gqlerror.Error { return &gqlerror.Error{Err: err, Message: err.Error()} }

// presenter makes the errors of an answer. It is an allow-list: what it does not know is logged and shown as INTERNAL.
type presenter struct {
	log *slog.Logger
}

// present makes a fresh error on every call: gqlgen fills in paths, and a shared value would keep those of the first.
func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	requestID := operationFrom(ctx).requestID
	shown := p.show(ctx, err)
	if shown == nil {
		p.log.ErrorContext(ctx, "resolving failed", "request_id", requestID, "field", fieldPath(ctx), "error", err)
		shown = internal()
	}
	return &gqlerror.Error{Message: shown.message, Path: responsePath(ctx, err), Extensions: shown.extensions(requestID)}
}

// show translates an error that callers may see, nil for any other.
func (p presenter) show(ctx context.Context, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if f := showDomain(err); f != nil {
		return f
	}
	if err, ok := errors.AsType[*gqlerror.Error](err); ok {
		return showInput(ctx, err)
	}
	return nil
}

func showDomain(err error) *failure {
	if e, ok := errors.AsType[*audit.ArgumentError](err); ok {
		return &failure{code: codeBadUserInput, message: e.Error(), argument: e.Argument}
	}
	if e, ok := errors.AsType[*audit.TooSlowError](err); ok {
		return &failure{code: codeTooSlow, message: e.Error(), cursor: e.Cursor, retryable: true}
	}
	switch {
	case errors.Is(err, audit.ErrCursor):
		return &failure{code: codeCursorInvalid, message: audit.ErrCursor.Error()}
	case errors.Is(err, audit.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return timedOut()
	case errors.Is(err, audit.ErrUnavailable), errors.Is(err, context.Canceled):
		return unavailable() // nobody waits for the answer of a cancelled request, except at shutdown
	}
	return nil
}

// showInput translates what gqlgen and gqlparser say of documents, variables and arguments, nil for anything else.
func showInput(ctx context.Context, err *gqlerror.Error) *failure {
	if names, ok := belowField(ctx, err.Path); ok {
		return badArgument(strings.Join(append(fieldNames(ctx), names...), "."), err.Message)
	}
	switch err.Extensions["code"] {
	case errcode.ParseFailed:
		return &failure{code: codeParseFailed, message: located(err)}
	case errcode.ValidationFailed:
		if len(err.Path) > 1 && err.Path[0] == ast.PathName("variable") {
			return badArgument(argumentOf(graphql.GetOperationContext(ctx), pathNames(err.Path[1:])), err.Message)
		}
		return &failure{code: codeValidationFailed, message: located(err)}
	}
	return nil
}

func badArgument(argument, message string) *failure {
	return &failure{code: codeBadUserInput, message: argument + ": " + short(message), argument: argument}
}

// belowField returns the argument's part of an error's path. Only the reading of arguments gives an error a path that is
// longer than that of the field it is added to.
func belowField(ctx context.Context, path ast.Path) ([]string, bool) {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return nil, false
	}
	if own := len(field.Path()); len(path) > own {
		return pathNames(path[own:]), true
	}
	return nil, false
}

// pathNames are the names of a path without its list positions.
func pathNames(path ast.Path) []string {
	var names []string
	for _, element := range path {
		if name, ok := element.(ast.PathName); ok {
			names = append(names, string(name))
		}
	}
	return names
}

// fieldNames are the names of a field and the fields above it, from the root; aliases are the client's affair.
func fieldNames(ctx context.Context) []string {
	var names []string
	for field := graphql.GetFieldContext(ctx); field != nil; field = field.Parent {
		if field.Field.Field != nil {
			names = append([]string{field.Field.Name}, names...)
		}
	}
	return names
}

func fieldPath(ctx context.Context) string { return strings.Join(fieldNames(ctx), ".") }

// responsePath is the place in the answer that an error belongs to, nil for the whole. An error of a batch names its own
// element; one of an argument goes on into the request.
func responsePath(ctx context.Context, err error) ast.Path {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return nil
	}
	own := field.Path()
	if err, ok := errors.AsType[*gqlerror.Error](err); ok && len(err.Path) == len(own) {
		return err.Path
	}
	return own
}

// located is the message of an error with its place, since answers carry no other.
func located(err *gqlerror.Error) string {
	message := short(err.Message)
	if len(err.Locations) == 0 {
		return message
	}
	return fmt.Sprintf("%s (line %d, column %d)", message, err.Locations[0].Line, err.Locations[0].Column)
}

const maxErrorText = 300 // bytes

// short cuts a message that quotes the request.
func short(message string) string {
	if len(message) <= maxErrorText {
		return message
	}
	cut := maxErrorText
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + "…"
}

// recovered makes an error of a panic, which is logged with its stack.
func (p presenter) recovered(ctx context.Context, panicked any) error {
	p.log.ErrorContext(ctx, "resolver panicked", "request_id", operationFrom(ctx).requestID, "field", fieldPath(ctx),
		"panic", short(fmt.Sprint(panicked)), "stack", string(debug.Stack()))
	return internal()
}
