package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// longestInterval is how rarely a quiet feed is polled.
	longestInterval = 10 * time.Minute
	// firstBackoff and longestBackoff bound the wait after failures that may pass by themselves.
	firstBackoff   = time.Second
	longestBackoff = 5 * time.Minute
	// personBackoff is the wait after failures that only a person can mend.
	personBackoff = 10 * time.Minute
	// throttled is the wait when a vendor throttles without saying for how long, longestThrottle the longest one.
	throttled       = time.Minute
	longestThrottle = time.Hour
)

// nextInterval halves a polling interval when activities flow and lengthens it when it is quiet, within bounds.
func nextInterval(present time.Duration, flowing bool, floor time.Duration) time.Duration {
	switch {
	case present == 0:
		present = floor
	case flowing:
		present /= 2
	default:
		present += present / 2
	}
	return within(present.Round(time.Millisecond), floor)
}

// within holds the time between two polls to its bounds.
func within(interval, floor time.Duration) time.Duration {
	return min(max(interval, floor), max(longestInterval, floor))
}

// jitter spreads a delay by a tenth to both sides, so that integrations do not run in step.
func jitter(delay time.Duration) time.Duration {
	return delay + time.Duration((rand.Float64()-0.5)*0.2*float64(delay)) //nolint:gosec // spreads load, hides nothing
}

// errOurs marks what is not the vendor's failure: the database's, for instance.
var errOurs = errors.New("our own failure")

func ours(err error) error {
	if _, vendors := errors.AsType[*connector.Failure](err); err == nil || vendors {
		return err
	}
	return fmt.Errorf("%w: %w", errOurs, err)
}

// failed says when a fetch goes on after a failure.
func (e *Engine) failed(fetch audit.Fetch, err error) audit.FetchEnd {
	if errors.Is(err, errOurs) {
		failures := fetch.Failures + 1
		return audit.FetchEnd{Reason: audit.ReasonBacklog, Failures: failures, PollInterval: fetch.PollInterval, Delay: jitter(backoff(failures))}
	}
	class := connector.ClassOf(err)
	end := audit.FetchEnd{Reason: class.Reason(), Failures: fetch.Failures + 1, PollInterval: fetch.PollInterval}
	switch class {
	case connector.RateLimited:
		end.Failures = fetch.Failures
		if connector.UntilOf(err).IsZero() {
			end.Delay = throttled
		}
	case connector.CredentialsRefused, connector.ConfigurationWrong, connector.AddressRefused:
		end.Delay = jitter(min(backoff(end.Failures)*8, personBackoff))
	case connector.StateRefused:
		end.ForgetState = true
		end.Delay = backoff(end.Failures)
	case connector.TryLater, connector.Malformed:
		end.Delay = jitter(backoff(end.Failures))
	}
	if until := connector.UntilOf(err); !until.IsZero() {
		// Who says when to come back throttles, whatever the class. A little later than asked, never earlier; and no
		// other fetch of the account before.
		asked := min(max(until.Sub(e.options.Now()), 0), longestThrottle) + 100*time.Millisecond
		end.Reason, end.Delay = audit.ReasonRateLimited, max(end.Delay, asked)
	}
	return end
}

// backoff doubles with every failure in a row.
func backoff(failures int) time.Duration {
	return min(firstBackoff<<min(max(failures-1, 0), 16), longestBackoff)
}
