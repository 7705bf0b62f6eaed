package connectortest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"annals/simulator"
)

func fakeSuite(b bug) Suite {
	return Suite{
		Registration: fakeRegistration(b),
		Simulator:    newFakeVendor,
		Settings: func(_ Simulator, url string) map[string]any {
			return map[string]any{"baseUrl": url, "token": "token-of-the-fake"}
		},
		Faults: fakeFaults(),
		Seeds:  []uint64{1, 2},
	}
}

func TestRunPassesWhatIsRight(t *testing.T) { Run(t, fakeSuite(noBug)) }

// TestRunFindsMistakes is the negative control of the suite: each mistake must be found, and for its own reason.
func TestRunFindsMistakes(t *testing.T) {
	tests := map[bug]struct {
		fault simulator.Fault // under which it is found, empty: under none
		says  string
	}{
		endsOnShort:     {simulator.ShortPage, "are lost"},
		endsOnEmpty:     {simulator.EmptyPage, "are lost"},
		noOverlap:       {simulator.LateVisibility, "are lost"},
		skipsTies:       {simulator.SameTimes, "are lost"},
		freshKeys:       {"", "holds nothing under this key"},
		freshContent:    {"", "content differs"},
		blindToLimit:    {simulator.TooManySilent, "does not explain the failure VENDOR_UNAVAILABLE"},
		deafToUntil:     {simulator.TooManyRequests, "the failure does not"},
		followsAnywhere: {simulator.NextElsewhere, "went to another host"},
		dropsUnknown:    {simulator.UnknownAction, "are lost"},
		strictTypes:     {simulator.WrongTypes, "does not explain the failure UNEXPECTED_ANSWER"},
		rewritesRaw:     {"", "raw bytes were not served"},
		remembers:       {"", "are lost"},
		boasts:          {"", "are lost"},
		keepsQuiet:      {"", "complete through 0001"},
		leaks:           {"", "found unexpected goroutines"},
		talks:           {simulator.ServerError, "the error shows a secret"},
		logsSecret:      {"", "the log shows a secret"},
		impatient:       {simulator.TooManyRequests, "came before the time"},
		badDraft:        {"", `its actor's key is "u1" instead of "fake:u1"`},
		badState:        {"", "is no JSON"},
		circles:         {"", "no end after"},
	}
	for b, test := range tests {
		t.Run(string(b), func(t *testing.T) {
			suite := fakeSuite(b)
			var kinds []simulator.Fault
			if test.fault != "" {
				kinds = []simulator.Fault{test.fault}
			}
			found := record(t, func(tb testing.TB) {
				for _, scenario := range scenarios {
					r := newRun(tb, suite, suite.feeds()[0], 1, kinds)
					scenario.play(r)
					r.finish()
				}
			})
			if !strings.Contains(found, test.says) {
				t.Errorf("the suite does not say %q but: %.2000s", test.says, found)
			}
		})
	}
}

func TestRunFindsWhatCannotBeCancelled(t *testing.T) {
	suite := fakeSuite(ignoresContext)
	found := record(t, func(tb testing.TB) { cancelled(tb, suite, suite.feeds()[0]) })
	if !strings.Contains(found, "a cancelled fetch ended after") {
		t.Errorf("the suite says: %s", found)
	}
}

// recorder is a testing.TB that remembers what it is told instead of failing.
type recorder struct {
	testing.TB
	said     strings.Builder
	cleanups []func()
}

// record runs a test that is meant to fail, and gives what it said.
func record(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	for i := range r.cleanups {
		r.cleanups[len(r.cleanups)-1-i]()
	}
	return r.said.String()
}

func (r *recorder) Error(args ...any)                 { fmt.Fprintln(&r.said, args...) }
func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(&r.said, format+"\n", args...) }
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
