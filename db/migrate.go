package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/migrate"

	"annals/db/migrations"
)

// migrationLock is the advisory lock that one migration at a time holds; it vanishes with its connection.
const migrationLock = 7012310

// Migrate brings a database up to date as its owner, and creates the roles. loginURL is the server's own URL, whose
// login becomes a writer; empty when the operator makes one. It gives the names of the migrations that it ran.
func Migrate(ctx context.Context, ownerURL, loginURL string) ([]string, error) {
	config, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_OWNER_URL is no Postgres URL like postgres://owner:password@host:5432/annals")
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable("DATABASE_OWNER_URL", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return nil, fmt.Errorf("locking migrations: %w", err)
	}
	if err := ensureRoles(ctx, conn, loginURL); err != nil {
		return nil, err
	}
	if err := grantSchema(ctx, conn); err != nil {
		return nil, err
	}
	return runMigrations(ctx, config)
}

// grantSchema lets annals_owner make tables and everyone else use them.
func grantSchema(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range []string{
		`GRANT USAGE, CREATE ON SCHEMA public TO annals_owner`,
		`GRANT USAGE ON SCHEMA public TO annals_writer, annals_reader, annals_redactor`,
		`REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("granting the schema public (DATABASE_OWNER_URL must own the database): %w", err)
		}
	}
	return nil
}

func runMigrations(ctx context.Context, config *pgx.ConnConfig) ([]string, error) {
	simple := config.Copy()
	simple.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	simple.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, `SET ROLE annals_owner`).ReadAll()
		return err
	}
	pool := bun.NewDB(stdlib.OpenDB(*simple), pgdialect.New())
	defer func() { _ = pool.Close() }()
	migrator, err := newMigrator(pool)
	if err != nil {
		return nil, err
	}
	if err := migrator.Init(ctx); err != nil {
		return nil, fmt.Errorf("preparing migrations: %w", err)
	}
	if _, err := pool.ExecContext(ctx, `GRANT SELECT ON bun_migrations TO annals_writer`); err != nil {
		return nil, fmt.Errorf("preparing migrations: %w", err)
	}
	group, err := migrator.Migrate(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrating: %w", err)
	}
	var names []string
	for _, migration := range group.Migrations {
		names = append(names, migration.String())
	}
	return names, nil
}

// newMigrator marks a migration as applied only when it has run: the library's default is before.
func newMigrator(pool *bun.DB) (*migrate.Migrator, error) {
	loaded, err := migrations.Load()
	if err != nil {
		return nil, err
	}
	return migrate.NewMigrator(pool, loaded, migrate.WithMarkAppliedOnSuccess(true)), nil
}

// checkSchema refuses a database that lacks a migration, or has one that this program does not know.
func (db *DB) checkSchema(ctx context.Context) error {
	loaded, err := migrations.Load()
	if err != nil {
		return err
	}
	var applied []string
	err = db.bun.NewSelect().Table("bun_migrations").Column("name").Order("name").Scan(ctx, &applied)
	if code(err) == undefinedTable || code(err) == insufficientPrivilege {
		applied = nil
	} else if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	have := map[string]bool{}
	for _, name := range applied {
		have[name] = true
	}
	var missing []string
	for _, migration := range loaded.Sorted() {
		if !have[migration.Name] {
			missing = append(missing, migration.Name)
		}
		delete(have, migration.Name)
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("DATABASE_URL: the database is not current (%s missing); run: DATABASE_OWNER_URL=… annals migrate", strings.Join(missing, ", "))
	case len(have) > 0:
		return fmt.Errorf("DATABASE_URL: the database was migrated by a newer version of annals; use that version")
	}
	return nil
}
