// Package db keeps everything in Postgres: the ledger's rows, what collects them, tokens and positions. It is the only
// package that sees SQL.
//
// pgx itself appends and reads activities, each from a pool of its own, so that slow questions never hold up what arrives;
// everything else goes through Bun over the same driver.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// DB is an open database.
type DB struct {
	pool   *pgxpool.Pool // reads that people ask for
	vital  *pgxpool.Pool // short reads that all else waits for: heads, followers, readiness
	write  *pgxpool.Pool // appends
	bun    *bun.DB
	now    func() time.Time
	shares *shares       // of pool
	grown  chan struct{} // this process has appended since its last hint; see Hint
}

// Options say how to open a database.
type Options struct {
	URL      string
	MaxConns int32 // of the pool of reads; 0 for 8, of which a tenant has five at most. Appends have 4, vital reads 6, Bun has as many as reads
	Now      func() time.Time
}

// Open connects as the server does, and refuses a login that may do more than a writer, or a schema that is not
// current.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(db.checkVersion(ctx), db.checkLogin(ctx), db.checkSchema(ctx)); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func connect(ctx context.Context, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("DATABASE_URL is no Postgres URL like postgres://user:password@host:5432/annals")
	}
	config.MaxConns = 8
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	}
	config.ConnConfig.RuntimeParams["application_name"] = "annals"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	db := &DB{now: o.Now, shares: newShares(config.MaxConns), grown: make(chan struct{}, 1)}
	if db.pool, err = openReads(ctx, config); err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	writing := config.Copy()
	writing.MaxConns = 4
	if db.write, err = pgxpool.NewWithConfig(ctx, writing); err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	vital := config.Copy()
	vital.MaxConns = 6 // of which LISTEN and the index each hold one
	if db.vital, err = openReads(ctx, vital); err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	db.bun = bun.NewDB(openSQL(config), pgdialect.New(), bun.WithDiscardUnknownColumns())
	if err := db.pool.Ping(ctx); err != nil {
		db.Close()
		return nil, unreachable("DATABASE_URL", err)
	}
	return db, nil
}

// openReads opens the pool of reads. A question that its asker has left behind ends by itself.
func openReads(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	reading := config.Copy()
	reading.ConnConfig.RuntimeParams["statement_timeout"] = "15s"
	return pgxpool.NewWithConfig(ctx, reading)
}

// openSQL opens Bun's pool. Bun writes arguments into the SQL text, so a prepared statement would never be used again:
// the simple protocol is faster and leaves none behind.
func openSQL(config *pgxpool.Config) *sql.DB {
	simple := config.ConnConfig.Copy()
	simple.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	pool := stdlib.OpenDB(*simple)
	pool.SetMaxOpenConns(int(config.MaxConns))
	pool.SetMaxIdleConns(int(config.MaxConns))
	return pool
}

// Close closes the pools.
func (db *DB) Close() {
	_ = db.bun.Close()
	db.write.Close()
	db.vital.Close()
	db.pool.Close()
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.vital.Ping(ctx) }
