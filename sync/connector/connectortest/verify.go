package connectortest

import (
	"bytes"
	"slices"
	"time"

	"go.uber.org/goleak"

	"annals/audit"
	"annals/simulator"
	"annals/sync/connector"
)

// store takes a page as the engine does.
func (r *run) store(request connector.Request, page connector.Page) {
	r.Helper()
	bodies := r.stage.served()
	for _, draft := range page.Drafts {
		r.check(draft, bodies)
		r.contents[draft.Key] = draft.Content
	}
	if request.Window == nil && len(page.Next) == 0 {
		r.Errorf("a live page without a state to go on from")
	}
	if request.Window == nil && !page.CompleteThrough.IsZero() {
		r.checkComplete(page.CompleteThrough)
	}
}

// check holds a draft against the rules, against what was served, and against its earlier copies.
func (r *run) check(draft audit.Draft, bodies [][]byte) {
	r.Helper()
	for _, problem := range draftProblems(r.suite.Registration.Connector.Name, draft) {
		r.Errorf("draft %q: %s", draft.Key, problem)
	}
	contains := r.suite.Contains
	if contains == nil {
		contains = bytes.Contains
	}
	if !slices.ContainsFunc(bodies, func(body []byte) bool { return contains(body, draft.Raw) }) {
		r.Errorf("draft %q: its raw bytes were not served: %s", draft.Key, draft.Raw)
	}
	if before, ok := r.contents[draft.Key]; ok && before != draft.Content {
		r.Errorf("draft %q: its content differs from that of its copy before", draft.Key)
	}
	item, ok := r.items[draft.Key]
	if !ok {
		r.Errorf("draft %q: the vendor holds nothing under this key", draft.Key)
		return
	}
	if off := draft.OccurredAt.Sub(item.At).Abs(); !draft.OccurredAt.IsZero() && off >= time.Second {
		r.Errorf("draft %q: it occurred at %v instead of %v", draft.Key, draft.OccurredAt, item.At)
	}
}

// checkComplete makes sure that nothing is missing which the vendor showed at once. What it shows late, no watermark
// can know of.
func (r *run) checkComplete(through time.Time) {
	r.Helper()
	if through.After(r.clock.now()) {
		r.Errorf("complete through %v, which is not over yet at %v", through, r.clock.now())
	}
	missing := r.missing(func(item simulator.Item) bool {
		return !item.At.Before(begin) && item.At.Before(through) && !item.Visible.After(item.At)
	})
	if len(missing) > 0 {
		r.Errorf("complete through %v, but %d are lost, the first is %q", through, len(missing), missing[0])
	}
	if through.After(r.completeThrough) {
		r.completeThrough = through
	}
}

// expect compares what is recorded with what happened in a half-open time.
func (r *run) expect(from, to time.Time) {
	r.Helper()
	missing := r.missing(func(item simulator.Item) bool { return !item.At.Before(from) && item.At.Before(to) })
	if len(missing) > 0 {
		r.Errorf("%d of %d are lost, the first is %q", len(missing), len(r.items), missing[0])
	}
	if len(r.contents) == 0 {
		r.Errorf("nothing was recorded")
	}
}

// missing lists the keys of those items that are not recorded.
func (r *run) missing(of func(simulator.Item) bool) []string {
	var keys []string
	for key, item := range r.items {
		if _, recorded := r.contents[key]; !recorded && of(item) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// finish checks what must hold of a run as a whole.
func (r *run) finish() {
	r.Helper()
	if n := r.faults.Early(); n > 0 {
		r.Errorf("%d requests came before the time that the rate limit told", n)
	}
	r.account.conceals(r, "the log", r.log.String())
	r.client.CloseIdleConnections()
	r.stage.close()
	goleak.VerifyNone(r, r.leaks)
}
