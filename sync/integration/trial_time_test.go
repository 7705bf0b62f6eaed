package integration

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
	"annals/sync/connector"
)

// slow is a vendor that takes its time for each feed, or never answers for one it has none of.
type slow struct {
	takes map[string]time.Duration
	asked []string
}

func (s *slow) Fetch(ctx context.Context, r connector.Request) (connector.Page, error) {
	s.asked = append(s.asked, r.Feed)
	var answer <-chan time.Time
	if takes, ok := s.takes[r.Feed]; ok {
		answer = time.After(takes)
	}
	select {
	case <-answer:
		return connector.Page{}, nil
	case <-ctx.Done():
		return connector.Page{}, ctx.Err()
	}
}

// TestFeedsShareTheTimeOfATrial: a feed that does not answer leaves time for those behind it, and the answer comes
// before the API's operation ends.
func TestFeedsShareTheTimeOfATrial(t *testing.T) {
	t.Parallel()
	const operation = 10 * time.Second
	example := audit.Connector{Feeds: []audit.ConnectorFeed{{Name: "a"}, {Name: "hook", PushOnly: true}, {Name: "b"}, {Name: "c"}}}
	works := func(feed string) *audit.IntegrationCheck { return &audit.IntegrationCheck{Feed: feed, OK: true} }
	silent := func(feed string) *audit.IntegrationCheck {
		return &audit.IntegrationCheck{Feed: feed, Reason: audit.ReasonVendorUnavailable}
	}
	for what, test := range map[string]struct {
		takes map[string]time.Duration
		want  []*audit.IntegrationCheck
	}{
		"all answer":                      {map[string]time.Duration{"a": time.Second, "b": time.Second, "c": time.Second}, []*audit.IntegrationCheck{works("a"), works("b"), works("c")}},
		"the first is silent":             {map[string]time.Duration{"b": 2 * time.Second, "c": 2 * time.Second}, []*audit.IntegrationCheck{silent("a"), works("b"), works("c")}},
		"quick ones leave time":           {map[string]time.Duration{"a": 0, "b": 0, "c": 7 * time.Second}, []*audit.IntegrationCheck{works("a"), works("b"), works("c")}},
		"none answers":                    {nil, []*audit.IntegrationCheck{silent("a"), silent("b"), silent("c")}},
		"the last one is asked, in time":  {map[string]time.Duration{"c": 2 * time.Second}, []*audit.IntegrationCheck{silent("a"), silent("b"), works("c")}},
		"the last one is asked, too late": {map[string]time.Duration{"c": 3 * time.Second}, []*audit.IntegrationCheck{silent("a"), silent("b"), silent("c")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), operation)
			defer cancel()
			vendor := &slow{takes: test.takes}
			s := &Service{options: Options{Now: time.Now}}
			checks, err := s.try(ctx, example, vendor)
			if diff := cmp.Diff(test.want, checks); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got)\n%s", what, err, diff)
			}
			if len(slices.Compact(vendor.asked)) != 3 {
				t.Errorf("%s: asked for %q, want each feed", what, vendor.asked)
			}
		})
	}
}

// TestATrialThatIsCutShortSaysNothing: a vendor that was not asked is not called unavailable.
func TestATrialThatIsCutShortSaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		vendor := &slow{}
		s := &Service{options: Options{Now: time.Now}}
		checks, err := s.try(ctx, audit.Connector{Feeds: []audit.ConnectorFeed{{Name: "a"}, {Name: "b"}}}, vendor)
		if checks != nil || !errors.Is(err, context.DeadlineExceeded) || len(vendor.asked) != 1 {
			t.Errorf("%v, %v after asking for %q, want an error after the first", checks, err, vendor.asked)
		}
	})
}

// busy gives the oldest activity of a window, as vendors do that page forward.
type busy struct{ since time.Time }

func (b busy) Fetch(_ context.Context, r connector.Request) (connector.Page, error) {
	if !r.Window.To.After(b.since) {
		return connector.Page{}, nil
	}
	oldest := r.Window.From
	if oldest.Before(b.since) {
		oldest = b.since
	}
	return connector.Page{More: true, Drafts: []audit.Draft{{OccurredAt: oldest}}}, nil
}

// TestATrialShowsSomethingRecent: of an account with thousands a day, too.
func TestATrialShowsSomethingRecent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{options: Options{Now: time.Now}}
		check := s.tryFeed(t.Context(), busy{time.Now().Add(-48 * time.Hour)}, "a", time.Second)
		if check.NewestOccurredAt == nil || time.Since(*check.NewestOccurredAt) > time.Hour {
			t.Errorf("%+v, want something of the last hour", check)
		}
	})
}
