package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"annals/audit"
)

// pathRow is a row of webhook_paths.
type pathRow struct {
	bun.BaseModel `bun:"table:webhook_paths"`

	TenantID      audit.TenantID      `bun:"tenant_id,pk"`
	IntegrationID audit.IntegrationID `bun:"integration_id"`
	Path          string              `bun:"path,pk"`
	CreatedAt     time.Time           `bun:"created_at"`
	ExpiresAt     *time.Time          `bun:"expires_at"`
}

// secretRow is a row of webhook_secrets.
type secretRow struct {
	bun.BaseModel `bun:"table:webhook_secrets"`

	TenantID      audit.TenantID      `bun:"tenant_id,pk"`
	IntegrationID audit.IntegrationID `bun:"integration_id,pk"`
	ID            int64               `bun:"id,pk"`
	Sealed        []byte              `bun:"sealed"`
	Hint          string              `bun:"hint"`
	CreatedAt     time.Time           `bun:"created_at"`
	ExpiresAt     *time.Time          `bun:"expires_at"`
}

func insertWebhook(ctx context.Context, tx bun.IDB, i audit.StoredIntegration, webhook audit.StoredWebhook) error {
	if webhook.Path != "" {
		path := &pathRow{TenantID: i.Tenant, IntegrationID: i.Number, Path: webhook.Path, CreatedAt: i.UpdatedAt}
		if _, err := tx.NewInsert().Model(path).Exec(ctx); err != nil {
			return err
		}
	}
	for _, secret := range webhook.Secrets {
		row := &secretRow{
			TenantID: i.Tenant, IntegrationID: i.Number, ID: secret.ID, Sealed: secret.Sealed, Hint: secret.Hint,
			CreatedAt: secret.CreatedAt, ExpiresAt: secret.ExpiresAt,
		}
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Webhook gives an integration's webhook: its newest address and the secrets in force.
func (db *DB) Webhook(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID) (audit.StoredWebhook, error) {
	var webhook audit.StoredWebhook
	err := db.bun.NewRaw(`SELECT coalesce((SELECT path FROM webhook_paths p WHERE p.tenant_id = i.tenant_id AND p.integration_id = i.id
			AND (p.expires_at IS NULL OR p.expires_at > now()) ORDER BY created_at DESC LIMIT 1), ''), webhook_accepted_at, webhook_refused_at
		FROM integrations i WHERE tenant_id = ? AND id = ?`, tenant, integration).
		Scan(ctx, &webhook.Path, &webhook.LastAcceptedAt, &webhook.LastRefusedAt)
	if err != nil {
		return audit.StoredWebhook{}, translate("reading a webhook", err)
	}
	var rows []secretRow
	err = db.bun.NewSelect().Model(&rows).Where("tenant_id = ? AND integration_id = ?", tenant, integration).
		Where("expires_at IS NULL OR expires_at > now()").OrderExpr("created_at DESC, id").Scan(ctx)
	for _, row := range rows {
		webhook.Secrets = append(webhook.Secrets, audit.StoredSecret{
			ID: row.ID, Sealed: row.Sealed,
			WebhookSecret: audit.WebhookSecret{Hint: row.Hint, CreatedAt: row.CreatedAt.UTC(), ExpiresAt: row.ExpiresAt},
		})
	}
	return webhook, translate("reading a webhook's secrets", err)
}

// RotateWebhook adds a secret, and an address when its path is not empty; older ones hold until a moment. ErrNotFound
// means that the integration is deleted.
func (db *DB) RotateWebhook(ctx context.Context, i audit.StoredIntegration, webhook audit.StoredWebhook, keepOld time.Time) error {
	return translate("rotating a webhook", db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := lockIntegration(ctx, tx, i.Tenant, i.Number); err != nil {
			return err
		}
		tables := []string{"webhook_secrets"}
		if webhook.Path != "" {
			tables = append(tables, "webhook_paths")
		}
		for _, table := range tables {
			_, err := tx.NewRaw(`UPDATE ? SET expires_at = least(coalesce(expires_at, ?), ?) WHERE tenant_id = ? AND integration_id = ?`,
				bun.Ident(table), keepOld, keepOld, i.Tenant, i.Number).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return insertWebhook(ctx, tx, i, webhook)
	}))
}

// WebhookOwner finds the integration that an address belongs to; ErrNotFound when there is none any more.
func (db *DB) WebhookOwner(ctx context.Context, path string) (audit.StoredIntegration, error) {
	var row integrationRow
	err := db.bun.NewSelect().Model(&row).
		Join("JOIN webhook_paths AS p ON p.tenant_id = i.tenant_id AND p.integration_id = i.id").
		Where("p.path = ? AND (p.expires_at IS NULL OR p.expires_at > now()) AND i.deleted_at IS NULL", path).Scan(ctx)
	if err != nil {
		return audit.StoredIntegration{}, translate("finding a webhook", err)
	}
	return row.integration()
}

// NoteDelivery notes when a webhook's last delivery was accepted or refused.
func (db *DB) NoteDelivery(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID, accepted bool) error {
	column := "webhook_refused_at"
	if accepted {
		column = "webhook_accepted_at"
	}
	_, err := db.bun.NewRaw(`UPDATE integrations SET ? = now() WHERE tenant_id = ? AND id = ? AND (? IS NULL OR ? < now() - interval '1 second')`,
		bun.Ident(column), tenant, integration, bun.Ident(column), bun.Ident(column)).Exec(ctx)
	return translate("noting a delivery", err)
}
