package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/db/private"
)

// writerRole is what the login of [DB.Writer] is a member of.
const writerRole = "annals_writer"

// migrationLock is an advisory lock of the maintenance database. Roles belong
// to the whole server, so binaries that share one migrate in turn.
const migrationLock = 0x616e6e616c73 // "annals"

const stopTimeout = time.Minute

// server is a Postgres with a template database in it. The names of what it
// creates end in a random suffix, so that binaries may share a Postgres.
type server struct {
	url      string // superuser's, of a maintenance database; empty until a private one runs
	migrate  func(ctx context.Context, url string) error
	suffix   string
	password string // of the writer login
	clones   atomic.Int64

	once    sync.Once
	err     error           // of the start
	private *private.Server // nil when url was given
}

func newServer(url string, migrate func(ctx context.Context, url string) error) *server {
	return &server{
		url:      url,
		migrate:  migrate,
		suffix:   strings.ToLower(rand.Text()[:12]),
		password: rand.Text(),
	}
}

func (s *server) template() string { return "template_" + s.suffix }
func (s *server) writer() string   { return "writer_" + s.suffix }

// start has the template ready, whichever test comes first.
func (s *server) start(ctx context.Context) error {
	s.once.Do(func() {
		if s.url == "" {
			s.err = s.startPrivate(ctx)
		}
		if s.err == nil {
			s.err = s.makeTemplate(ctx)
		}
	})
	return s.err
}

func (s *server) startPrivate(ctx context.Context) (err error) {
	s.private, err = private.Start(ctx, private.Options{
		Dir:       filepath.Join(os.TempDir(), "annals-test-"+s.suffix),
		Log:       slog.New(slog.DiscardHandler),
		Throwaway: true,
	})
	if err == nil {
		s.url = s.private.OwnerURL()
	}
	return err
}

func (s *server) makeTemplate(ctx context.Context) error {
	lock, err := s.maintenance(ctx)
	if err != nil {
		return err
	}
	defer lock.Close(context.WithoutCancel(ctx)) // which unlocks as well
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return err
	}
	if _, err := lock.Exec(ctx, "CREATE DATABASE "+s.template()); err != nil {
		return err
	}
	empty, err := address(s.url, s.template(), nil)
	if err != nil {
		return err
	}
	if err := s.migrate(ctx, empty); err != nil {
		return fmt.Errorf("migrating the template: %w", err)
	}
	if _, err := lock.Exec(ctx, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE %s", s.writer(), s.password, writerRole)); err != nil {
		return fmt.Errorf("making a login for the role of the migrations: %w", err)
	}
	return nil
}

// clone copies the template. The write-ahead log is the faster way to copy a
// small database.
func (s *server) clone(ctx context.Context) (DB, error) {
	name := fmt.Sprintf("test_%s_%d", s.suffix, s.clones.Add(1))
	if err := s.execute(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY wal_log", name, s.template())); err != nil {
		return DB{}, err
	}
	owner, err := address(s.url, name, nil)
	if err != nil {
		return DB{}, err
	}
	writer, err := address(s.url, name, url.UserPassword(s.writer(), s.password))
	return DB{Name: name, Owner: owner, Writer: writer}, err
}

// drop removes a database, also one that a failed test is still connected to.
func (s *server) drop(ctx context.Context, name string) error {
	return s.execute(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// stop ends a private server, and leaves nothing on one that was given.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var err error
	switch {
	case s.private != nil:
		err = s.private.Stop(ctx)
	case s.url != "":
		err = errors.Join(s.drop(ctx, s.template()), s.execute(ctx, "DROP ROLE IF EXISTS "+s.writer()))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stopping Postgres for tests:", err)
	}
}

// maintenance connects to the database that the server's address names.
func (s *server) maintenance(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.url)
}

func (s *server) execute(ctx context.Context, sql string) error {
	conn, err := s.maintenance(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
