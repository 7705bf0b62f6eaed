// Package connectortest is the conformance suite of vendors' code: what every connector must hold against its vendor's
// simulator, whatever fault the simulator has. It drives Fetch the way the engine does, with crashes and repeats.
//
//	func TestConformance(t *testing.T) {
//		connectortest.Run(t, connectortest.Suite{
//			Registration: github.Registration,
//			Simulator: func(o simulator.Options) connectortest.Simulator { return simulator.NewGitHub(o) },
//			Settings: func(_ connectortest.Simulator, url string) map[string]any {
//				return map[string]any{"baseUrl": url, "token": "t", "organization": "example-org"}
//			},
//			Faults: []simulator.Fault{simulator.TooManyRequests, simulator.ShortPage},
//		})
//	}
//
// A test that calls Run or RunReceiver must not run beside others in its package: the suite looks for goroutines that
// are left over.
package connectortest

import (
	"net/http"
	"testing"
	"time"

	"annals/simulator"
	"annals/sync/connector"
)

// Simulator is a simulated vendor.
type Simulator interface {
	http.Handler
	// Generate makes the activity of a half-open time.
	Generate(from, to time.Time)
	// Items is all that a feed holds, whether it is visible already or not.
	Items(feed string) []simulator.Item
}

// Suite says what Run tests.
type Suite struct {
	Registration connector.Registration
	// Simulator makes the vendor. It is called anew for every run.
	Simulator func(simulator.Options) Simulator
	// Settings gives the integration's settings, secrets included, for a simulator that is served at url, without a
	// slash at its end.
	Settings func(s Simulator, url string) map[string]any
	// Faults are those that the simulator can have. Each must really happen in its run.
	Faults []simulator.Fault
	// Feeds limits the test to some; none: all that can be fetched.
	Feeds []string
	// Seeds of the runs; none: 1, 2 and 3.
	Seeds []uint64
	// Contains reports whether a served body holds a draft's raw bytes; nil: bytes.Contains. It is for vendors that
	// serve records in an encoding, as CloudTrail does in a JSON string.
	Contains func(body, raw []byte) bool
	// PollEvery is the time between the polls of a live feed; 0: 5 min.
	PollEvery time.Duration
}

// Run tests the fetching of every feed: with no fault, with each alone, with all together.
func Run(t *testing.T, s Suite) {}
