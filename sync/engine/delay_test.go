package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/sync/connector"
)

func TestNextInterval(t *testing.T) {
	t.Parallel()
	const floor = 15 * time.Second
	tests := []struct {
		what    string
		present time.Duration
		flowing bool
		floor   time.Duration
		want    time.Duration
	}{
		{"the first is the shortest", 0, false, floor, floor},
		{"activities flow", 4 * time.Minute, true, floor, 2 * time.Minute},
		{"activities flow at the floor", 20 * time.Second, true, floor, floor},
		{"it is quiet", 4 * time.Minute, false, floor, 6 * time.Minute},
		{"it is quiet for long", 8 * time.Minute, false, floor, 10 * time.Minute},
		{"it stays quiet", 10 * time.Minute, false, floor, 10 * time.Minute},
		{"the operator has raised the floor", 15 * time.Second, true, time.Minute, time.Minute},
		{"the floor is above the longest", 10 * time.Minute, false, time.Hour, time.Hour},
	}
	for _, test := range tests {
		if got := nextInterval(test.present, test.flowing, test.floor); got != test.want {
			t.Errorf("%s: %s becomes %s, want %s", test.what, test.present, got, test.want)
		}
	}
}

// TestPollsStayWithinTheirBounds: whatever has happened, the time between two polls does.
func TestPollsStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		floor := time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "floor"))
		e := newEngine(nil, nil, Options{PollFloor: floor, Now: time.Now})
		w := &walk{engine: e, fetch: audit.Fetch{Kind: audit.FetchLive}}
		for range rapid.IntRange(1, 30).Draw(t, "polls") {
			w.recorded = rapid.IntRange(0, 1).Draw(t, "recorded")
			end := w.rest()
			for what, got := range map[string]time.Duration{"interval": end.PollInterval, "delay": end.Delay} {
				if got < floor || got > max(longestInterval, floor) {
					t.Fatalf("%s %s with a floor of %s", what, got, floor)
				}
			}
			if apart := (end.Delay - end.PollInterval).Abs(); apart > end.PollInterval/10 {
				t.Fatalf("delay %s is %s apart from the interval %s", end.Delay, apart, end.PollInterval)
			}
			w.fetch.PollInterval = end.PollInterval
		}
	})
}

func TestJitterSpreads(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 100 {
		got := jitter(time.Minute)
		if got < 54*time.Second || got > 66*time.Second {
			t.Fatalf("a minute became %s, want a tenth to each side at most", got)
		}
		seen[got] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different delays of 100", len(seen))
	}
}

func TestWhatFollowsAFailure(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	e := newEngine(nil, nil, Options{Now: func() time.Time { return now }})
	broken := errors.New("broken")
	until := func(class connector.Class, at time.Time) error {
		return fmt.Errorf("fetching a page: %w", &connector.Failure{Class: class, Until: at, Err: broken})
	}
	seconds := func(from, to float64) [2]time.Duration {
		return [2]time.Duration{time.Duration(from * float64(time.Second)), time.Duration(to * float64(time.Second))}
	}
	tests := []struct {
		what     string
		err      error
		failures int // before
		reason   audit.HealthReason
		after    int
		hold     bool
		forget   bool
		delay    [2]time.Duration
	}{
		{"an error without a class", broken, 0, audit.ReasonVendorUnavailable, 1, false, false, seconds(0.9, 1.1)},
		{"the fourth in a row", broken, 3, audit.ReasonVendorUnavailable, 4, false, false, seconds(7.2, 8.8)},
		{"after a week", broken, 5000, audit.ReasonVendorUnavailable, 5001, false, false, seconds(270, 330)},
		{"our database is away", ours(fmt.Errorf("recording: %w", audit.ErrUnavailable)), 0, audit.ReasonBacklog, 1, false, false, seconds(0.9, 1.1)},
		{"something of ours is broken", ours(fmt.Errorf("recording: %w", broken)), 3, audit.ReasonBacklog, 4, false, false, seconds(7.2, 8.8)},
		{"settings that cannot be opened", ours(connector.Fail(connector.ConfigurationWrong, broken)), 0, audit.ReasonConfigurationWrong, 1, false, false, seconds(7.2, 8.8)},
		{"no audit log", connector.Fail(connector.Malformed, broken), 0, audit.ReasonUnexpectedAnswer, 1, false, false, seconds(0.9, 1.1)},
		{"a refused token", connector.Fail(connector.CredentialsRefused, broken), 0, audit.ReasonCredentialsRefused, 1, false, false, seconds(7.2, 8.8)},
		{"a token that stays refused", connector.Fail(connector.CredentialsRefused, broken), 40, audit.ReasonCredentialsRefused, 41, false, false, seconds(540, 660)},
		{"a wrong setting", connector.Fail(connector.ConfigurationWrong, broken), 40, audit.ReasonConfigurationWrong, 41, false, false, seconds(540, 660)},
		{"a refused address", connector.Fail(connector.AddressRefused, broken), 0, audit.ReasonAddressRefused, 1, false, false, seconds(7.2, 8.8)},
		{"a forgotten position", connector.Fail(connector.StateRefused, broken), 0, audit.ReasonVendorUnavailable, 1, false, true, seconds(1, 1)},
		{"a silent limit", until(connector.RateLimited, time.Time{}), 3, audit.ReasonRateLimited, 3, true, false, seconds(60, 60)},
		{"a limit", until(connector.RateLimited, now.Add(30*time.Second)), 3, audit.ReasonRateLimited, 3, true, false, seconds(30.001, 31)},
		{"a limit that has passed", until(connector.RateLimited, now.Add(-time.Hour)), 0, audit.ReasonRateLimited, 0, true, false, seconds(0.001, 1)},
		{"a limit of an hour", until(connector.RateLimited, now.Add(time.Hour)), 0, audit.ReasonRateLimited, 0, true, false, seconds(3600.001, 3601)},
		{"a limit of a year", until(connector.RateLimited, now.AddDate(1, 0, 0)), 0, audit.ReasonRateLimited, 0, true, false, seconds(3600, 3601)},
		{"an error that says when", until(connector.TryLater, now.Add(30*time.Second)), 0, audit.ReasonRateLimited, 1, true, false, seconds(30.001, 31)},
		{"an error that says soon, after many", until(connector.TryLater, now.Add(time.Second)), 20, audit.ReasonRateLimited, 21, true, false, seconds(270, 330)},
	}
	for _, test := range tests {
		end := e.failed(audit.Fetch{Failures: test.failures, PollInterval: time.Minute}, test.err)
		if end.Delay < test.delay[0] || end.Delay > test.delay[1] {
			t.Errorf("%s: delay %s, want %s to %s", test.what, end.Delay, test.delay[0], test.delay[1])
		}
		end.Delay = 0
		want := audit.FetchEnd{
			Reason: test.reason, Failures: test.after, ForgetState: test.forget, PollInterval: time.Minute,
		}
		if end != want || (end.Reason == audit.ReasonRateLimited) != test.hold {
			t.Errorf("%s: %+v, want %+v, all held: %v", test.what, end, want, test.hold)
		}
	}
}

// TestNeverEarlierThanAsked: what a vendor asks for within an hour is kept, whatever else is waited for.
func TestNeverEarlierThanAsked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	e := newEngine(nil, nil, Options{Now: func() time.Time { return now }})
	rapid.Check(t, func(t *rapid.T) {
		asked := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "asked"))
		class := connector.Class(rapid.IntRange(int(connector.TryLater), int(connector.StateRefused)).Draw(t, "class"))
		failure := &connector.Failure{Class: class, Until: now.Add(asked), Err: errors.New("later")}
		end := e.failed(audit.Fetch{Failures: rapid.IntRange(0, 100).Draw(t, "failures")}, failure)
		if end.Delay <= asked || end.Delay < 0 || end.Reason != audit.ReasonRateLimited {
			t.Fatalf("asked to wait for %s, waits for %s because of %s", asked, end.Delay, end.Reason)
		}
	})
}

func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	before := time.Duration(0)
	for failures := 1; failures < 12; failures++ {
		got := backoff(failures)
		if want := min(max(2*before, firstBackoff), longestBackoff); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
		before = got
	}
	for _, failures := range []int{-1, 0, 1 << 40} {
		if got := backoff(failures); got < firstBackoff || got > longestBackoff {
			t.Errorf("after %d failures %s", failures, got)
		}
	}
}
