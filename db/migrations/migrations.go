// Package migrations holds the database schema as numbered SQL files.
package migrations

import (
	"embed"
	"fmt"

	"github.com/uptrace/bun/migrate"
)

//go:embed *.sql
var files embed.FS

// Load reads the embedded files.
func Load() (*migrate.Migrations, error) {
	migrations := migrate.NewMigrations()
	if err := migrations.Discover(files); err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return migrations, nil
}
