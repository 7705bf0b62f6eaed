package resolvers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

var errPanicked = errors.New("a subscription panicked")

// contained makes an error of a panic: a subscription runs beside the operation that began it, where nobody else
// recovers it.
func contained(stream func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanicked, panicked, debug.Stack())
		}
	}()
	return stream()
}

// pump sends what next gives until it fails or the context ends.
func pump[T any](ctx context.Context, to chan<- T, next func(context.Context) (T, error)) error {
	for {
		value, err := next(ctx)
		if err != nil {
			return err
		}
		if err := send(ctx, to, value); err != nil {
			return err
		}
	}
}

// send waits for the reader: nothing is buffered here.
func send[T any](ctx context.Context, to chan<- T, value T) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case to <- value:
		return nil
	}
}

// endWith makes an error the last message of a subscription, unless the subscription itself has ended. A panic is told
// all the same: what is no error for callers is logged on its way to them.
func (r *Resolver) endWith(ctx context.Context, err error) {
	if ctx.Err() == nil || errors.Is(err, errPanicked) {
		r.Operation.End(ctx, err)
	}
}
