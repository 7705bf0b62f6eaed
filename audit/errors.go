package audit

import (
	"errors"
	"fmt"
)

// Errors that callers may see. Everything else is our fault and is shown as such.
var (
	// ErrNotFound: not there, or not visible under the View.
	ErrNotFound = errors.New("not found")
	// ErrTaken: the name exists already.
	ErrTaken = errors.New("exists already")
	// ErrCursor: a cursor is broken, or belongs to another filter, order or tenant.
	ErrCursor = errors.New("the cursor is broken, or belongs to another filter, order or tenant")
	// ErrTimeout: a query did not finish in its time.
	ErrTimeout = errors.New("the query did not finish in its time: narrow the filter")
	// ErrUnavailable: starting, stopping or without a database.
	ErrUnavailable = errors.New("the service is not available at the moment")
	// ErrFenced: another replica has taken the work over.
	ErrFenced = errors.New("the lease is held by another")

	errHostBits = errors.New("host bits are set")
)

// ArgumentError says which argument is wrong, and what would be right.
type ArgumentError struct {
	Argument string // dotted path from the root field: `activities.filter.ip.in`
	Message  string // one sentence without the argument's name
}

func (e *ArgumentError) Error() string { return e.Argument + ": " + e.Message }

// BadArgument makes an ArgumentError.
func BadArgument(argument, format string, args ...any) error {
	return &ArgumentError{Argument: argument, Message: fmt.Sprintf(format, args...)}
}

// TooSlowError ends a subscription whose reader cannot follow.
type TooSlowError struct {
	Cursor string // where to resume
}

func (e *TooSlowError) Error() string {
	return "the reader is too slow for this feed: resume behind the cursor"
}
