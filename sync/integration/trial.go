package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// trialsPerMinute bounds how often a tenant may try credentials, so that we are no tool to guess them.
	trialsPerMinute = 10
	// trialWindow is the past that a trial reads, trialTime how long all of its feeds together may take: an operation of
	// the API ends after 10 s, and its answers are lost then.
	trialWindow = 24 * time.Hour
	trialTime   = 8 * time.Second
)

// trials bounds the trials of each tenant.
type trials struct {
	now  func() time.Time
	mu   sync.Mutex
	last map[audit.TenantID][]time.Time // those of the last minute, oldest first; guarded by mu
}

func newTrials(now func() time.Time) *trials {
	return &trials{now: now, last: map[audit.TenantID][]time.Time{}}
}

func (t *trials) allow(tenant audit.TenantID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	last := slices.DeleteFunc(t.last[tenant], func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	allowed := len(last) < trialsPerMinute
	if allowed {
		last = append(last, now)
	}
	t.last[tenant] = last
	return allowed
}

// Test tries the settings of an integration, or of one to be, without saving or recording anything. Either id or
// connectorName is given; with an id the settings lie over the saved ones. It gives one check per feed that can be
// fetched. Mistakes are UserErrors.
func (s *Service) Test(ctx context.Context, view audit.View, id, connectorName *string, settings []*audit.SettingInput) ([]*audit.IntegrationCheck, error) {
	if !s.trials.allow(view.Tenant()) {
		return nil, audit.Refuse(audit.CodeLimit, "At most 10 trials a minute.")
	}
	stored := audit.StoredIntegration{Integration: audit.Integration{Tenant: view.Tenant()}}
	var present map[string]json.RawMessage
	switch {
	case (id == nil) == (connectorName == nil):
		return nil, audit.Refuse(audit.CodeInvalid, "Give either id or connector.", "connector")
	case id != nil:
		var err error
		if stored, err = s.find(ctx, view, *id); err != nil {
			return nil, err
		}
		if present, err = s.unseal(stored); err != nil {
			return nil, err
		}
	default:
		stored.ConnectorName = *connectorName
	}
	registration, ok := s.catalogue.find(stored.ConnectorName)
	if !ok || registration.Open == nil {
		return nil, audit.Refuse(audit.CodeNotFound, "There is no connector of this name: see connectors.", "connector")
	}
	values, problems := s.overlay(registration.Connector, present, settings)
	if len(problems) > 0 {
		return nil, problems
	}
	opened, err := s.open(registration, stored, values)
	if err != nil {
		return nil, refusal(err)
	}
	return s.try(ctx, registration.Connector, opened)
}

// try asks for one feed after the other, since vendors' limits are for the account. Each may take its part of the time
// that is left. When the caller's own time ends there are no checks: of a feed that nobody was asked for there is nothing
// to say.
func (s *Service) try(ctx context.Context, c audit.Connector, opened connector.Opened) ([]*audit.IntegrationCheck, error) {
	checks := []*audit.IntegrationCheck{}
	fetcher, ok := opened.(connector.Fetcher)
	if !ok {
		return checks, nil
	}
	feeds := slices.DeleteFunc(slices.Clone(c.Feeds), func(feed audit.ConnectorFeed) bool { return feed.PushOnly })
	begun := s.now()
	for i, feed := range feeds {
		left := trialTime - s.now().Sub(begun)
		check := s.tryFeed(ctx, fetcher, feed.Name, left/time.Duration(len(feeds)-i))
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("trying the feed %s: %w", feed.Name, err)
		}
		checks = append(checks, check)
	}
	return checks, nil
}

// tryFeed asks for the last hour, and for a day where that holds nothing: vendors give what they have from the oldest on,
// and of a busy account the first page of a day is old.
func (s *Service) tryFeed(ctx context.Context, fetcher connector.Fetcher, feed string, atMost time.Duration) *audit.IntegrationCheck {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	now := s.now()
	ask := func(past time.Duration) ([]audit.Draft, error) {
		page, err := fetcher.Fetch(ctx, connector.Request{Feed: feed, Window: &audit.Window{From: now.Add(-past), To: now}})
		return page.Drafts, err
	}
	drafts, err := ask(time.Hour)
	if err != nil {
		return &audit.IntegrationCheck{Feed: feed, Reason: connector.ClassOf(err).Reason()}
	}
	if len(drafts) == 0 {
		drafts, _ = ask(trialWindow) // that it works is known by now
	}
	check := &audit.IntegrationCheck{Feed: feed, OK: true}
	for _, draft := range drafts {
		if !draft.OccurredAt.IsZero() && (check.NewestOccurredAt == nil || draft.OccurredAt.After(*check.NewestOccurredAt)) {
			check.NewestOccurredAt = new(draft.OccurredAt)
		}
	}
	return check
}
