package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	pageSize   = 100
	apiVersion = "2022-11-28"
	// timeLayout is what the qualifier `created` takes: whole seconds, with an offset.
	timeLayout = "2006-01-02T15:04:05-07:00"
)

// includes has what the parameter `include` is for each feed that can be fetched.
var includes = map[string]string{feedWeb: "web", feedGit: "git"}

// Fetch reads one page. A window is one walk through the pages of its time; a live feed walks again and again from a
// little before the newest activity that it has seen. Only a whole walk moves that point, so that nothing rests on the
// order of the pages.
func (a *account) Fetch(ctx context.Context, r connector.Request) (connector.Page, error) {
	s, err := a.resume(r)
	if err != nil {
		return connector.Page{}, err
	}
	if err := s.Walk.stuck(a.now()); err != nil {
		return connector.Page{}, err
	}
	answer, err := a.get(ctx, s.Walk.Address, s.Walk.Pages > 0)
	if err != nil {
		return connector.Page{}, err
	}
	records, err := connector.Objects(answer.Body)
	if err != nil {
		return connector.Page{}, err
	}
	if records == nil {
		return connector.Page{}, connector.Fail(connector.Malformed, errors.New("reading page: null instead of a list"))
	}
	next, err := connector.NextLink(answer, a.base)
	if err != nil {
		return connector.Page{}, err
	}
	drafts := make([]audit.Draft, len(records))
	for i, raw := range records {
		if err := ctx.Err(); err != nil {
			return connector.Page{}, err
		}
		drafts[i] = translate(raw)
		s.Walk.see(drafts[i].OccurredAt)
	}
	return s.page(drafts, next, r.Window == nil, a.now())
}

// resume reads the state of the page before, or begins a walk.
func (a *account) resume(r connector.Request) (state, error) {
	include, ok := includes[r.Feed]
	if !ok {
		return state{}, connector.Fail(connector.ConfigurationWrong, fmt.Errorf("feed %q cannot be fetched", r.Feed))
	}
	s := state{Watermark: r.Since}
	if len(r.State) > 0 {
		if err := json.Unmarshal(r.State, &s); err != nil {
			return state{}, connector.Fail(connector.StateRefused, fmt.Errorf("reading state: %w", err))
		}
	}
	if s.Walk == nil {
		s.Walk = begin(a.firstPage(include, created(r.Window, s.Watermark)), a.now())
	}
	// The address was changed since, or the state is not ours: the token must not go there.
	if _, err := connector.FollowLink(a.base, a.base, s.Walk.Address); err != nil {
		return state{}, connector.Fail(connector.StateRefused, fmt.Errorf("reading state: %w", err))
	}
	return s, nil
}

// created is the qualifier for a window, or for what follows a watermark. Its ends are inclusive and in whole seconds:
// they are moved outwards, since repeats are dropped later and a hole would stay.
func created(window *audit.Window, watermark time.Time) string {
	if window == nil {
		return "created:>=" + watermark.Add(-overlap).UTC().Truncate(time.Second).Format(timeLayout)
	}
	from, to := window.From.UTC().Truncate(time.Second), window.To.UTC().Truncate(time.Second)
	if to.Before(window.To) {
		to = to.Add(time.Second)
	}
	return "created:" + from.Format(timeLayout) + ".." + to.Format(timeLayout)
}

func (a *account) firstPage(include, phrase string) string {
	query := url.Values{
		"phrase":   {phrase},
		"include":  {include},
		"order":    {"asc"},
		"per_page": {strconv.Itoa(pageSize)},
	}
	return a.log.String() + "?" + query.Encode()
}

func (a *account) get(ctx context.Context, address string, following bool) (*connector.Answer, error) {
	answer, err := a.http.Get(ctx, address, http.Header{
		"Accept":               {"application/vnd.github+json"},
		"Authorization":        {"Bearer " + a.token},
		"X-Github-Api-Version": {apiVersion},
	})
	if err != nil {
		return nil, refusal(err, following, a.now())
	}
	return answer, nil
}
