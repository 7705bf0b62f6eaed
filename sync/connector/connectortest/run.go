package connectortest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"annals/audit"
	"annals/simulator"
	"annals/sync/connector"
)

const (
	maxFetches  = 1000 // of one walk, which may go in circles
	maxFailures = 50   // in a row
	maxProblems = 10
)

// run is one integration that collects one feed from one simulated vendor.
type run struct {
	testing.TB
	suite  Suite
	feed   audit.ConnectorFeed
	kinds  []simulator.Fault
	clock  *clock
	faults *simulator.Faults
	vendor Simulator
	stage  *stage
	client *connector.Client
	log    lockedBuffer
	chance *rand.Rand // where the engine crashes

	account account
	fetcher connector.Fetcher
	leaks   goleak.Option // goroutines that were there before
	said    int

	happening       bool      // while time passes
	happened        time.Time // until when there is activity
	items           map[string]simulator.Item
	contents        map[string][32]byte // of the recorded drafts by key
	completeThrough time.Time
}

func newRun(tb testing.TB, s Suite, feed audit.ConnectorFeed, seed uint64, kinds []simulator.Fault) *run {
	r := &run{
		TB: tb, suite: s, feed: feed, kinds: kinds,
		clock: &clock{at: begin}, happened: begin,
		chance:   rand.New(rand.NewPCG(seed, uint64(len(kinds)))),
		contents: map[string][32]byte{},
		leaks:    goleak.IgnoreCurrent(),
	}
	r.stage = newStage(tb)
	r.faults = newFaults(seed, r.clock.now, kinds, r.stage.elsewhere.URL)
	r.vendor = s.Simulator(simulator.Options{Seed: seed, Now: r.clock.now, Faults: r.faults, Late: r.late()})
	r.stage.serve(tb, r.vendor)
	r.account = newAccount(tb, s.Registration.Connector.Settings, s.Settings(r.vendor, r.stage.server.URL))
	r.open()
	return r
}

// Errorf ends the test when enough has been said.
func (r *run) Errorf(format string, args ...any) {
	r.Helper()
	if r.said++; r.said > maxProblems {
		r.Fatalf("more than %d problems", maxProblems)
	}
	r.TB.Errorf(format, args...)
}

// late is how late an activity may be shown so that a live feed must still get it.
func (r *run) late() time.Duration {
	return cmp.Or(time.Duration(r.feed.Overlap)/2, 5*time.Minute)
}

// open begins anew, as after a crash: with nothing but what was stored.
func (r *run) open() {
	r.Helper()
	if r.client != nil {
		r.client.CloseIdleConnections()
	}
	r.client = newClient(r.clock.now)
	opened := r.account.open(r, r.suite.Registration, r.client, r.clock.now, &r.log)
	fetcher, ok := opened.(connector.Fetcher)
	if !ok {
		r.Fatalf("the connector fetches nothing")
	}
	r.fetcher = fetcher
}

// live catches up with four hours, then polls while more happens, and at last waits for what is shown late.
func (r *run) live() {
	r.happening = true
	r.pass(4 * time.Hour)
	state := r.walk(connector.Request{Since: begin})
	for range 8 {
		r.pass(r.suite.pollEvery())
		state = r.walk(connector.Request{Since: begin, State: state})
	}
	r.happening = false
	r.pass(r.happened.Sub(r.clock.now()) + r.late() + time.Duration(r.feed.Delay))
	for range 2 {
		r.pass(r.suite.pollEvery())
		state = r.walk(connector.Request{Since: begin, State: state})
	}
	r.expect(begin, r.happened)
	if slack := time.Duration(r.feed.Overlap + r.feed.Delay); r.completeThrough.Before(r.happened.Add(-slack)) {
		r.Errorf("complete through %v only, though all until %v is read", r.completeThrough, r.happened)
	}
}

// window reads a bounded past that has activity before and behind it.
func (r *run) window() {
	window := audit.Window{From: begin.Add(time.Hour), To: begin.Add(7 * time.Hour)}
	if slice := time.Duration(r.feed.Slice); slice > 0 && slice < 6*time.Hour {
		window.To = window.From.Add(slice)
	}
	r.happening = true
	r.pass(8 * time.Hour)
	r.happening = false
	r.pass(r.late() + time.Duration(r.feed.Delay))
	r.walk(connector.Request{Window: &window})
	r.expect(window.From, window.To)
}

// pass lets time go by. While things happen, the vendor is told ahead what they will be; it shows none before its time.
func (r *run) pass(d time.Duration) {
	const ahead = 30 * time.Minute
	if then := r.clock.now().Add(d); r.happening && then.After(r.happened) {
		r.vendor.Generate(r.happened, then.Add(ahead))
		r.happened = then.Add(ahead)
		r.items = map[string]simulator.Item{}
		for _, item := range r.vendor.Items(r.feed.Name) {
			r.items[item.Key] = item
		}
	}
	r.clock.advance(d)
}

// walk fetches until there is nothing more to read now, and gives the state to go on from.
func (r *run) walk(request connector.Request) json.RawMessage {
	r.Helper()
	request.Feed = r.feed.Name
	failures := 0 // in a row
	for range maxFetches {
		r.pass(time.Second)
		page, err := r.fetch(request)
		switch {
		case err != nil:
			if failures++; failures > maxFailures {
				r.Fatalf("it does not get on: %v", err)
			}
			r.recover(&request, err)
			continue
		case r.chance.IntN(10) == 0: // storing fails
			continue
		case r.chance.IntN(10) == 0: // the process dies before it stores
			r.open()
			continue
		}
		failures = 0
		r.store(request, page)
		if r.chance.IntN(10) == 0 { // the same request comes again, from a replica that lost its lease
			r.again(request)
		}
		if !page.More {
			return r.persisted(page.Next)
		}
		request.State = r.persisted(page.Next)
	}
	r.Fatalf("no end after %d fetches", maxFetches)
	return nil
}

func (r *run) fetch(request connector.Request) (connector.Page, error) {
	r.stage.served()
	request.State = bytes.Clone(request.State)
	page, err := r.fetcher.Fetch(context.Background(), request)
	if r.stage.astray.Load() > 0 {
		r.Fatalf("a request went to another host")
	}
	return page, err
}

func (r *run) again(request connector.Request) {
	page, err := r.fetch(request)
	if err != nil {
		r.recover(new(request), err)
		return
	}
	r.store(request, page)
}

// persisted is a state as the database gives it back: the same JSON in another layout.
func (r *run) persisted(state json.RawMessage) json.RawMessage {
	r.Helper()
	if len(state) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(state))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		r.Fatalf("the state %q is no JSON: %v", state, err)
	}
	stored, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		r.Fatalf("the state %q cannot be stored: %v", state, err)
	}
	return stored
}

// cancelled makes sure that a fetch ends when its context does, though the vendor says nothing.
func cancelled(tb testing.TB, s Suite, feed audit.ConnectorFeed) {
	build := s.Simulator
	s.Simulator = func(o simulator.Options) Simulator { return silent{build(o)} }
	r := newRun(tb, s, feed, 1, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := r.fetcher.Fetch(ctx, connector.Request{Feed: feed.Name, Since: begin})
	if took := time.Since(began); err == nil || took > silence/2 {
		r.Errorf("a cancelled fetch ended after %v with error %v", took, err)
	}
	if err != nil {
		r.account.conceals(r, "the error", err.Error())
	}
	r.finish()
}

// silent is a vendor that does not answer for a while.
type silent struct{ Simulator }

const silence = 4 * time.Second

func (silent) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
	select {
	case <-r.Context().Done():
	case <-time.After(silence):
	}
}
