package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
	"annals/sync/connector"
)

// script is a vendor whose answers are written down. It keeps the requests.
type script struct {
	answers  []answer
	requests []connector.Request
}

type answer struct {
	page connector.Page
	err  error
}

func (s *script) fetch(_ context.Context, r connector.Request) (connector.Page, error) {
	s.requests = append(s.requests, r)
	if len(s.answers) == 0 {
		return connector.Page{}, nil
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next.page, next.err
}

func page(key string, next any, more bool) answer {
	return answer{page: connector.Page{Drafts: []audit.Draft{{Key: key, OccurredAt: noon}}, Next: state(next), More: more}}
}

// bench runs fetches of one memory, by the hand of the test.
type bench struct {
	t      *testing.T
	clock  time.Time
	store  *memory
	script *script
	engine *Engine
}

func newBench(t *testing.T, fetches ...audit.NewFetch) *bench {
	b := &bench{t: t, clock: noon, script: &script{}}
	now := func() time.Time { return b.clock }
	b.store = newMemory(now)
	b.engine = newEngine(b.store, fetchFunc(b.script.fetch), Options{PollFloor: 15 * time.Second, Now: now})
	if err := b.store.AddFetches(t.Context(), 1, 2, fetches); err != nil {
		t.Fatal(err)
	}
	return b
}

// claim claims what is due of a kind: one fetch.
func (b *bench) claim(kind audit.FetchKind) audit.Fetch {
	b.t.Helper()
	claimed, err := b.store.ClaimFetches(b.t.Context(), kind, 10, time.Minute)
	if err != nil || len(claimed) != 1 {
		b.t.Fatalf("claimed %v, %v, want one fetch", claimed, err)
	}
	return claimed[0]
}

// turn lets a fetch that is due run, and gives how it ended.
func (b *bench) turn(kind audit.FetchKind, answers ...answer) audit.FetchEnd {
	b.t.Helper()
	b.script.answers, b.script.requests = answers, nil
	before := len(b.store.ended())
	b.engine.run(b.t.Context(), b.claim(kind))
	ends := b.store.ended()
	if len(ends) != before+1 {
		b.t.Fatalf("%d ends after %d, want one more", len(ends), before)
	}
	return ends[before]
}

func (b *bench) keys() []string {
	var keys []string
	recorded, _ := b.store.Recorded(b.t.Context())
	for _, draft := range recorded {
		keys = append(keys, draft.Key)
	}
	return keys
}

var (
	liveFetch = audit.NewFetch{ID: 1, Feed: "main", Kind: audit.FetchLive}
	wholeDay  = audit.NewFetch{ID: 2, Feed: "main", Kind: audit.FetchBackfill, From: noon.Add(-15 * time.Hour), To: noon}
)

func TestABackfillGoesFromTheNewestSliceToTheOldest(t *testing.T) {
	t.Parallel()
	b := newBench(t, wholeDay)
	end := b.turn(audit.FetchBackfill, page("a", 1, true), page("b", 2, false), page("c", 3, false), page("d", 4, true), page("e", 5, false))
	if want := (audit.FetchEnd{Done: true}); end != want {
		t.Errorf("ended with %+v, want %+v", end, want)
	}
	window := func(from, to time.Duration) *audit.Window {
		return &audit.Window{From: noon.Add(-from), To: noon.Add(-to)}
	}
	want := []connector.Request{
		{Feed: "main", Window: window(6*time.Hour, 0)},
		{Feed: "main", Window: window(6*time.Hour, 0), State: state(1)},
		{Feed: "main", Window: window(12*time.Hour, 6*time.Hour)},
		{Feed: "main", Window: window(15*time.Hour, 12*time.Hour)},
		{Feed: "main", Window: window(15*time.Hour, 12*time.Hour), State: state(4)},
	}
	if diff := cmp.Diff(want, b.script.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got, want := b.keys(), []string{"a", "b", "c", "d", "e"}; !cmp.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
	if fetch := b.store.fetch(2); !fetch.ReachedAt.Equal(wholeDay.From) || fetch.State != nil {
		t.Errorf("reached %s with state %s, want the beginning and none", fetch.ReachedAt, fetch.State)
	}
}

// TestABackfillGoesOnWhereItCrashed: the process dies in the middle of the second slice.
func TestABackfillGoesOnWhereItCrashed(t *testing.T) {
	t.Parallel()
	b := newBench(t, wholeDay)
	b.script.answers = []answer{page("a", 1, false), page("b", 2, true)}
	dead, _, _ := b.engine.opener.Open(t.Context(), 1, 2)
	w := &walk{engine: b.engine, fetch: b.claim(audit.FetchBackfill), feed: audit.ConnectorFeed{Slice: audit.Duration(testSlice)}, fetcher: dead.(connector.Fetcher)}
	for range 2 {
		if _, err := w.page(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.clock = b.clock.Add(2 * time.Minute) // the lease ends
	if end := b.turn(audit.FetchBackfill, page("c", 3, false), page("d", 4, false)); !end.Done {
		t.Errorf("ended with %+v, want it done", end)
	}
	want := []connector.Request{
		{Feed: "main", Window: &audit.Window{From: noon.Add(-12 * time.Hour), To: noon.Add(-6 * time.Hour)}, State: state(2)},
		{Feed: "main", Window: &audit.Window{From: noon.Add(-15 * time.Hour), To: noon.Add(-12 * time.Hour)}},
	}
	if diff := cmp.Diff(want, b.script.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if more, err := w.page(t.Context()); more || !errors.Is(err, audit.ErrFenced) {
		t.Errorf("the dead one goes on: %v, %v, want %v", more, err, audit.ErrFenced)
	}
}

func TestWindowsGrowTowardsThePast(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.NewFetch{ID: 2, Feed: "main", Kind: audit.FetchBackfill, From: noon.AddDate(0, 0, -20), To: noon})
	if end := b.turn(audit.FetchBackfill); !end.Done {
		t.Errorf("ended with %+v, want it done", end)
	}
	reached, last := noon, time.Duration(0)
	for _, request := range b.script.requests {
		if length := request.Window.To.Sub(request.Window.From); !request.Window.To.Equal(reached) || length < min(last, request.Window.From.Sub(noon.AddDate(0, 0, -20))) {
			t.Errorf("%+v behind %s, want the window that lies before it, and no shorter", request.Window, reached)
		} else {
			reached, last = request.Window.From, length
		}
	}
	if n := len(b.script.requests); n > 20 || !reached.Equal(noon.AddDate(0, 0, -20)) {
		t.Errorf("%d windows down to %s, want at most 20 (not 80) down to the beginning", n, reached)
	}
	if first := b.script.requests[0].Window; first.To.Sub(first.From) != testSlice {
		t.Errorf("the first window is %+v, want the feed's slice", first)
	}
}

func TestAnEmptyBackfillAsksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.NewFetch{ID: 2, Feed: "main", Kind: audit.FetchBackfill, From: noon, To: noon})
	if end := b.turn(audit.FetchBackfill); !end.Done || len(b.script.requests) != 0 {
		t.Errorf("ended with %+v after %d requests, want it done without any", end, len(b.script.requests))
	}
}

func TestABackfillWithoutASliceTakesDays(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.NewFetch{ID: 2, Feed: "plain", Kind: audit.FetchBackfill, From: noon.Add(-50 * time.Hour), To: noon})
	if end := b.turn(audit.FetchBackfill); !end.Done || len(b.script.requests) != 3 {
		t.Errorf("ended with %+v after %d requests, want it done after three", end, len(b.script.requests))
	}
}

func TestALiveFeedGoesOnFromItsState(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	last := page("b", 2, false)
	last.page.CompleteThrough = noon.Add(-time.Minute)
	b.turn(audit.FetchLive, page("a", 1, true), last)
	b.clock = b.clock.Add(time.Hour)
	b.turn(audit.FetchLive, page("c", 3, false))
	since := noon.Add(-time.Minute).Add(-testDelay - testOverlap) // what may not have been shown yet is no part of what is complete
	if diff := cmp.Diff([]connector.Request{{Feed: "main", State: state(2), Since: since}}, b.script.requests); diff != "" {
		t.Errorf("requests of the second poll (-want +got):\n%s", diff)
	}
	if fetch := b.store.fetch(1); string(fetch.State) != "3" {
		t.Errorf("state %s, want the last page's", fetch.State)
	}
}

func TestALiveFeedBeginsBeforeItsCreation(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	b.clock = b.clock.Add(time.Hour) // the first poll comes late
	b.turn(audit.FetchLive, page("a", 1, false))
	if diff := cmp.Diff([]connector.Request{{Feed: "main", Since: noon.Add(-testOverlap)}}, b.script.requests); diff != "" {
		t.Errorf("the first request (-want +got):\n%s", diff)
	}
}

func TestAForgottenPositionBeginsAnew(t *testing.T) {
	t.Parallel()
	refused := answer{err: connector.Fail(connector.StateRefused, errBroken)}
	t.Run("live", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, liveFetch)
		seen := page("a", 1, false)
		seen.page.CompleteThrough = noon.Add(-time.Minute)
		b.turn(audit.FetchLive, seen)
		b.clock = b.clock.Add(time.Hour)
		if end := b.turn(audit.FetchLive, refused); !end.ForgetState {
			t.Errorf("ended with %+v, want the state forgotten", end)
		}
		b.clock = b.clock.Add(time.Hour)
		b.turn(audit.FetchLive, page("b", 2, false))
		want := []connector.Request{{Feed: "main", Since: noon.Add(-time.Minute).Add(-testDelay - testOverlap)}}
		if diff := cmp.Diff(want, b.script.requests); diff != "" {
			t.Errorf("the next request (-want +got):\n%s", diff)
		}
	})
	t.Run("backfill", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, wholeDay)
		if end := b.turn(audit.FetchBackfill, page("a", 1, false), page("b", 2, true), refused); !end.ForgetState || end.Done {
			t.Errorf("ended with %+v, want the state forgotten", end)
		}
		b.clock = b.clock.Add(time.Hour)
		b.turn(audit.FetchBackfill)
		want := connector.Request{Feed: "main", Window: &audit.Window{From: noon.Add(-12 * time.Hour), To: noon.Add(-6 * time.Hour)}}
		if diff := cmp.Diff(want, b.script.requests[0]); diff != "" {
			t.Errorf("the next request (-want +got):\n%s", diff)
		}
	})
}

func TestAFailureKeepsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	end := b.turn(audit.FetchLive, page("a", 1, true), page("b", 2, true), answer{err: errBroken})
	if end.Reason != audit.ReasonVendorUnavailable || end.Failures != 1 {
		t.Errorf("ended with %+v, want one failure of the vendor", end)
	}
	if got, want := b.keys(), []string{"a", "b"}; !cmp.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
	b.clock = b.clock.Add(time.Hour)
	b.turn(audit.FetchLive)
	if got := b.script.requests[0].State; string(got) != "2" {
		t.Errorf("goes on from %s, want from the page behind the last one that was recorded", got)
	}
}

func TestFailuresInARowEndWithAPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	for want := 1; want <= 3; want++ {
		if end := b.turn(audit.FetchLive, answer{err: errBroken}); end.Failures != want {
			t.Errorf("%d failures, want %d", end.Failures, want)
		}
		b.clock = b.clock.Add(time.Hour)
	}
	if end := b.turn(audit.FetchLive, page("a", 1, true), answer{err: errBroken}); end.Failures != 1 {
		t.Errorf("%d failures in a row, want 1: a page was read before", end.Failures)
	}
	b.clock = b.clock.Add(time.Hour)
	if end := b.turn(audit.FetchLive, page("b", 2, false)); end.Failures != 0 || end.Reason != "" {
		t.Errorf("ended with %+v, want it well", end)
	}
}

func TestAThrottledVendorIsNotAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch, wholeDay)
	// The backfill is running when the live fetch is told to wait.
	b.turn(audit.FetchLive)
	backfill := b.claim(audit.FetchBackfill)
	b.clock = b.clock.Add(30 * time.Second)
	limit := &connector.Failure{Class: connector.RateLimited, Until: b.clock.Add(40 * time.Second), Err: errBroken}
	if end := b.turn(audit.FetchLive, answer{err: limit}); end.Reason != audit.ReasonRateLimited {
		t.Fatalf("ended with %+v, want it throttled", end)
	}
	b.script.requests = nil
	b.engine.run(t.Context(), backfill)
	if len(b.script.requests) != 0 {
		t.Errorf("%d requests of the backfill although the vendor throttles", len(b.script.requests))
	}
	// Even when the store does not say so: the other fetches of this process know of it.
	w := &walk{engine: b.engine, fetch: backfill, fetcher: fetchFunc(b.script.fetch)}
	_, err := w.page(t.Context())
	if connector.ClassOf(err) != connector.RateLimited || !connector.UntilOf(err).Equal(limit.Until) || len(b.script.requests) != 0 {
		t.Errorf("asking: %v after %d requests, want to be told to wait until %s", err, len(b.script.requests), limit.Until)
	}
	b.clock = limit.Until.Add(time.Second)
	b.script.answers = nil
	if _, err := w.page(t.Context()); err != nil || len(b.script.requests) != 1 {
		t.Errorf("behind the wait: %v, %d requests", err, len(b.script.requests))
	}
}

func TestATurnEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	var pages int
	b.engine.opener = fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		pages++
		b.clock = b.clock.Add(3 * time.Second)
		return connector.Page{More: true, Next: state(pages)}, nil
	})
	end := b.turn(audit.FetchLive)
	if want := (audit.FetchEnd{}); end != want || pages != 7 {
		t.Errorf("ended with %+v after %d pages, want it to go on at once after 20 s", end, pages)
	}
}

func TestABackfillGivesWay(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch, wholeDay)
	b.turn(audit.FetchLive)
	var pages int
	b.engine.opener = fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		pages++
		b.clock = b.clock.Add(4 * time.Second)
		return connector.Page{More: true, Next: state(pages)}, nil
	})
	// The live feed is polled again after about 15 s: in the middle of the backfill's turn.
	end := b.turn(audit.FetchBackfill)
	if want := (audit.FetchEnd{}); end != want || pages > 5 {
		t.Errorf("ended with %+v after %d pages, want it to give way to the poll that is due", end, pages)
	}
	if claimed, _ := b.store.ClaimFetches(t.Context(), audit.FetchBackfill, 1, time.Minute); len(claimed) != 0 {
		t.Error("the backfill was claimed before the poll")
	}
	b.claim(audit.FetchLive)
	b.claim(audit.FetchBackfill)
}

func TestPausingStopsInMidWalk(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	var pages int
	b.engine.opener = fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		if pages++; pages == 3 {
			b.store.pause(true)
		}
		return connector.Page{More: true, Next: state(pages)}, nil
	})
	end := b.turn(audit.FetchLive)
	if want := (audit.FetchEnd{}); end != want || pages != 3 {
		t.Errorf("ended with %+v after %d pages, want it to stop behind the third", end, pages)
	}
	b.store.pause(false)
	b.engine.opener = fetchFunc(b.script.fetch)
	b.turn(audit.FetchLive)
	if got := b.script.requests[0].State; string(got) != "3" {
		t.Errorf("goes on from %s, want from where it was paused", got)
	}
}

func TestWhatCannotFetch(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	b.engine.opener = openFunc(func() (connector.Opened, error) { return struct{}{}, nil })
	if end := b.turn(audit.FetchLive); end.Reason != audit.ReasonConfigurationWrong {
		t.Errorf("ended with %+v, want the configuration to be blamed", end)
	}
	b.clock = b.clock.Add(time.Hour)
	b.engine.opener = openFunc(func() (connector.Opened, error) { return nil, connector.Fail(connector.ConfigurationWrong, errBroken) })
	if end := b.turn(audit.FetchLive); end.Reason != audit.ReasonConfigurationWrong || end.Failures != 2 {
		t.Errorf("ended with %+v, want the configuration to be blamed", end)
	}
}

type openFunc func() (connector.Opened, error)

func (f openFunc) Open(context.Context, audit.TenantID, audit.IntegrationID) (connector.Opened, audit.Connector, error) {
	opened, err := f()
	return opened, audit.Connector{}, err
}

// TestAPanicIsAFailure: a record that a vendor's code cannot bear ends neither the process nor its fetch for good.
func TestAPanicIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t, liveFetch)
	b.engine.opener = fetchFunc(func(context.Context, connector.Request) (connector.Page, error) {
		var none []int
		return connector.Page{More: none[0] == 1}, nil
	})
	end := b.turn(audit.FetchLive)
	if end.Reason != audit.ReasonUnexpectedAnswer || end.Failures != 1 || end.Delay == 0 {
		t.Errorf("ended with %+v, want a failure that is tried again", end)
	}
	b.clock = b.clock.Add(time.Hour)
	if end := b.turn(audit.FetchLive); end.Failures != 2 {
		t.Errorf("ended with %+v, want the second failure in a row: the gate must stand open again", end)
	}
}
