package cloudtrail

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// overlap covers what comes late. AWS names 5 minutes on average and promises nothing.
	overlap = 30 * time.Minute
	// longestRound bounds what a live feed reads before its watermark moves.
	longestRound = 24 * time.Hour
)

var errSameToken = errors.New("the next page has the token of this one")

// state is where a walk stands. A walk goes through one region after the other, in each from the newest event to the
// oldest: only its end tells what has been read. AWS takes a token only with the very times that it was made for.
type state struct {
	From   time.Time `json:"from"` // both inclusive, whole seconds
	To     time.Time `json:"to"`
	Region string    `json:"region,omitempty"` // that is being read; empty when the walk is done
	Token  string    `json:"token,omitempty"`
}

func (s state) done() bool { return s.Region == "" }

// position says what a request is to read.
func (c *client) position(r connector.Request) (state, error) {
	if r.State == nil {
		return c.begin(r), nil
	}
	var s state
	if err := json.Unmarshal(r.State, &s); err != nil {
		return state{}, connector.Fail(connector.StateRefused, fmt.Errorf("reading state: %w", err))
	}
	switch known := slices.Contains(c.regions, s.Region); {
	case known:
		return s, nil
	case r.Window != nil:
		return c.window(*r.Window), nil
	case !s.done(): // its region was taken out of the settings
		s.Region, s.Token = c.regions[0], ""
		return s, nil
	}
	return c.round(s.To.Add(-overlap), s.To), nil
}

func (c *client) begin(r connector.Request) state {
	if r.Window != nil {
		return c.window(*r.Window)
	}
	return c.round(r.Since, r.Since)
}

// window reads a second more than the half-open window, since the end that AWS takes is inclusive.
func (c *client) window(w audit.Window) state {
	return state{From: w.From.Truncate(time.Second), To: ceil(w.To), Region: c.regions[0]}
}

// round begins a walk of a live feed from a time on, which goes beyond what has been read and at most a day far.
func (c *client) round(from, read time.Time) state {
	from = from.UTC().Truncate(time.Second)
	to := c.now().UTC().Truncate(time.Second)
	if latest := ceil(read).Add(longestRound); to.After(latest) {
		to = latest
	}
	if to.Before(read) { // the clock went back
		to = ceil(read)
	}
	return state{From: from, To: to, Region: c.regions[0]}
}

func ceil(t time.Time) time.Time { return t.Add(time.Second - 1).UTC().Truncate(time.Second) }

// advance moves on behind a page: to the next page, else to the next region, else to the end.
func (s state) advance(regions []string, token string) (state, error) {
	if token != "" && token == s.Token {
		return state{}, connector.Fail(connector.Malformed, errSameToken)
	}
	s.Token = token
	if token != "" {
		return s, nil
	}
	next := slices.Index(regions, s.Region) + 1
	if next == len(regions) {
		s.Region = ""
	} else {
		s.Region = regions[next]
	}
	return s, nil
}
