package db

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"annals/audit"
)

// integrationRow is a row of integrations.
type integrationRow struct {
	bun.BaseModel `bun:"table:integrations,alias:i"`

	TenantID    audit.TenantID      `bun:"tenant_id,pk"`
	ID          audit.IntegrationID `bun:"id,pk"`
	Name        string              `bun:"name"`
	Connector   string              `bun:"connector"`
	Settings    string              `bun:"settings"`
	SecretNames []string            `bun:"secret_names,array"`
	Sealed      []byte              `bun:"sealed"`
	PausedAt    *time.Time          `bun:"paused_at"`
	DeletedAt   *time.Time          `bun:"deleted_at"`
	CreatedAt   time.Time           `bun:"created_at"`
	UpdatedAt   time.Time           `bun:"updated_at"`
}

func newIntegrationRow(i audit.StoredIntegration) (*integrationRow, error) {
	settings, err := json.Marshal(i.Values)
	if err != nil {
		return nil, fmt.Errorf("encoding settings: %w", err)
	}
	return &integrationRow{
		TenantID: i.Tenant, ID: i.Number, Name: i.Name, Connector: i.ConnectorName, Settings: string(settings),
		SecretNames: append([]string{}, i.SecretNames...), Sealed: i.Sealed, PausedAt: i.PausedAt, DeletedAt: i.DeletedAt,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}, nil
}

func (r *integrationRow) integration() (audit.StoredIntegration, error) {
	i := audit.StoredIntegration{Sealed: r.Sealed, Version: r.UpdatedAt.UTC(), Integration: audit.Integration{
		Tenant: r.TenantID, Number: r.ID, Name: r.Name, ConnectorName: r.Connector, SecretNames: r.SecretNames,
		PausedAt: r.PausedAt, DeletedAt: r.DeletedAt, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}}
	return i, decode(r.Settings, &i.Values)
}

// CreateIntegration sets up an integration. ErrTaken means that its name is.
func (db *DB) CreateIntegration(ctx context.Context, i audit.NewIntegration) error {
	row, err := newIntegrationRow(i.StoredIntegration)
	if err != nil {
		return err
	}
	err = db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		for _, name := range i.FeedNames {
			if err := insertFeed(ctx, tx, i.Tenant, i.Number, name); err != nil {
				return err
			}
		}
		if err := insertFetches(ctx, tx, i.Tenant, i.Number, i.Fetches, i.CreatedAt); err != nil {
			return err
		}
		return insertWebhook(ctx, tx, i.StoredIntegration, i.Webhook)
	})
	if code(err) == uniqueViolation {
		return audit.ErrTaken
	}
	return translate("creating an integration", err)
}

func insertFeed(ctx context.Context, tx bun.IDB, tenant audit.TenantID, integration audit.IntegrationID, name string) error {
	_, err := tx.NewRaw(`INSERT INTO feeds (tenant_id, integration_id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		tenant, integration, name).Exec(ctx)
	return err
}

// UpdateIntegration writes name, settings, secrets and the marks of pausing and deletion. With the mark of deletion all
// credentials are forgotten and all fetches end. ErrTaken means that the name is; somebody else's change since it was
// read is a UserErrors.
func (db *DB) UpdateIntegration(ctx context.Context, i audit.StoredIntegration) error {
	if i.DeletedAt != nil {
		i.Sealed, i.SecretNames = nil, nil
	}
	return db.change(ctx, i, func(ctx context.Context, tx bun.Tx) error {
		if i.DeletedAt == nil {
			return nil
		}
		return endAll(ctx, tx, i)
	})
}

// ChangeSettings is UpdateIntegration for other settings: the fetches that they make possible are added, and those that
// failed try at once. Where the account is another one, the fetches begin anew.
func (db *DB) ChangeSettings(ctx context.Context, c audit.SettingsChange) error {
	return db.change(ctx, c.StoredIntegration, func(ctx context.Context, tx bun.Tx) error {
		if c.Moved {
			if err := beginAnew(ctx, tx, c.Tenant, c.Number, c.UpdatedAt); err != nil {
				return err
			}
		}
		if err := runFetches(ctx, tx, c.Tenant, c.Number); err != nil {
			return err
		}
		return insertFetches(ctx, tx, c.Tenant, c.Number, c.Fetches, c.UpdatedAt)
	})
}

// change writes an integration that nobody has changed since it was read, and what belongs to the change.
func (db *DB) change(ctx context.Context, i audit.StoredIntegration, more func(context.Context, bun.Tx) error) error {
	row, err := newIntegrationRow(i)
	if err != nil {
		return err
	}
	err = db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewUpdate().Model(row).WherePK().Where("updated_at = ?", i.Version).
			Column("name", "settings", "secret_names", "sealed", "paused_at", "deleted_at", "updated_at").Exec(ctx)
		if err != nil {
			return err
		}
		if n, _ := result.RowsAffected(); n == 0 {
			return audit.Refuse(audit.CodeConflict, "Somebody else has changed the integration meanwhile: look at it and try again.", "id")
		}
		return more(ctx, tx)
	})
	if code(err) == uniqueViolation {
		return audit.ErrTaken
	}
	return translate("changing an integration", err)
}

// endAll leaves nothing of a deleted integration that proves a sender, and nothing that runs.
func endAll(ctx context.Context, tx bun.IDB, i audit.StoredIntegration) error {
	for _, statement := range []string{
		`UPDATE webhook_secrets SET sealed = '', expires_at = least(expires_at, ?2) WHERE tenant_id = ?0 AND integration_id = ?1`,
		`UPDATE webhook_paths SET expires_at = least(expires_at, ?2) WHERE tenant_id = ?0 AND integration_id = ?1`,
		openFetches + `UPDATE fetches x SET status = 'CANCELLED', lease_until = NULL FROM mine WHERE x.tenant_id = ?0 AND x.id = mine.id`,
	} {
		if _, err := tx.NewRaw(statement, i.Tenant, i.Number, *i.DeletedAt).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Integrations gives all integrations that the view sees, deleted ones last, by name, with their feeds.
func (db *DB) Integrations(ctx context.Context, view audit.View) ([]*audit.Integration, error) {
	return db.integrations(ctx, view.Tenant(), nil, view.SeesIntegration)
}

// FollowIntegrations is the raw read of followers: every integration of a tenant, as Integrations gives them.
func (db *DB) FollowIntegrations(ctx context.Context, tenant audit.TenantID) ([]*audit.Integration, error) {
	return db.integrations(ctx, tenant, nil, func(audit.IntegrationID, string) bool { return true })
}

// IntegrationsByID gives those of some numbers that the view sees, in no order.
func (db *DB) IntegrationsByID(ctx context.Context, view audit.View, ids []audit.IntegrationID) ([]*audit.Integration, error) {
	return db.integrations(ctx, view.Tenant(), append([]audit.IntegrationID{0}, ids...), view.SeesIntegration)
}

// integrations gives those of some numbers, or all when ids is nil, that are seen.
func (db *DB) integrations(ctx context.Context, tenant audit.TenantID, ids []audit.IntegrationID, seen func(audit.IntegrationID, string) bool) ([]*audit.Integration, error) {
	var rows []integrationRow
	q := db.bun.NewSelect().Model(&rows).ExcludeColumn("sealed").Where("tenant_id = ?", tenant).
		OrderExpr(`deleted_at IS NOT NULL, name, id`)
	if ids != nil {
		q = q.Where("id IN (?)", bun.List(ids))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, translate("reading integrations", err)
	}
	found := make([]*audit.Integration, 0, len(rows))
	for i := range rows {
		stored, err := rows[i].integration()
		if err != nil {
			return nil, err
		}
		if seen(stored.Number, stored.ConnectorName) {
			found = append(found, &stored.Integration)
		}
	}
	return found, db.addFeeds(ctx, tenant, found)
}

// StoredIntegration gives one integration with its sealed secrets.
func (db *DB) StoredIntegration(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) (audit.StoredIntegration, error) {
	row := integrationRow{TenantID: tenant, ID: id}
	if err := db.bun.NewSelect().Model(&row).WherePK().Scan(ctx); err != nil {
		return audit.StoredIntegration{}, translate("reading an integration", err)
	}
	return row.integration()
}

// feedRow is a row of feeds with the schedule of its live fetch.
type feedRow struct {
	IntegrationID  audit.IntegrationID `bun:"integration_id"`
	Name           string              `bun:"name"`
	Watermark      *time.Time          `bun:"watermark"`
	LastPollAt     *time.Time          `bun:"last_poll_at"`
	LastRecordedAt *time.Time          `bun:"last_recorded_at"`
	Reason         audit.HealthReason  `bun:"reason"`
	RecordedCount  int64               `bun:"recorded_count"`
	RepeatedCount  int64               `bun:"repeated_count"`
	NextRunAt      *time.Time          `bun:"next_run_at"`
	PollInterval   *audit.Duration     `bun:"poll_interval"`
	Backfilling    bool                `bun:"backfilling"`
}

func (db *DB) addFeeds(ctx context.Context, tenant audit.TenantID, integrations []*audit.Integration) error {
	if len(integrations) == 0 {
		return nil
	}
	byID := map[audit.IntegrationID]*audit.Integration{}
	ids := make([]audit.IntegrationID, len(integrations))
	for n, i := range integrations {
		byID[i.Number] = i
		ids[n] = i.Number
	}
	var rows []feedRow
	err := db.bun.NewRaw(`
		SELECT f.integration_id, f.name, f.watermark, f.last_poll_at, f.last_recorded_at, f.reason, f.recorded_count, f.repeated_count,
			greatest(l.next_run_at, (SELECT max(t.next_run_at) FROM fetches t WHERE t.tenant_id = l.tenant_id
				AND t.integration_id = l.integration_id AND t.reason = 'RATE_LIMITED')) AS next_run_at,
			nullif(l.poll_interval, 0) AS poll_interval,
			EXISTS (SELECT FROM fetches b WHERE b.tenant_id = f.tenant_id AND b.integration_id = f.integration_id AND b.feed = f.name
				AND b.kind = 'BACKFILL' AND b.status IN ('WAITING', 'RUNNING')) AS backfilling
		FROM feeds f LEFT JOIN fetches l ON l.tenant_id = f.tenant_id AND l.integration_id = f.integration_id AND l.feed = f.name AND l.kind = 'LIVE'
		WHERE f.tenant_id = ? AND f.integration_id IN (?) ORDER BY f.integration_id, f.name`, tenant, bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return translate("reading feeds", err)
	}
	for _, row := range rows {
		i := byID[row.IntegrationID]
		i.Feeds = append(i.Feeds, row.feed(i))
	}
	return nil
}

// feed says COMPLETE of every feed that has a watermark: how old that may be, only its connector knows.
func (r feedRow) feed(i *audit.Integration) audit.Feed {
	feed := audit.Feed{
		Name: r.Name, Reason: r.Reason, CompleteThrough: r.Watermark, LastPollAt: r.LastPollAt, LastRecordedAt: r.LastRecordedAt,
		NextPollAt: r.NextRunAt, PollInterval: r.PollInterval, RecordedCount: r.RecordedCount, RepeatedCount: r.RepeatedCount,
	}
	switch {
	case i.PausedAt != nil || i.DeletedAt != nil:
		feed.Status, feed.NextPollAt = audit.CoveragePaused, nil
	case r.NextRunAt == nil:
		feed.Status = audit.CoverageUnverifiable
	case r.Reason != "":
		feed.Status = audit.CoverageBroken
	case r.Backfilling:
		feed.Status = audit.CoverageBackfilling
	case r.Watermark == nil:
		feed.Status = audit.CoverageBehind
	default:
		feed.Status = audit.CoverageComplete
	}
	return feed
}
