package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// turn is how long a fetch runs before it gives others their turn.
	turn = 20 * time.Second
	// defaultSlice is the length of a backfill's window where the connector names none.
	defaultSlice = 24 * time.Hour
)

var errNotFetcher = errors.New("this integration cannot fetch with its present settings")

// fetch runs pages until there is nothing more now, the turn is over, or something fails.
func (e *Engine) fetch(ctx context.Context, fetch audit.Fetch) (audit.FetchEnd, error) {
	opened, described, err := e.opener.Open(ctx, fetch.Tenant, fetch.IntegrationID)
	if err != nil {
		return e.failed(fetch, err), err
	}
	fetcher, ok := opened.(connector.Fetcher)
	if !ok {
		err := connector.Fail(connector.ConfigurationWrong, errNotFetcher)
		return e.failed(fetch, err), err
	}
	feed, _ := described.Feed(fetch.Feed)
	w := &walk{engine: e, fetch: fetch, feed: feed, fetcher: fetcher, state: fetch.State}
	begun := e.options.Now()
	for {
		more, err := w.page(ctx)
		switch {
		case err != nil:
			return e.failed(w.fetch, err), err
		case !more:
			return w.rest(), nil
		case ctx.Err() != nil || e.options.Now().Sub(begun) > turn:
			return audit.FetchEnd{PollInterval: fetch.PollInterval}, ctx.Err()
		}
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
	page, err := w.engine.gates.pass(ctx, w.fetch, func() (connector.Page, error) { return w.fetcher.Fetch(ctx, request) })
	if err != nil {
		return false, err
	}
	progress := &audit.Progress{Fetch: w.fetch.Lease, State: page.Next, Watermark: page.CompleteThrough}
	if request.Window != nil {
		progress.Watermark = time.Time{}
		if !page.More {
			progress.State, progress.ReachedAt = nil, request.Window.From
		}
	}
	source := Source{
		Tenant: w.fetch.Tenant, IntegrationID: w.fetch.IntegrationID, Connector: w.fetch.Connector, Feed: w.fetch.Feed,
		Path: w.fetch.Kind.Path(),
	}
	receipt, err := w.engine.recorder.Record(ctx, source, page.Drafts, progress)
	if err != nil {
		return false, err
	}
	w.recorded += receipt.Recorded
	w.state = progress.State
	if !progress.ReachedAt.IsZero() {
		w.fetch.ReachedAt = progress.ReachedAt
		return w.fetch.ReachedAt.After(w.fetch.From), nil
	}
	return page.More, nil
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
	from := w.fetch.ReachedAt.Add(-slice)
	if from.Before(w.fetch.From) {
		from = w.fetch.From
	}
	request.Window = &audit.Window{From: from, To: w.fetch.ReachedAt}
	return request
}

// rest says when a fetch that has nothing more to do now goes on.
func (w *walk) rest() audit.FetchEnd {
	if w.fetch.Kind == audit.FetchBackfill {
		return audit.FetchEnd{Done: true}
	}
	interval := nextInterval(w.fetch.PollInterval, w.recorded > 0, w.engine.options.PollFloor)
	return audit.FetchEnd{PollInterval: interval, Delay: jitter(interval)}
}
