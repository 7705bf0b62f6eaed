package private

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// The names inside the folder of a cluster. The library empties runDir at each
// start, so nothing that must last lies in it.
const (
	dataDir       = "data"
	runDir        = "run"
	temporaryDir  = "tmp"
	logDir        = "log"
	passwordsFile = "passwords"
	accessFile    = "pg_hba.conf"
	// newMark exists from before the cluster is created until it has started
	// once: data beside it was never used.
	newMark = "new"
)

// portTries is how often a start is tried when other processes take its port.
const portTries = 3

// cluster is the database cluster in the folder of an order.
type cluster struct {
	order order
	bin   binaries
	fresh bool // it is yet to be created
}

// passwords outlive a run, since the cluster keeps them too.
type passwords struct {
	Owner string `json:"owner"`
	Login string `json:"login"`
}

// settleData returns the major version of the data, 0 when there is none. The
// library would delete data that it does not recognise; so that stops here.
func (o order) settleData() (major int, err error) {
	data := o.in(dataDir)
	if exists(o.in(newMark)) {
		return 0, os.RemoveAll(data) // the first start was interrupted
	}
	entries, err := os.ReadDir(data)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(entries) == 0 {
		return 0, nil
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		major, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return 0, fmt.Errorf("%s holds something, but no PostgreSQL data that can be used: "+
			"restore it or move it away: %w", data, err)
	}
	return major, nil
}

// start creates the cluster if need be and runs it. Call stop after it, also
// when it fails.
func (c *cluster) start(ctx context.Context) (Conn, error) {
	defer c.bin.release()
	for try := 1; ; try++ {
		conn, err := c.startOnce()
		if err == nil {
			return conn, c.bin.keep()
		}
		if try == portTries || ctx.Err() != nil || portIsFree(conn.Port) {
			return Conn{}, fmt.Errorf("%w%s", err, c.lastLog())
		}
	}
}

func (c *cluster) startOnce() (Conn, error) {
	if err := c.lay(); err != nil {
		return Conn{}, err
	}
	secret, err := c.passwords()
	if err != nil {
		return Conn{}, err
	}
	port, err := freePort()
	if err != nil {
		return Conn{}, err
	}
	conn := Conn{Port: port, OwnerPassword: secret.Owner, LoginPassword: secret.Login, PID: os.Getppid()}
	if err := embeddedpostgres.NewDatabase(c.config(conn)).Start(); err != nil {
		return conn, err
	}
	if c.fresh {
		err = errors.Join(os.Remove(c.order.in(newMark)), syncFolder(c.order.Dir))
	}
	return conn, err
}

// lay makes the folder ready for a start: without temporary files of the last
// run and, for a new cluster, without what an earlier try left.
func (c *cluster) lay() error {
	gone := []string{temporaryDir}
	if c.fresh {
		gone = append(gone, dataDir)
		if err := os.WriteFile(c.order.in(newMark), nil, 0o600); err != nil {
			return err
		}
	}
	for _, name := range gone {
		if err := os.RemoveAll(c.order.in(name)); err != nil {
			return err
		}
	}
	for _, name := range []string{temporaryDir, logDir} {
		if err := os.MkdirAll(c.order.in(name), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(c.order.in(accessFile), []byte(access), 0o600)
}

// passwords makes the passwords of a new cluster and reads those of an old one.
func (c *cluster) passwords() (passwords, error) {
	path := c.order.in(passwordsFile)
	if c.fresh {
		p := passwords{Owner: rand.Text(), Login: rand.Text()}
		return p, writeJSON(path, p)
	}
	var p passwords
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("reading the passwords of the cluster: %w", err)
	}
	return p, nil
}

// watch returns when ctx ends, or with an error when Postgres does.
func (c *cluster) watch(ctx context.Context) error {
	data := c.order.in(dataDir)
	pid, _, err := readPIDFile(data)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(lifeCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if !isPostmaster(pid, data) {
				return fmt.Errorf("the server ended by itself%s", c.lastLog())
			}
		}
	}
}

// stop ends the server, if it runs, in the fast way: clients are disconnected,
// and the data needs no recovery at the next start. The library's own way to
// stop leaves a server alone whose start it gave up.
func (c *cluster) stop() error {
	data := c.order.in(dataDir)
	pid, _, err := readPIDFile(data)
	if err != nil || !isPostmaster(pid, data) {
		return nil //nolint:nilerr // there is nothing to stop
	}
	return stopPostmaster(context.Background(), pid, data)
}

// lastLog is the end of the server's newest log file, for an error.
func (c *cluster) lastLog() string {
	files, _ := filepath.Glob(filepath.Join(c.order.in(logDir), "*.log"))
	var newest []byte
	var changed time.Time
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(changed) {
			changed = info.ModTime()
			newest, _ = os.ReadFile(file)
		}
	}
	var end tail
	_, _ = end.Write(newest)
	return end.String()
}

// freePort asks the system for a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0")) //nolint:noctx // it is immediate
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func portIsFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // it is immediate
	if err != nil {
		return false
	}
	return l.Close() == nil
}
