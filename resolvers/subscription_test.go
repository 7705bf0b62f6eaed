package resolvers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// line is a live feed of a few messages, which then fails or waits.
type line struct {
	messages int
	fail     error // nil: wait for the end of the context
	panics   any   // nil: do not
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
	if l.panics != nil {
		panic(l.panics)
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

// TestSubscriptionThatPanics: it ends with an error that no caller may see, its stack in it for the log, and the process
// goes on. A panic with an error that callers may see is none of those.
func TestSubscriptionThatPanics(t *testing.T) {
	t.Parallel()
	for _, panics := range []any{"canary", fmt.Errorf("canary: %w", audit.ErrCursor)} {
		r := newRig()
		feed := &line{messages: 2, panics: panics}
		r.Live = feed
		messages, err := r.Subscription().ActivityRecorded(caller(t), nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if count := drain(messages); count != 2 || !feed.closed {
			t.Errorf("%d messages, feed closed: %v, want 2 and the feed closed", count, feed.closed)
		}
		r.Live = &line{panics: panics}
		changed, err := r.Subscription().IntegrationChanged(caller(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if count := drain(changed); count != 0 || len(r.ended) != 2 {
			t.Fatalf("%d integrations, ended with %v", count, r.ended)
		}
		for _, err := range r.ended {
			if text := err.Error(); !strings.Contains(text, "canary") || !strings.Contains(text, "subscription_test.go") || errors.Is(err, audit.ErrCursor) {
				t.Errorf("ended with %v", err)
			}
		}
	}
}

// TestSubscriptionThatPanicsUnheard: a panic is told for the log even when the reader has gone.
func TestSubscriptionThatPanicsUnheard(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Live = &line{panics: "canary"}
	ctx, leave := context.WithCancel(caller(t))
	leave()
	messages, err := r.Subscription().ActivityRecorded(ctx, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if drain(messages) > 0 || len(r.ended) != 1 {
		t.Errorf("ended with %v, want the panic", r.ended)
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
