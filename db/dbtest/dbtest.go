// Package dbtest gives every test a Postgres database of its own.
//
// A test binary has one server, started by the first test that needs it and
// stopped with the binary, however that ends. The migrations run once, in a
// template database; each test gets a copy of it, in about a tenth of a second.
// The server is the one of package private, or that of TEST_DATABASE_URL: the
// address of a superuser, for a server that several binaries may share.
package dbtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"annals/db/private"
)

// serverVariable names a server to use instead of a private one.
const serverVariable = "TEST_DATABASE_URL"

// startTimeout bounds the start of the server and the migrations, with a
// download of the server's binaries in it.
const startTimeout = 10 * time.Minute

// DB is a database that one test has for itself.
type DB struct {
	Name string
	// Owner is the address for a superuser, Writer that for a login whose only
	// rights are those of its role annals_writer.
	Owner, Writer string
}

// shared is the server of this test binary. The testing package offers no
// other way from a TestMain to its tests.
var shared *server

// Main runs the tests of a package whose tests call [New]; its TestMain needs
// no other line. migrate makes the schema in the empty database at url, as a
// superuser, and the role annals_writer. It must close its connections.
func Main(m *testing.M, migrate func(ctx context.Context, url string) error) {
	private.RunIfChild()
	shared = newServer(os.Getenv(serverVariable), migrate)
	defer shared.stop()
	m.Run()
}

// New returns a migrated database, which is dropped when the test ends.
func New(t testing.TB) DB {
	t.Helper()
	if shared == nil {
		t.Fatal("the TestMain of this package does not call dbtest.Main")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startTimeout)
	defer cancel()
	if err := shared.start(ctx); err != nil {
		t.Fatalf("Postgres for tests: %v", err)
	}
	db, err := shared.clone(ctx)
	if err != nil {
		t.Fatalf("a database for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := shared.drop(context.Background(), db.Name); err != nil {
			t.Errorf("dropping the database of this test: %v", err)
		}
	})
	return db
}

// address points a server's address at another database and, if user is not
// nil, at another user.
func address(server, database string, user *url.Userinfo) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", fmt.Errorf("%s is not of the form postgres://user:password@host:port/database", serverVariable)
	}
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String(), nil
}
