// Package integration sets up the vendor accounts of a tenant: create, change, test, pause, rotate. It seals their
// secrets, and opens the vendors' code with them.
package integration

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"annals/audit"
	"annals/secret"
	"annals/sync/connector"
)

// Store is where integrations are kept.
type Store interface {
	CreateIntegration(ctx context.Context, i audit.NewIntegration) error
	// UpdateIntegration writes one that nobody has changed since it was read; the mark of deletion ends all it has.
	UpdateIntegration(ctx context.Context, i audit.StoredIntegration) error
	// ChangeSettings is UpdateIntegration with the fetches that follow, in one transaction.
	ChangeSettings(ctx context.Context, c audit.SettingsChange) error
	StoredIntegration(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) (audit.StoredIntegration, error)
	Integrations(ctx context.Context, view audit.View) ([]*audit.Integration, error)
	// FollowIntegrations is Integrations for followers: all of a tenant.
	FollowIntegrations(ctx context.Context, tenant audit.TenantID) ([]*audit.Integration, error)
	IntegrationsByID(ctx context.Context, view audit.View, ids []audit.IntegrationID) ([]*audit.Integration, error)
	FetchStore
	WebhookStore
}

// FetchStore is where an integration's fetches are kept.
type FetchStore interface {
	AddFetches(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID, fetches []audit.NewFetch) error
	LiveFeeds(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) ([]string, error)
	RunFetches(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) error
	CancelBackfill(ctx context.Context, tenant audit.TenantID, id int64) error
	Backfill(ctx context.Context, view audit.View, id int64) (*audit.Backfill, error)
	Backfills(ctx context.Context, view audit.View, id audit.IntegrationID) ([]*audit.Backfill, error)
}

// WebhookStore is where an integration's webhook is kept.
type WebhookStore interface {
	Webhook(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) (audit.StoredWebhook, error)
	RotateWebhook(ctx context.Context, i audit.StoredIntegration, webhook audit.StoredWebhook, keepOld time.Time) error
}

// Service manages integrations.
type Service struct {
	store     Store
	catalogue Catalogue
	options   Options
	cache     *openedCache
	trials    *trials
}

// Options are what the service is made with.
type Options struct {
	Sealer    *secret.Sealer
	Client    *connector.Client
	Guard     *connector.Guard
	PublicURL string       // where webhooks reach us
	NewID     func() int64 // positive and random
	Now       func() time.Time
	Log       *slog.Logger
}

// New makes a service.
func New(store Store, catalogue Catalogue, o Options) *Service {
	return &Service{store: store, catalogue: catalogue, options: o, cache: newOpenedCache(o.Now), trials: newTrials(o.Now)}
}

// Create sets up an integration. Its live feeds and its first backfill begin by themselves; backfill bounds how far
// back that reaches, nil is as far as the vendor keeps. The webhook's secret is given once, empty when the vendor does
// not push. Mistakes are UserErrors.
func (s *Service) Create(ctx context.Context, view audit.View, name, connectorName string, settings []*audit.SettingInput, backfill *audit.Duration) (*audit.Integration, string, error) {
	registration, ok := s.catalogue.find(connectorName)
	if !ok || registration.Open == nil {
		return nil, "", audit.Refuse(audit.CodeNotFound, "There is no connector of this name: see connectors.", "connector")
	}
	now := s.now()
	stored := audit.StoredIntegration{Integration: audit.Integration{
		Tenant: view.Tenant(), Number: audit.IntegrationID(s.options.NewID()), Name: strings.TrimSpace(name),
		ConnectorName: connectorName, CreatedAt: now, UpdatedAt: now,
	}}
	values, problems := s.overlay(registration.Connector, nil, settings)
	problems = append(problems, s.checkName(stored.Integration)...)
	if backfill != nil && *backfill < 0 {
		problems = append(problems, mistake("Must not be negative.", "backfill"))
	}
	if len(problems) > 0 {
		return nil, "", problems
	}
	opened, err := s.open(registration, stored, values)
	if err != nil {
		return nil, "", refusal(err)
	}
	if err := s.seal(&stored, registration.Connector, values); err != nil {
		return nil, "", err
	}
	webhook, webhookSecret, err := s.newWebhook(stored, opened)
	if err != nil {
		return nil, "", err
	}
	err = s.store.CreateIntegration(ctx, audit.NewIntegration{
		StoredIntegration: stored, FeedNames: feedNames(registration.Connector), Webhook: webhook,
		Fetches: s.firstFetches(registration.Connector, opened, now, backfill),
	})
	if err := nameTaken(err); err != nil {
		return nil, "", err
	}
	created, err := s.fresh(ctx, view, stored.Number)
	return created, webhookSecret, err
}

func feedNames(c audit.Connector) []string {
	names := make([]string, len(c.Feeds))
	for i, feed := range c.Feeds {
		names[i] = feed.Name
	}
	return names
}

// firstFetches are a live fetch for every feed that can be fetched, and a backfill behind it.
func (s *Service) firstFetches(c audit.Connector, opened connector.Opened, now time.Time, reach *audit.Duration) []audit.NewFetch {
	if _, ok := opened.(connector.Fetcher); !ok {
		return nil
	}
	var fetches []audit.NewFetch
	for _, feed := range c.Feeds {
		if feed.PushOnly {
			continue
		}
		fetches = append(fetches, audit.NewFetch{ID: s.options.NewID(), Feed: feed.Name, Kind: audit.FetchLive})
		back := feed.Retention
		if reach != nil && (back == 0 || *reach < back) {
			back = *reach
		} else if back == 0 {
			back = defaultReach
		}
		if back > 0 {
			fetches = append(fetches, audit.NewFetch{
				ID: s.options.NewID(), Feed: feed.Name, Kind: audit.FetchBackfill,
				From: later(now.Add(-time.Duration(back)), earliest), To: now,
			})
		}
	}
	return fetches
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// defaultReach is how far the first backfill goes back where the vendor keeps activities for ever.
const defaultReach = audit.Duration(365 * 24 * time.Hour)

// Update changes name or settings; nil keeps them. Where the vendor's address or account changes, the secrets must be
// given again, so that nobody can have them sent elsewhere. Mistakes are UserErrors.
func (s *Service) Update(ctx context.Context, view audit.View, id string, name *string, settings []*audit.SettingInput) (*audit.Integration, error) {
	stored, err := s.find(ctx, view, id)
	if err != nil {
		return nil, err
	}
	registration, ok := s.catalogue.find(stored.ConnectorName)
	if !ok || registration.Open == nil {
		return nil, audit.Refuse(audit.CodeConflict, "This integration is built in and has no settings.", "id")
	}
	present, err := s.unseal(stored)
	if err != nil {
		return nil, err
	}
	values, problems := s.overlay(registration.Connector, present, settings)
	if name != nil {
		stored.Name = strings.TrimSpace(*name)
		problems = append(problems, s.checkName(stored.Integration)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	opened, err := s.open(registration, stored, values)
	if err != nil {
		return nil, refusal(err)
	}
	if err := s.seal(&stored, registration.Connector, values); err != nil {
		return nil, err
	}
	s.touch(&stored)
	change := audit.SettingsChange{StoredIntegration: stored, Moved: moved(registration.Connector, present, values)}
	if change.Fetches, err = s.newFetches(ctx, change, registration.Connector, opened); err != nil {
		return nil, err
	}
	if err := nameTaken(s.store.ChangeSettings(ctx, change)); err != nil {
		return nil, err
	}
	return s.fresh(ctx, view, stored.Number)
}

// newFetches are those of the feeds that are not fetched yet, or of all feeds where the account is another one.
func (s *Service) newFetches(ctx context.Context, change audit.SettingsChange, c audit.Connector, opened connector.Opened) ([]audit.NewFetch, error) {
	fetches := s.firstFetches(c, opened, change.UpdatedAt, nil)
	if change.Moved || len(fetches) == 0 {
		return fetches, nil
	}
	live, err := s.store.LiveFeeds(ctx, change.Tenant, change.Number)
	return slices.DeleteFunc(fetches, func(fetch audit.NewFetch) bool { return slices.Contains(live, fetch.Feed) }), err
}

// touch marks an integration as changed now: later than it was changed before, so that both can be told apart.
func (s *Service) touch(stored *audit.StoredIntegration) {
	stored.UpdatedAt = s.now()
	if !stored.UpdatedAt.After(stored.Version) {
		stored.UpdatedAt = stored.Version.Add(time.Microsecond)
	}
}

// save writes an integration that a person has changed.
func (s *Service) save(ctx context.Context, stored audit.StoredIntegration) error {
	s.touch(&stored)
	return s.store.UpdateIntegration(ctx, stored)
}

func nameTaken(err error) error {
	if errors.Is(err, audit.ErrTaken) {
		return audit.Refuse(audit.CodeTaken, "Another integration has this name.", "name")
	}
	return err
}

// Pause stops fetching.
func (s *Service) Pause(ctx context.Context, view audit.View, id string) (*audit.Integration, error) {
	stored, err := s.change(ctx, view, id)
	if err != nil {
		return nil, err
	}
	if stored.PausedAt == nil {
		stored.PausedAt = new(s.now())
		if err := s.save(ctx, stored); err != nil {
			return nil, err
		}
	}
	return s.fresh(ctx, view, stored.Number)
}

// Resume goes on where it was paused: the fetches read from their last position.
func (s *Service) Resume(ctx context.Context, view audit.View, id string) (*audit.Integration, error) {
	stored, err := s.change(ctx, view, id)
	if err != nil {
		return nil, err
	}
	if stored.PausedAt != nil {
		stored.PausedAt = nil
		if err := s.save(ctx, stored); err != nil {
			return nil, err
		}
		if err := s.store.RunFetches(ctx, stored.Tenant, stored.Number); err != nil {
			return nil, err
		}
	}
	return s.fresh(ctx, view, stored.Number)
}

// Delete forgets the credentials and stops; the activities stay.
func (s *Service) Delete(ctx context.Context, view audit.View, id, confirmName string) (*audit.Integration, error) {
	stored, err := s.change(ctx, view, id)
	if err != nil {
		return nil, err
	}
	if builtIn(stored.Integration) {
		return nil, audit.Refuse(audit.CodeConflict, "This integration is built in.", "id")
	}
	if stored.Name != confirmName {
		return nil, audit.Refuse(audit.CodeInvalid, "Must be the integration's name.", "confirmName")
	}
	stored.DeletedAt = new(s.now())
	if err := s.save(ctx, stored); err != nil {
		return nil, err
	}
	s.cache.drop(stored)
	return s.fresh(ctx, view, stored.Number)
}

// change is find for what a person may pause, resume or delete: not what records our own activities.
func (s *Service) change(ctx context.Context, view audit.View, id string) (audit.StoredIntegration, error) {
	stored, err := s.find(ctx, view, id)
	if err != nil {
		return stored, err
	}
	if registration, ok := s.catalogue.find(stored.ConnectorName); ok && registration.Open == nil {
		return stored, audit.Refuse(audit.CodeConflict, "This integration is built in.", "id")
	}
	return stored, nil
}

// find gives an integration of the tenant that is not deleted, by its global id.
func (s *Service) find(ctx context.Context, view audit.View, id string) (audit.StoredIntegration, error) {
	parsed, _ := audit.ParseID(id)
	stored, err := s.store.StoredIntegration(ctx, view.Tenant(), own(view, parsed))
	if errors.Is(err, audit.ErrNotFound) || err == nil && stored.DeletedAt != nil {
		return audit.StoredIntegration{}, missing()
	}
	return stored, err
}

// own is the number of an integration of the tenant, 0 of anything else: asked for all the same, so that every miss
// takes the same way.
func own(view audit.View, id audit.ID) audit.IntegrationID {
	if id.Kind != audit.KindIntegration || id.Tenant != view.Tenant() {
		return 0
	}
	return audit.IntegrationID(id.Number)
}

func missing() error {
	return audit.Refuse(audit.CodeNotFound, "There is no integration of this id.", "id")
}

func (s *Service) fresh(ctx context.Context, view audit.View, id audit.IntegrationID) (*audit.Integration, error) {
	found, err := s.ByID(ctx, view, []audit.IntegrationID{id})
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		return nil, audit.ErrNotFound
	}
	return found[0], nil
}

// seal puts the values of a form into an integration: plain ones as they are, secrets sealed for it alone.
func (s *Service) seal(stored *audit.StoredIntegration, c audit.Connector, values map[string]json.RawMessage) error {
	secrets := map[string]json.RawMessage{}
	stored.Values, stored.SecretNames, stored.Sealed = map[string]json.RawMessage{}, nil, nil
	for _, field := range c.Settings {
		value, ok := values[field.Name]
		switch {
		case !ok:
		case field.Secret:
			secrets[field.Name] = value
			stored.SecretNames = append(stored.SecretNames, field.Name)
		default:
			stored.Values[field.Name] = value
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	stored.Sealed, err = s.options.Sealer.Seal(plain, settingsPurpose, place(stored.Tenant, stored.Number)...)
	return err
}

// unseal gives all values of an integration, secrets included.
func (s *Service) unseal(stored audit.StoredIntegration) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	maps.Copy(values, stored.Values)
	if len(stored.Sealed) == 0 {
		return values, nil
	}
	plain, err := s.options.Sealer.Open(stored.Sealed, settingsPurpose, place(stored.Tenant, stored.Number)...)
	if err != nil {
		return nil, err
	}
	return values, json.Unmarshal(plain, &values)
}
