package private

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// LoginRole is the role that [Conn.LoginURL] connects as. The migrations
	// create it, with [Conn.LoginPassword].
	LoginRole = "annals_server"

	ownerRole = "postgres"
	database  = "annals"
	host      = "127.0.0.1"

	connectionFile = "connection"
	probeTimeout   = 3 * time.Second
)

// Conn tells how to reach a server. Printed or logged it shows no password.
type Conn struct {
	Port          int    `json:"port"` // on 127.0.0.1
	OwnerPassword string `json:"owner_password"`
	LoginPassword string `json:"login_password"`
	PID           int    `json:"pid"` // the Annals process that runs the server
}

// OwnerURL connects to the database "annals" as the superuser that owns it:
// for migrations and for nothing else.
func (c Conn) OwnerURL() string { return c.url(ownerRole, c.OwnerPassword) }

// LoginURL connects to the database "annals" as [LoginRole].
func (c Conn) LoginURL() string { return c.url(LoginRole, c.LoginPassword) }

func (c Conn) url(role, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, password),
		Host:     c.String(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// String is the server's host and port.
func (c Conn) String() string { return net.JoinHostPort(host, strconv.Itoa(c.Port)) }

// GoString hides the passwords from %#v.
func (c Conn) GoString() string { return "private.Conn(" + c.String() + ")" }

// LogValue hides the passwords from logs.
func (c Conn) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Find returns the server that another Annals process runs on the folder dir,
// if there is one and it answers.
func Find(ctx context.Context, dir string) (Conn, bool) {
	home, err := settle(dir)
	if err != nil {
		return Conn{}, false
	}
	c, err := readConnection(home.path)
	if err != nil || c.ping(ctx) != nil {
		return Conn{}, false
	}
	return c, true
}

// ping proves that the server is the one c was written for: both sides of
// SCRAM show that they know the random password.
func (c Conn) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	config, err := pgx.ParseConfig(c.OwnerURL() + "&require_auth=scram-sha-256")
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return cmp.Or(conn.Ping(ctx), conn.Close(ctx))
}

func readConnection(dir string) (Conn, error) {
	text, err := os.ReadFile(filepath.Join(dir, connectionFile))
	if err != nil {
		return Conn{}, err
	}
	var c Conn
	if err := json.Unmarshal(text, &c); err != nil {
		return Conn{}, fmt.Errorf("reading the connection file: %w", err)
	}
	return c, nil
}

// writeJSON replaces a file that only its owner may read, whole or not at all.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replaceFile(path, text)
}

// replaceFile writes a file so that a loss of power leaves the old or the new.
func replaceFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes what was created, renamed and removed in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
