package resolvers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// line is a live feed of a few messages, which then fails or waits.
type line struct {
	messages int
	fail     error // nil: wait for the end of the context
	closed   bool
}

func (l *line) Follow(context.Context, audit.View, *audit.Filter, *string, *time.Time) (Feed, error) {
	return l, nil
}

func (l *line) Watch(ctx context.Context, _ audit.View, _ []string, send func(*audit.Integration) error) error {
	for range l.messages {
		if err := send(&audit.Integration{}); err != nil {
			return err
		}
	}
	_, err := l.Next(ctx)
	return err
}

func (l *line) Next(ctx context.Context) (*audit.LiveMessage, error) {
	if l.messages--; l.messages >= 0 {
		return &audit.LiveMessage{}, nil
	}
	if l.fail != nil {
		return nil, l.fail
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (l *line) Close() { l.closed = true }

func TestSubscriptionEndsWithItsError(t *testing.T) {
	t.Parallel()
	slow := &audit.TooSlowError{Cursor: "c"}
	r := newRig()
	feed := &line{messages: 3, fail: slow}
	r.Live = feed
	messages, err := r.Subscription().ActivityRecorded(caller(t), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if count := drain(messages); count != 3 || !feed.closed {
		t.Errorf("%d messages, feed closed: %v, want 3 and the feed closed", count, feed.closed)
	}
	if len(r.ended) != 1 || !errors.Is(r.ended[0], slow) {
		t.Errorf("ended with %v, want the feed's error once", r.ended)
	}
	r.Live = &line{fail: errBroken}
	changed, err := r.Subscription().IntegrationChanged(caller(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if count := drain(changed); count != 0 || len(r.ended) != 2 || !errors.Is(r.ended[1], errBroken) {
		t.Errorf("%d integrations, ended with %v", count, r.ended)
	}
}

func drain[T any](c <-chan T) (count int) {
	for range c {
		count++
	}
	return count
}

// TestSubscriptionThatIsLeftEndsQuietly: the reader goes away, in the middle of a message or between two.
func TestSubscriptionThatIsLeftEndsQuietly(t *testing.T) {
	t.Parallel()
	for what, count := range map[string]int{"between two messages": 0, "with a message in hand": 5} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			feed := &line{messages: count}
			r.Live = feed
			ctx, leave := context.WithCancel(caller(t))
			messages, err := r.Subscription().ActivityRecorded(ctx, nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Live = &line{messages: count}
			changed, err := r.Subscription().IntegrationChanged(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			leave()
			synctest.Wait()
			if drain(messages)+drain(changed) > 0 || !feed.closed || len(r.ended) > 0 {
				t.Errorf("%s: feed closed: %v, ended with %v, want closed and without a word", what, feed.closed, r.ended)
			}
		})
	}
}
