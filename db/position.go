package db

import (
	"context"
	"hash/fnv"
	"time"

	"annals/audit"
)

// Position is the number of activities of a tenant that a follower has read, 0 for a new one.
func (db *DB) Position(ctx context.Context, tenant audit.TenantID, follower string) (int64, error) {
	var position int64
	err := db.bun.NewRaw(`SELECT coalesce((SELECT seq FROM positions WHERE tenant_id = ? AND follower = ?), 0)`, tenant, follower).Scan(ctx, &position)
	return position, translate("reading a position", err)
}

// SetPosition moves a follower, forward or back.
func (db *DB) SetPosition(ctx context.Context, tenant audit.TenantID, follower string, position int64) error {
	_, err := db.bun.NewRaw(`INSERT INTO positions (tenant_id, follower, seq) VALUES (?, ?, ?)
		ON CONFLICT (tenant_id, follower) DO UPDATE SET seq = excluded.seq`, tenant, follower, position).Exec(ctx)
	return translate("moving a position", err)
}

const (
	aloneRetry   = 5 * time.Second // between two tries to become the one
	alonePing    = 2 * time.Second // between two looks whether the connection that holds the lock lives
	aloneTimeout = 5 * time.Second // after which it does not
)

// Alone runs work in one process of all that share the database, until the context ends. Who is the one holds an
// advisory lock on a connection of its own; when that breaks, the work's context ends and another may take over.
func (db *DB) Alone(ctx context.Context, name string, work func(ctx context.Context)) {
	for ctx.Err() == nil {
		_ = db.alone(ctx, name, work) // whoever fails tries again
		select {
		case <-ctx.Done():
		case <-time.After(aloneRetry):
		}
	}
}

func (db *DB) alone(ctx context.Context, name string, work func(ctx context.Context)) error {
	conn, err := db.vital.Acquire(ctx)
	if err != nil {
		return translate("waiting to be the one", err)
	}
	raw := conn.Hijack()
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	var locked bool
	err = raw.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(hash.Sum64())).Scan(&locked) //nolint:gosec // bits only
	if err != nil || !locked {
		return translate("waiting to be the one", err)
	}
	working, lost := context.WithCancel(ctx)
	defer lost()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(working)
	}()
	ticker := time.NewTicker(alonePing)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return ctx.Err()
		case <-ticker.C:
			pinging, cancel := context.WithTimeout(working, aloneTimeout)
			err := raw.Ping(pinging)
			cancel()
			if err != nil {
				lost()
				<-done
				return translate("being the one", err)
			}
		}
	}
}
