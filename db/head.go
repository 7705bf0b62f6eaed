package db

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
)

// Heads gives the number of activities of every tenant.
func (db *DB) Heads(ctx context.Context) (map[audit.TenantID]int64, error) {
	rows, err := db.pool.Query(ctx, `SELECT tenant_id, size FROM heads`)
	if err != nil {
		return nil, translate("reading heads", err)
	}
	heads := map[audit.TenantID]int64{}
	var tenant audit.TenantID
	var size int64
	_, err = pgx.ForEachRow(rows, []any{&tenant, &size}, func() error {
		heads[tenant] = size
		return nil
	})
	return heads, translate("reading heads", err)
}

// Size is the number of activities of a tenant.
func (db *DB) Size(ctx context.Context, tenant audit.TenantID) (int64, error) {
	var size int64
	err := db.pool.QueryRow(ctx, `SELECT size FROM heads WHERE tenant_id = $1`, tenant).Scan(&size)
	return size, translate("reading the head", err)
}

// SeqSince is the first seq that was recorded at or after a moment, the size when there is none. recordedAt never goes
// back as seq grows, so halving finds it without an index.
func (db *DB) SeqSince(ctx context.Context, tenant audit.TenantID, since time.Time) (int64, error) {
	high, err := db.Size(ctx, tenant)
	if err != nil {
		return 0, err
	}
	low := int64(0)
	for low < high {
		middle := low + (high-low)/2
		var at time.Time
		err := db.pool.QueryRow(ctx, `SELECT recorded_at FROM activities WHERE tenant_id = $1 AND seq = $2`, tenant, middle).Scan(&at)
		if err != nil {
			return 0, translate("finding a moment", err)
		}
		if at.Before(since) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// Tenant finds a tenant by its name.
func (db *DB) Tenant(ctx context.Context, name string) (audit.Tenant, error) {
	tenant := audit.Tenant{Name: name}
	err := db.pool.QueryRow(ctx, `SELECT id FROM tenants WHERE name = $1`, name).Scan(&tenant.Number)
	return tenant, translate("reading a tenant", err)
}

// TenantByID finds a tenant by its number.
func (db *DB) TenantByID(ctx context.Context, id audit.TenantID) (audit.Tenant, error) {
	tenant := audit.Tenant{Number: id}
	err := db.pool.QueryRow(ctx, `SELECT name FROM tenants WHERE id = $1`, id).Scan(&tenant.Name)
	return tenant, translate("reading a tenant", err)
}

// EnsureTenant finds a tenant, or makes it with an empty ledger. created says which.
func (db *DB) EnsureTenant(ctx context.Context, name string) (tenant audit.Tenant, created bool, err error) {
	tenant, err = db.Tenant(ctx, name)
	if !errors.Is(err, audit.ErrNotFound) {
		return tenant, false, err
	}
	id := audit.TenantID(RandomID())
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		now := db.now()
		tag, err := tx.Exec(ctx, `INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`, id, name, now)
		if err != nil {
			return err
		}
		created = tag.RowsAffected() == 1
		if !created {
			return nil
		}
		_, err = tx.Exec(ctx, `INSERT INTO heads (tenant_id, size, recorded_at) VALUES ($1, 0, $2)`, id, now)
		return err
	})
	if err != nil {
		return audit.Tenant{}, false, translate("making a tenant", err)
	}
	tenant, err = db.Tenant(ctx, name)
	return tenant, created, err
}

// RandomID makes a number for an id: positive and random, so that ids tell nothing about each other.
func RandomID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:])                                 // never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1<<32 //nolint:gosec // 63 bits
}

// channel carries hints that ledgers have grown. They may be lost: who listens also looks by itself.
const channel = "annals_heads"

// hintInterval bounds how often a process sends hints. A notification in the appending transaction would serialise
// the commits of all tenants.
const hintInterval = 100 * time.Millisecond

// Hint sends a hint for what this process appends, until the context ends. A failed hint is left out.
func (db *DB) Hint(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-db.grown:
		}
		if _, err := db.pool.Exec(ctx, `SELECT pg_notify($1, '')`, channel); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(hintInterval):
		}
	}
}

// Listen calls woken at each hint, until the context ends or the connection breaks.
func (db *DB) Listen(ctx context.Context, woken func()) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return translate("listening", err)
	}
	// A connection that listens is not given back to the pool.
	raw := conn.Hijack()
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	if _, err := raw.Exec(ctx, "LISTEN "+channel); err != nil {
		return translate("listening", err)
	}
	for {
		if _, err := raw.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		woken()
	}
}
