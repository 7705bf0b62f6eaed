// Package connectortest is the conformance suite of vendors' code: what every connector must hold against its vendor's
// simulator, whatever fault the simulator has. It drives Fetch the way the engine does: what is stored of a page may be
// lost, the process may die between pages, requests come again, and a state is JSON in whatever layout. At the end
// everything that happened must be recorded, under one key and content each, in drafts that keep the rules, with the
// bytes that were served. No secret may show, no request may leave the vendor's host, no goroutine may stay.
//
//	func TestConformance(t *testing.T) {
//		connectortest.Run(t, connectortest.Suite{
//			Registration: github.Registration(),
//			Simulator:    func(o simulator.Options) connectortest.Simulator { return simulator.NewGitHub(o) },
//			Settings: func(_ connectortest.Simulator, url string) map[string]any {
//				return map[string]any{"baseUrl": url, "token": simulator.GitHubToken, "organization": "example-org"}
//			},
//			Faults: []simulator.Fault{simulator.TooManyRequests, simulator.ShortPage},
//		})
//	}
//
// A test that calls Run must not run beside others in its package: the suite looks for goroutines that are left over.
package connectortest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"annals/audit"
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
	// Faults are those that the simulator can have. Each must really happen in one of its runs.
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

// Run tests the fetching of every feed, live and in a window: with no fault, with each alone, with all together.
func Run(t *testing.T, s Suite) {
	t.Run("registration", func(t *testing.T) { checkRegistration(t, s.Registration.Connector) })
	if !s.Registration.Connector.CanPoll || len(s.feeds()) == 0 {
		t.Fatal("the connector says that it fetches nothing")
	}
	t.Run("no fault", func(t *testing.T) { s.runAll(t, nil) })
	for _, fault := range s.Faults {
		t.Run(string(fault), func(t *testing.T) { s.runAll(t, []simulator.Fault{fault}) })
	}
	t.Run("all faults", func(t *testing.T) { s.runAll(t, s.Faults) })
	t.Run("cancelled", func(t *testing.T) {
		for _, feed := range s.feeds() {
			cancelled(t, s, feed)
		}
	})
}

// scenarios are what is done with a feed.
var scenarios = []struct {
	name string
	play func(*run)
}{
	{"live", (*run).live},
	{"window", (*run).window},
}

// runAll runs every feed with every seed, and makes sure that the faults were no empty threat.
func (s Suite) runAll(t *testing.T, faults []simulator.Fault) {
	happened := map[simulator.Fault]int{}
	for _, feed := range s.feeds() {
		for _, seed := range s.seeds() {
			for _, scenario := range scenarios {
				t.Run(fmt.Sprintf("%s %s %d", feed.Name, scenario.name, seed), func(t *testing.T) {
					r := newRun(t, s, feed, seed, faults)
					scenario.play(r)
					r.finish()
					for _, fault := range faults {
						happened[fault] += r.faults.Happened(fault)
					}
				})
			}
		}
	}
	for _, fault := range faults {
		if happened[fault] == 0 {
			t.Errorf("the simulator never had the fault %q", fault)
		}
	}
}

// feeds are those that can be fetched.
func (s Suite) feeds() []audit.ConnectorFeed {
	var feeds []audit.ConnectorFeed
	for _, feed := range s.Registration.Connector.Feeds {
		if !feed.PushOnly && (len(s.Feeds) == 0 || slices.Contains(s.Feeds, feed.Name)) {
			feeds = append(feeds, feed)
		}
	}
	return feeds
}

func (s Suite) seeds() []uint64 {
	if len(s.Seeds) == 0 {
		return []uint64{1, 2, 3}
	}
	return s.Seeds
}

func (s Suite) pollEvery() time.Duration { return cmp.Or(s.PollEvery, 5*time.Minute) }
