package resolvers

import "context"

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

// endWith makes an error the last message of a subscription, unless the subscription itself has ended.
func (r *Resolver) endWith(ctx context.Context, err error) {
	if ctx.Err() == nil {
		r.Operation.End(ctx, err)
	}
}
