package db

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
)

// Heads gives the number of activities of every tenant.
func (db *DB) Heads(ctx context.Context) (map[audit.TenantID]int64, error) {
	rows, err := db.vital.Query(ctx, `SELECT tenant_id, size FROM heads`)
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
	err := db.vital.QueryRow(ctx, `SELECT size FROM heads WHERE tenant_id = $1`, tenant).Scan(&size)
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
		err := db.vital.QueryRow(ctx, `SELECT recorded_at FROM activities WHERE tenant_id = $1 AND seq = $2`, tenant, middle).Scan(&at)
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

// RandomID makes a number for an id: positive and random, so that ids tell nothing about each other.
func RandomID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1<<32
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
		if _, err := db.vital.Exec(ctx, `SELECT pg_notify($1, '')`, channel); err != nil && ctx.Err() != nil {
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
	conn, err := db.vital.Acquire(ctx)
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
