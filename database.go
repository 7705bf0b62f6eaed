package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"annals/db"
	"annals/db/private"
	"annals/secret"
)

// database is the open database, and the Postgres that this process runs for it, if it does.
type database struct {
	*db.DB
	server *private.Server
}

// openDatabase opens the database of DATABASE_URL, or the private one, which is migrated here. A server runs the private
// one itself; a command beside it uses the one that is running, and runs it as long as it needs it when there is none.
func openDatabase(ctx context.Context, c config, log *slog.Logger, server bool) (*database, error) {
	if c.databaseURL.IsSet() {
		opened, err := db.Open(ctx, db.Options{URL: c.databaseURL.Reveal(), Now: time.Now})
		return &database{DB: opened}, err
	}
	if err := os.MkdirAll(c.data, 0o755); err != nil { //nolint:gosec // another user's Postgres must pass through it
		return nil, fmt.Errorf("ANNALS_DATA: %w", err)
	}
	folder := filepath.Join(c.data, "postgres")
	for begun := time.Now(); ; {
		d, err := openPrivate(ctx, folder, log, !server)
		moving := errors.Is(err, errMoving) || errors.Is(err, private.ErrRunning)
		if !moving || time.Since(begun) > patience {
			return d, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// patience is how long another process of the folder may take to start its Postgres, or to be done with it.
const patience = 10 * time.Second

// errMoving: the Postgres that another process runs was taken away while it was being opened.
var errMoving = errors.New("the private Postgres is being stopped")

// openPrivate runs the private Postgres and opens it, or opens the one that another process runs if it may borrow it.
func openPrivate(ctx context.Context, folder string, log *slog.Logger, borrow bool) (*database, error) {
	d := &database{}
	running, found := private.Conn{}, false
	if borrow {
		running, found = private.Find(ctx, folder)
	}
	if !found {
		server, err := private.Start(ctx, private.Options{Dir: folder, Log: log})
		if err != nil {
			return nil, fmt.Errorf("ANNALS_DATA: %w", err)
		}
		d.server, running = server, server.Conn
	}
	// Who runs it may still be migrating: then this waits for it.
	_, err := db.Migrate(ctx, running.OwnerURL(), running.LoginURL())
	if err == nil {
		d.DB, err = db.Open(ctx, db.Options{URL: running.LoginURL(), Now: time.Now})
	}
	if err == nil {
		return d, nil
	}
	if _, still := private.Find(ctx, folder); found && !still {
		return nil, fmt.Errorf("%w: %w", errMoving, err) // it was taken away under our hands
	}
	return nil, errors.Join(err, d.close(context.WithoutCancel(ctx)))
}

// close closes the pools, and ends the private Postgres if this process runs it.
func (d *database) close(ctx context.Context) error {
	if d.DB != nil {
		d.DB.Close()
	}
	if d.server == nil {
		return nil
	}
	return d.server.Stop(ctx)
}

// died closes when the private Postgres has ended by itself; it never does for another database.
func (d *database) died() <-chan struct{} {
	if d.server == nil {
		return nil
	}
	return d.server.Done()
}

// openSealer opens the key that seals secrets, and makes it for a database that has none sealed yet.
func openSealer(ctx context.Context, c config, d *database) (*secret.Sealer, error) {
	if _, err := os.Stat(c.keyFile); errors.Is(err, os.ErrNotExist) {
		keys, err := d.SigningKeys(ctx)
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 {
			return nil, fmt.Errorf("ANNALS_KEY_FILE: %s is not there, but the secrets of this database are sealed with its key", c.keyFile)
		}
		if err := os.MkdirAll(filepath.Dir(c.keyFile), 0o755); err != nil { //nolint:gosec // the key itself is private
			return nil, fmt.Errorf("ANNALS_KEY_FILE: %w", err)
		}
		if err := secret.CreateKeyFile(c.keyFile); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("ANNALS_KEY_FILE: %w", err)
		}
	}
	sealer, err := secret.OpenKeyFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("ANNALS_KEY_FILE: %w", err)
	}
	// Every process of the deployment must have the same key: the first one leaves its mark in the database.
	mark, err := sealer.Derive("mark of the key")
	if err != nil {
		return nil, err
	}
	if same, err := d.CheckKeyMark(ctx, hex.EncodeToString(mark)); err != nil {
		return nil, err
	} else if !same {
		return nil, fmt.Errorf("ANNALS_KEY_FILE: %s is not the key that this database's secrets are sealed with", c.keyFile)
	}
	return sealer, nil
}
