package audit_test

import (
	"testing"
	"time"

	"annals/audit"
)

func TestIntegrationStatus(t *testing.T) {
	t.Parallel()
	well, ill := audit.Feed{}, audit.Feed{Reason: audit.ReasonRateLimited}
	for name, tc := range map[string]struct {
		integration audit.Integration
		status      audit.IntegrationStatus
		reason      audit.HealthReason
	}{
		"no feeds":         {audit.Integration{}, audit.IntegrationWorking, ""},
		"well":             {audit.Integration{Feeds: []audit.Feed{well, well}}, audit.IntegrationWorking, ""},
		"one ill":          {audit.Integration{Feeds: []audit.Feed{well, ill}}, audit.IntegrationDegraded, audit.ReasonRateLimited},
		"all ill":          {audit.Integration{Feeds: []audit.Feed{ill, ill}}, audit.IntegrationBroken, audit.ReasonRateLimited},
		"never pushed":     {audit.Integration{Feeds: []audit.Feed{ill, {Status: audit.CoverageUnverifiable}}}, audit.IntegrationBroken, audit.ReasonRateLimited},
		"pushed":           {audit.Integration{Feeds: []audit.Feed{ill, {Status: audit.CoverageUnverifiable, LastRecordedAt: &now}}}, audit.IntegrationDegraded, audit.ReasonRateLimited},
		"pushed only":      {audit.Integration{Feeds: []audit.Feed{{Status: audit.CoverageUnverifiable}}}, audit.IntegrationWorking, ""},
		"paused":           {audit.Integration{Feeds: []audit.Feed{ill}, PausedAt: &now}, audit.IntegrationPaused, audit.ReasonPausedByPerson},
		"deleted when ill": {audit.Integration{Feeds: []audit.Feed{ill}, PausedAt: &now, DeletedAt: &now}, audit.IntegrationDeleted, ""},
	} {
		var reason audit.HealthReason
		if r := tc.integration.Reason(); r != nil {
			reason = *r
		}
		if status := tc.integration.Status(); status != tc.status || reason != tc.reason {
			t.Errorf("%s: %s, %q, want %s, %q", name, status, reason, tc.status, tc.reason)
		}
	}
}

func TestBackfillProgress(t *testing.T) {
	t.Parallel()
	ago := func(hours int) *time.Time { return new(now.Add(-time.Duration(hours) * time.Hour)) }
	for name, tc := range map[string]struct {
		backfill audit.Backfill
		want     *float64
	}{
		"unknown end":       {audit.Backfill{To: now, ReachedAt: ago(1)}, nil},
		"not begun":         {audit.Backfill{From: ago(4), To: now}, new(0.0)},
		"a quarter":         {audit.Backfill{From: ago(4), To: now, ReachedAt: ago(1)}, new(0.25)},
		"all read":          {audit.Backfill{From: ago(4), To: now, ReachedAt: ago(4)}, new(1.0)},
		"further than that": {audit.Backfill{From: ago(4), To: now, ReachedAt: ago(9)}, new(1.0)},
		"no time at all":    {audit.Backfill{From: &now, To: now, ReachedAt: &now}, new(0.0)},
		"done":              {audit.Backfill{To: now, Status: audit.BackfillDone}, new(1.0)},
	} {
		got := tc.backfill.Progress()
		if (got == nil) != (tc.want == nil) || got != nil && *got != *tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestFetchPaths(t *testing.T) {
	t.Parallel()
	if audit.FetchLive.Path() != audit.PathPoll || audit.FetchBackfill.Path() != audit.PathBackfill {
		t.Errorf("live arrives by %s, a backfill by %s", audit.FetchLive.Path(), audit.FetchBackfill.Path())
	}
}
