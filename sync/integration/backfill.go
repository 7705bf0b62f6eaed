package integration

import (
	"context"
	"errors"
	"slices"
	"time"

	"annals/audit"
)

// maxAhead is how far a client's clock may be ahead of ours.
const maxAhead = time.Minute

// earliest is where all windows begin at the earliest: no vendor has anything older.
var earliest = time.Unix(0, 0).UTC()

// StartBackfill fetches a past window of some feeds once more; of all that can be fetched when feeds is nil. A zero to
// is now.
func (s *Service) StartBackfill(ctx context.Context, view audit.View, id string, feeds []string, from, to time.Time) ([]*audit.Backfill, error) {
	stored, err := s.find(ctx, view, id)
	if err != nil {
		return nil, named(err, "integrationId")
	}
	if to.IsZero() {
		to = s.now()
	}
	switch {
	case to.After(s.now().Add(maxAhead)):
		return nil, audit.Refuse(audit.CodeInvalid, "Must not be in the future.", "to")
	case from.Before(earliest):
		return nil, audit.Refuse(audit.CodeInvalid, "Must not be before 1970.", "from")
	case !from.Before(to):
		return nil, audit.Refuse(audit.CodeInvalid, "Must be before to.", "from")
	}
	fetchable, err := s.store.LiveFeeds(ctx, stored.Tenant, stored.Number)
	if err != nil {
		return nil, err
	}
	if feeds == nil {
		feeds = fetchable
	}
	switch {
	case len(fetchable) == 0:
		return nil, audit.Refuse(audit.CodeConflict, "This integration has no feed that can be fetched.", "integrationId")
	case len(feeds) == 0:
		return nil, audit.Refuse(audit.CodeInvalid, "Must name at least one feed.", "feeds")
	}
	fetches := make([]audit.NewFetch, 0, len(feeds))
	for _, feed := range slices.Compact(slices.Sorted(slices.Values(feeds))) {
		if !slices.Contains(fetchable, feed) {
			return nil, audit.Refuse(audit.CodeInvalid, "Must name feeds of the integration that can be fetched.", "feeds")
		}
		fetches = append(fetches, audit.NewFetch{ID: s.options.NewID(), Feed: feed, Kind: audit.FetchBackfill, From: from, To: to})
	}
	if err := s.store.AddFetches(ctx, stored.Tenant, stored.Number, fetches); err != nil {
		return nil, err
	}
	backfills := make([]*audit.Backfill, len(fetches))
	for n, fetch := range fetches {
		if backfills[n], err = s.store.Backfill(ctx, view, fetch.ID); err != nil {
			return nil, err
		}
	}
	return backfills, nil
}

// CancelBackfill ends a backfill; what it recorded stays.
func (s *Service) CancelBackfill(ctx context.Context, view audit.View, id string) (*audit.Backfill, error) {
	parsed, _ := audit.ParseID(id)
	backfill, err := s.Backfill(ctx, view, parsed)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, audit.Refuse(audit.CodeNotFound, "There is no backfill of this id.", "id")
	}
	if err != nil {
		return nil, err
	}
	err = s.store.CancelBackfill(ctx, view.Tenant(), backfill.Number)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, audit.Refuse(audit.CodeConflict, "The backfill has ended already.", "id")
	}
	if err != nil {
		return nil, err
	}
	return s.store.Backfill(ctx, view, backfill.Number)
}
