package integration

import (
	"context"
	"errors"

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
	s.label(found)
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
	s.label(all)
	return all, err
}

// label names the feeds for people.
func (s *Service) label(integrations []*audit.Integration) {
	for _, i := range integrations {
		registration, _ := s.catalogue.find(i.ConnectorName)
		for n := range i.Feeds {
			i.Feeds[n].Label = i.Feeds[n].Name
			if feed, ok := registration.Connector.Feed(i.Feeds[n].Name); ok {
				i.Feeds[n].Label = feed.Label
			}
		}
	}
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
