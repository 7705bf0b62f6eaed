package connectortest

import (
	"errors"
	"slices"
	"time"

	"annals/simulator"
	"annals/sync/connector"
)

// waits are what the engine does before it asks again.
const (
	backOff    = 15 * time.Second
	untold     = time.Minute      // under a rate limit that does not say
	forPersons = 15 * time.Minute // until someone may have changed a setting
)

// recover does what a failure asks of the engine, and checks that the fault at hand explains it.
func (r *run) recover(request *connector.Request, err error) {
	r.Helper()
	r.account.conceals(r, "the error", err.Error())
	class := connector.ClassOf(err)
	if !slices.Contains(r.allowed(), class) {
		r.Fatalf("the fault does not explain the failure %s: %v", class.Reason(), err)
	}
	switch class {
	case connector.TryLater:
		r.pass(backOff)
	case connector.RateLimited:
		r.pass(r.wait(err))
	case connector.StateRefused:
		r.restart(request)
	case connector.CredentialsRefused, connector.ConfigurationWrong, connector.Malformed, connector.AddressRefused:
		r.pass(forPersons)
	}
}

// wait is as long as the vendor said.
func (r *run) wait(err error) time.Duration {
	r.Helper()
	failure, ok := errors.AsType[*connector.Failure](err)
	if !ok || failure.Until.IsZero() {
		if len(r.kinds) == 1 && r.kinds[0] != simulator.TooManySilent {
			r.Errorf("the vendor said when to come back, the failure does not: %v", err)
		}
		return untold
	}
	wait := failure.Until.Sub(r.clock.now())
	if wait <= 0 {
		r.Errorf("the rate limit is over before it begins, at %v: %v", failure.Until, err)
	}
	return wait
}

// restart begins the window anew, or the live feed's overlap.
func (r *run) restart(request *connector.Request) {
	request.State = nil
	if request.Window == nil && !r.completeThrough.IsZero() {
		request.Since = r.completeThrough.Add(-time.Duration(r.feed.Overlap))
	}
}

// allowed are the failures that the faults of the run explain.
func (r *run) allowed() []connector.Class {
	var classes []connector.Class
	for _, fault := range r.kinds {
		switch fault {
		case simulator.TooManyRequests, simulator.TooManySilent, simulator.LimitedAs403:
			classes = append(classes, connector.RateLimited)
		case simulator.TokenExpired:
			classes = append(classes, connector.CredentialsRefused)
		case simulator.ServerError, simulator.CutBody:
			classes = append(classes, connector.TryLater)
		case simulator.CursorRefused:
			classes = append(classes, connector.StateRefused)
		case simulator.NextElsewhere:
			classes = append(classes, connector.AddressRefused, connector.ConfigurationWrong, connector.Malformed)
		default: // the others are no reason to fail
		}
	}
	return classes
}
