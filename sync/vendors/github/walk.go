package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// state is where a feed resumes.
type state struct {
	// Watermark is the newest time that a whole walk of the live feed has seen.
	Watermark time.Time `json:"watermark,omitzero"`
	Walk      *walk     `json:"walk,omitempty"` // under way; nil between two walks
}

// walk is one pass through the pages from the first to the last. GitHub's cursors are kept from one page to the next
// and no longer: how long they live is not documented.
type walk struct {
	Address string    `json:"address"` // of the page to read
	Pages   int       `json:"pages"`   // read so far
	Began   time.Time `json:"began"`
	Newest  time.Time `json:"newest,omitzero"` // time seen, not after Began: clocks may be wrong, and so are some times
	// Mark is an address that was read, set anew when the pages since are as many as Until: a circle of any length
	// leads back to it again and again sooner or later (R. P. Brent, 1980).
	Mark  string    `json:"mark"`
	Since int       `json:"since"`
	Until int       `json:"until"`
	Met   int       `json:"met"`            // how often the next page was Mark
	Stuck time.Time `json:"stuck,omitzero"` // when that was too often
}

const (
	// patience is how often the pages may lead back to one place: an empty page may ask for the same once more.
	patience = 10
	// stuckFor is how long a circle of pages stops a walk. Then it begins anew.
	stuckFor = time.Hour
)

func begin(address string, now time.Time) *walk {
	return &walk{Address: address, Began: now, Mark: address, Until: 1}
}

func (w *walk) stuck(now time.Time) error {
	switch {
	case w.Stuck.IsZero():
		return nil
	case now.Sub(w.Stuck) < stuckFor:
		return connector.Fail(connector.Malformed, errors.New("the links to the next page go in a circle"))
	}
	return connector.Fail(connector.StateRefused, errors.New("the links to the next page went in a circle"))
}

func (w *walk) see(t time.Time) {
	if t.After(w.Began) {
		t = w.Began
	}
	w.Newest = later(w.Newest, t)
}

// follow goes to the next page. All pages of a circle have been read when it closes.
func (w *walk) follow(next string, now time.Time) {
	w.Address = next
	w.Pages++
	if next == w.Mark {
		if w.Met++; w.Met == patience {
			w.Stuck = now
		}
		return
	}
	if w.Since++; w.Since == w.Until {
		w.Mark, w.Since, w.Until, w.Met = next, 0, 2*w.Until, 0
	}
}

// page ends a fetch: with the address of the next page the walk goes on, without one it is over.
func (s state) page(drafts []audit.Draft, next string, live bool, now time.Time) (connector.Page, error) {
	page := connector.Page{Drafts: drafts, More: next != ""}
	if page.More {
		s.Walk.follow(next, now)
	} else {
		if live {
			page.CompleteThrough = s.Walk.Began
		}
		s = state{Watermark: later(s.Watermark, s.Walk.Newest)}
	}
	var err error
	if page.Next, err = json.Marshal(s); err != nil {
		return connector.Page{}, fmt.Errorf("writing state: %w", err)
	}
	return page, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
