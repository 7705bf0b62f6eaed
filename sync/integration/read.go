package integration

import (
	"context"
	"errors"
	"time"

	"annals/audit"
)

// List gives a page of integrations by name, deleted ones last. Mistakes are ArgumentErrors below `integrations`.
func (s *Service) List(ctx context.Context, view audit.View, args audit.PageArgs) (*audit.IntegrationPage, error) {
	all, err := s.All(ctx, view)
	if err != nil {
		return nil, err
	}
	part, cursors, info, err := audit.Cut("integrations", all, func(i *audit.Integration) string { return i.Number.String() }, args)
	if err != nil {
		return nil, err
	}
	page := &audit.IntegrationPage{TotalCount: int64(len(all)), PageInfo: info, Edges: make([]*audit.IntegrationEdge, len(part))}
	for n, i := range part {
		page.Edges[n] = &audit.IntegrationEdge{Cursor: cursors[n], Node: i}
	}
	return page, nil
}

// Get gives an integration by its global id; ErrNotFound when it is none, another tenant's, or not visible.
func (s *Service) Get(ctx context.Context, view audit.View, id audit.ID) (*audit.Integration, error) {
	return s.fresh(ctx, view, own(view, id))
}

// ByID gives integrations in the order of their numbers, nil where one is not visible.
func (s *Service) ByID(ctx context.Context, view audit.View, ids []audit.IntegrationID) ([]*audit.Integration, error) {
	found, err := s.store.IntegrationsByID(ctx, view, ids)
	if err != nil {
		return nil, err
	}
	s.describe(found)
	byID := make(map[audit.IntegrationID]*audit.Integration, len(found))
	for _, i := range found {
		byID[i.Number] = i
	}
	integrations := make([]*audit.Integration, len(ids))
	for n, id := range ids {
		integrations[n] = byID[id]
	}
	return integrations, nil
}

// All gives all visible integrations.
func (s *Service) All(ctx context.Context, view audit.View) ([]*audit.Integration, error) {
	all, err := s.store.Integrations(ctx, view)
	s.describe(all)
	return all, err
}

// Follow gives all integrations of a tenant, for one who reads them once for many and shows each what its view sees.
func (s *Service) Follow(ctx context.Context, tenant audit.TenantID) ([]*audit.Integration, error) {
	all, err := s.store.FollowIntegrations(ctx, tenant)
	s.describe(all)
	return all, err
}

// describe says of the feeds what only their connector tells: their labels, and whether they are as complete as they
// can be by now.
func (s *Service) describe(integrations []*audit.Integration) {
	for _, i := range integrations {
		registration, _ := s.catalogue.find(i.ConnectorName)
		for n := range i.Feeds {
			feed := &i.Feeds[n]
			described, ok := registration.Connector.Feed(feed.Name)
			feed.Label = feed.Name
			if ok {
				feed.Label = described.Label
			}
			if feed.Status == audit.CoverageComplete && feed.CompleteThrough.Before(s.now().Add(-usualLag(*feed, described))) {
				feed.Status = audit.CoverageBehind
			}
		}
	}
}

// Polling intervals that a feed's usual lag is told by: of one that has not been polled yet, and the shortest.
const (
	unknownInterval  = 15 * time.Minute
	shortestInterval = time.Minute
)

// usualLag is how old a watermark may be while all goes well: the vendor's delay, two polls of which one may just have
// missed an activity, and a minute for fetching itself.
func usualLag(feed audit.Feed, described audit.ConnectorFeed) time.Duration {
	interval := unknownInterval
	if feed.PollInterval != nil {
		interval = max(time.Duration(*feed.PollInterval), shortestInterval)
	}
	return time.Duration(described.Delay) + 2*interval + time.Minute
}

// Settings shows the settings of an integration in the form's order.
func (s *Service) Settings(i *audit.Integration) []*audit.Setting {
	registration, _ := s.catalogue.find(i.ConnectorName)
	settings := []*audit.Setting{}
	for _, field := range registration.Connector.Settings {
		setting := &audit.Setting{Name: field.Name}
		if field.Secret {
			for _, name := range i.SecretNames {
				setting.IsSet = setting.IsSet || name == field.Name
			}
		} else if value, ok := i.Values[field.Name]; ok {
			setting.Value, setting.IsSet = audit.JSON(value), true
		}
		settings = append(settings, setting)
	}
	return settings
}

// Backfills gives those of an integration, newest first.
func (s *Service) Backfills(ctx context.Context, view audit.View, i *audit.Integration) ([]*audit.Backfill, error) {
	return s.store.Backfills(ctx, view, i.Number)
}

// Backfill gives one by its global id; ErrNotFound when it is none or another tenant's.
func (s *Service) Backfill(ctx context.Context, view audit.View, id audit.ID) (*audit.Backfill, error) {
	number := id.Number
	if id.Kind != audit.KindBackfill || id.Tenant != view.Tenant() {
		number = 0 // asked for all the same, so that every miss takes the same way
	}
	backfill, err := s.store.Backfill(ctx, view, number)
	if err != nil {
		return nil, err
	}
	if _, err := s.fresh(ctx, view, backfill.IntegrationID); err != nil {
		return nil, err
	}
	return backfill, nil
}

// named makes a mistake in `id` one of another input field.
func named(err error, field string) error {
	problems, ok := errors.AsType[audit.UserErrors](err)
	if !ok {
		return err
	}
	for _, problem := range problems {
		problem.Field = []string{"input", field}
	}
	return problems
}
