package dbtest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

var migrations atomic.Int32

func migrate(ctx context.Context, url string) error {
	migrations.Add(1)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		DO $$ BEGIN CREATE ROLE annals_writer; EXCEPTION WHEN duplicate_object THEN END $$;
		CREATE TABLE note (text text);
		GRANT SELECT, INSERT ON note TO annals_writer;`)
	return err
}

func TestMain(m *testing.M) { Main(m, migrate) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, New(t).Writer)
			if n := count(t, conn, "SELECT count(*) FROM note"); n != 0 {
				t.Errorf("%d rows in a new database", n)
			}
			if _, err := conn.Exec(t.Context(), "INSERT INTO note VALUES ('x')"); err != nil {
				t.Error(err)
			}
			if n := migrations.Load(); n != 1 {
				t.Errorf("%d migrations", n)
			}
		})
	}
}

func TestWriterIsNoOwner(t *testing.T) {
	t.Parallel()
	db := New(t)
	writer := connect(t, db.Writer)
	for _, sql := range []string{"DELETE FROM note", "DROP TABLE note", "CREATE ROLE other"} {
		if _, err := writer.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "must be owner") {
			t.Errorf("%s as the writer: %v", sql, err)
		}
	}
	if n := count(t, writer, "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND NOT rolsuper"); n != 1 {
		t.Error("the writer is a superuser")
	}
	if _, err := connect(t, db.Owner).Exec(t.Context(), "DROP TABLE note"); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var db DB
	t.Run("user", func(t *testing.T) {
		db = New(t)
		if _, err := pgx.Connect(t.Context(), db.Owner); err != nil { // and never closed
			t.Fatal(err)
		}
	})
	other := connect(t, New(t).Owner)
	if n := count(t, other, "SELECT count(*) FROM pg_database WHERE datname = $1", db.Name); n != 0 {
		t.Error("it is still there")
	}
}

// A server that was given is used as it is found, and left like that.
func TestGivenServer(t *testing.T) {
	t.Parallel()
	host := New(t)
	s := newServer(host.Owner, migrate2)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := s.clone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, connect(t, db.Writer), "SELECT count(*) FROM memo"); n != 0 {
		t.Errorf("%d rows", n)
	}
	if err := s.drop(t.Context(), db.Name); err != nil {
		t.Error(err)
	}
	s.stop()
	left := connect(t, host.Owner)
	if n := count(t, left, "SELECT count(*) FROM pg_database WHERE datname LIKE '%' || $1 || '%'", s.suffix); n != 0 {
		t.Errorf("%d databases are left", n)
	}
	if n := count(t, left, "SELECT count(*) FROM pg_roles WHERE rolname LIKE '%' || $1 || '%'", s.suffix); n != 0 {
		t.Errorf("%d roles are left", n)
	}
}

func migrate2(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE memo (text text); GRANT SELECT ON memo TO annals_writer")
	return err
}

func TestGivenServerMustBeAnAddress(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"host=localhost user=postgres", "https://example.com/x", "%zz"} {
		if _, err := address(server, "x", nil); err == nil || !strings.Contains(err.Error(), serverVariable) {
			t.Errorf("%s: %v", server, err)
		}
	}
	got, err := address("postgresql://a:b@db.example.com:1/x?sslmode=require", "y", nil)
	if want := "postgresql://a:b@db.example.com:1/y?sslmode=require"; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestFailedMigrationFailsEveryTest(t *testing.T) {
	t.Parallel()
	s := newServer(New(t).Owner, func(context.Context, string) error { return context.Canceled })
	for range 2 {
		if err := s.start(t.Context()); err == nil || !strings.Contains(err.Error(), "migrating the template") {
			t.Errorf("got %v", err)
		}
	}
	s.stop()
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(b)
	}
}
