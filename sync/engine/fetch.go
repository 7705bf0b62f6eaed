package engine

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// turn is how long a fetch runs before it gives others their turn.
	turn = 20 * time.Second
	// pageTime bounds one page, so that a connector which hangs does not keep its fetch for ever.
	pageTime = 5 * time.Minute
	// defaultSlice is the length of a backfill's window where the connector names none.
	defaultSlice = 24 * time.Hour
)

var (
	errNotFetcher = errors.New("this integration cannot fetch with its present settings")
	errPanicked   = errors.New("the connector panicked")
)

// fetch runs pages until there is nothing more now, the turn is over, it may not go on, or something fails. A panic of
// the vendor's code is a failure like any other, so that one vendor cannot end the process.
func (e *Engine) fetch(ctx context.Context, fetch audit.Fetch, stopping <-chan struct{}) (end audit.FetchEnd, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			e.options.Log.ErrorContext(ctx, "a connector panicked", "connector", fetch.Connector, "panic", panicked, "stack", string(debug.Stack()))
			err = connector.Fail(connector.Malformed, errPanicked)
			end = e.failed(fetch, err)
		}
	}()
	opened, described, err := e.opener.Open(ctx, fetch.Tenant, fetch.IntegrationID)
	if err := ours(err); err != nil {
		return e.failed(fetch, err), err
	}
	fetcher, ok := opened.(connector.Fetcher)
	if !ok {
		err := connector.Fail(connector.ConfigurationWrong, errNotFetcher)
		return e.failed(fetch, err), err
	}
	feed, _ := described.Feed(fetch.Feed)
	w := &walk{engine: e, fetch: fetch, feed: feed, fetcher: fetcher, state: fetch.State}
	for begun := e.options.Now(); e.options.Now().Sub(begun) <= turn; {
		may, err := e.store.MayGoOn(ctx, fetch)
		switch {
		case err != nil:
			return w.giveWay(firstBackoff), err
		case !may || closed(stopping):
			return w.giveWay(0), nil
		}
		more, err := w.page(ctx)
		switch {
		case err != nil:
			return e.failed(w.fetch, err), err
		case !more:
			return w.rest(), nil
		}
	}
	return w.giveWay(0), nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// walk is one turn of a fetch.
type walk struct {
	engine   *Engine
	fetch    audit.Fetch
	feed     audit.ConnectorFeed
	fetcher  connector.Fetcher
	state    json.RawMessage
	recorded int
}

// page fetches and records one page. more says that there is more to do now.
func (w *walk) page(ctx context.Context) (more bool, err error) {
	request := w.request()
	if request.Window != nil && !request.Window.From.Before(request.Window.To) {
		return false, nil // an empty backfill
	}
	page, err := w.ask(ctx, request)
	if err != nil {
		return false, err
	}
	progress := &audit.Progress{Fetch: w.fetch.Lease, State: page.Next}
	switch {
	case request.Window != nil && !page.More:
		progress.State, progress.ReachedAt = nil, request.Window.From
	case request.Window == nil && !page.CompleteThrough.IsZero():
		// The vendor may not have shown yet what happened within its usual delay.
		progress.Watermark = page.CompleteThrough.Add(-time.Duration(w.feed.Delay))
	}
	source := Source{
		Tenant: w.fetch.Tenant, IntegrationID: w.fetch.IntegrationID, Connector: w.fetch.Connector, Feed: w.fetch.Feed,
		Path: w.fetch.Kind.Path(),
	}
	receipt, err := w.engine.recorder.Record(ctx, source, page.Drafts, progress)
	if err != nil {
		return false, ours(err)
	}
	w.recorded += receipt.Recorded
	w.state, w.fetch.Failures = progress.State, 0
	if !progress.ReachedAt.IsZero() {
		w.fetch.ReachedAt = progress.ReachedAt
		return w.fetch.ReachedAt.After(w.fetch.From), nil
	}
	return page.More, nil
}

func (w *walk) ask(ctx context.Context, request connector.Request) (connector.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	return w.engine.gates.pass(ctx, w.fetch, func() (connector.Page, error) { return w.fetcher.Fetch(ctx, request) })
}

// request asks for the next page: of a live feed, or of the slice of a backfill that lies before what is done.
func (w *walk) request() connector.Request {
	request := connector.Request{Feed: w.fetch.Feed, State: w.state}
	if w.fetch.Kind == audit.FetchLive {
		request.Since = w.fetch.CreatedAt
		if !w.fetch.Watermark.IsZero() {
			request.Since = w.fetch.Watermark
		}
		request.Since = request.Since.Add(-time.Duration(w.feed.Overlap))
		return request
	}
	slice := time.Duration(w.feed.Slice)
	if slice <= 0 {
		slice = defaultSlice
	}
	// The further back, the longer: old times matter less, and each window costs a vendor's slow answer or more.
	slice = max(slice, w.fetch.To.Sub(w.fetch.ReachedAt)/4)
	from := w.fetch.ReachedAt.Add(-slice)
	if from.Before(w.fetch.From) {
		from = w.fetch.From
	}
	request.Window = &audit.Window{From: from, To: w.fetch.ReachedAt}
	return request
}

// giveWay says that a fetch which has more to do goes on after a delay.
func (w *walk) giveWay(delay time.Duration) audit.FetchEnd {
	return audit.FetchEnd{Delay: delay, PollInterval: w.fetch.PollInterval, Failures: w.fetch.Failures}
}

// rest says when a fetch that has nothing more to do now goes on.
func (w *walk) rest() audit.FetchEnd {
	if w.fetch.Kind == audit.FetchBackfill {
		return audit.FetchEnd{Done: true}
	}
	floor := w.engine.options.PollFloor
	interval := nextInterval(w.fetch.PollInterval, w.recorded > 0, floor)
	return audit.FetchEnd{PollInterval: interval, Delay: within(jitter(interval), floor)}
}
