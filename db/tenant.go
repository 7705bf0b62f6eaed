package db

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"annals/audit"
)

// Tenant finds a tenant by its name.
func (db *DB) Tenant(ctx context.Context, name string) (audit.Tenant, error) {
	tenant := audit.Tenant{Name: name}
	err := db.bun.NewRaw(`SELECT id FROM tenants WHERE name = ?`, name).Scan(ctx, &tenant.Number)
	return tenant, translate("reading a tenant", err)
}

// EnsureTenant finds a tenant, or makes it with an empty ledger. created says which.
func (db *DB) EnsureTenant(ctx context.Context, name string) (tenant audit.Tenant, created bool, err error) {
	tenant, err = db.Tenant(ctx, name)
	if !errors.Is(err, audit.ErrNotFound) {
		return tenant, false, err
	}
	id := audit.TenantID(RandomID())
	err = db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		now := db.now()
		made, err := tx.NewRaw(`INSERT INTO tenants (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`, id, name, now).Exec(ctx)
		if err != nil {
			return err
		}
		if rows, _ := made.RowsAffected(); rows == 0 {
			return nil // another process was first
		}
		created = true
		_, err = tx.NewRaw(`INSERT INTO heads (tenant_id, size, recorded_at) VALUES (?, 0, ?)`, id, now).Exec(ctx)
		return err
	})
	if err != nil {
		return audit.Tenant{}, false, translate("making a tenant", err)
	}
	tenant, err = db.Tenant(ctx, name)
	return tenant, created, err
}
