// Package private runs a Postgres of Annals' own, for a machine where nobody
// has set DATABASE_URL.
//
// The server is kept by a supervisor: a child process made from this very
// program, which starts Postgres, reports how to reach it and stops it again
// when its standard input closes. The pipe closes with the parent however the
// parent ends, so no Postgres is left behind, and no file or signal handler is
// needed for that. A parent that runs as root makes the child an unprivileged
// user, since Postgres refuses root.
//
// main and every TestMain call [RunIfChild] first. Linux and macOS are
// supported.
package private

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// ErrRunning reports that another Annals process already uses the folder;
// [Find] tells how to reach its server.
var ErrRunning = errors.New("another Annals process uses this folder")

// wayOut ends the errors that only the operator can solve.
const wayOut = "install postgresql (initdb) or set DATABASE_URL"

// abandonAfter bounds the wait for a child whose start was cancelled; it goes
// on stopping by itself.
const abandonAfter = 5 * time.Second

// Options says where and how to run a server.
type Options struct {
	// Dir is the folder of one database cluster. It is created when absent.
	// As root it may be replaced by a folder under /var/lib/annals, which Log
	// then tells.
	Dir string
	Log *slog.Logger // required

	// Throwaway trades durability for speed. The folder must be new and is
	// removed when the server stops, however it comes to stop. For tests alone.
	Throwaway bool

	// Binaries is the folder of downloaded PostgreSQL binaries, shared by all
	// clusters. By default it lies in the user's cache folder.
	Binaries string
	// Repository is the base address of the Maven repository they come from,
	// by default the library's.
	Repository string
	// IgnoreInstalled uses downloaded binaries even beside an installed
	// PostgreSQL.
	IgnoreInstalled bool
}

// Server is a running Postgres.
type Server struct {
	Conn

	child    *exec.Cmd
	stdin    io.Closer // closing it stops the child
	folder   string    // to remove when the child has emptied it
	stopping atomic.Bool
	done     chan struct{}
	err      error // why the child ended; set before done is closed
}

// Start runs a server and returns once it accepts connections: about a second
// the first time, more when binaries must be downloaded. ctx bounds the start
// only. The server runs until [Server.Stop] or the end of this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	home, err := settle(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting the private Postgres: %w", err)
	}
	if home.moved != "" {
		o.Log.WarnContext(ctx, "private Postgres keeps its data elsewhere",
			"folder", home.path, "instead_of", o.Dir, "reason", home.moved)
	}
	s, err := start(ctx, o, home)
	if err != nil {
		return nil, fmt.Errorf("starting the private Postgres in %s: %w", home.path, err)
	}
	o.Log.InfoContext(ctx, "private Postgres is ready", "folder", home.path, "address", s.Conn)
	return s, nil
}

func start(ctx context.Context, o Options, home place) (*Server, error) {
	if o.Throwaway && (exists(o.Dir) || exists(home.path)) {
		return nil, errors.New("the folder exists: a throwaway server would remove it")
	}
	if err := home.claim(); err != nil {
		return nil, err
	}
	binaries, err := claimBinaries(o.Binaries, home)
	if err != nil {
		return nil, err
	}
	cmd, err := home.command(order{
		Dir:             home.path,
		Binaries:        binaries,
		Repository:      o.Repository,
		IgnoreInstalled: o.IgnoreInstalled,
		Throwaway:       o.Throwaway,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{child: cmd, done: make(chan struct{})}
	if o.Throwaway {
		s.folder = home.path
	}
	return s, s.follow(ctx, home, o.Log)
}

// follow starts the child and waits for its word that the server is ready.
func (s *Server) follow(ctx context.Context, home place, log *slog.Logger) (err error) {
	if s.stdin, err = s.child.StdinPipe(); err != nil {
		return err
	}
	stdout, err := s.child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.child.Start(); err != nil {
		return home.explain(err)
	}
	ready := make(chan Conn, 1)
	go s.watch(stdout, func(m message) {
		if m.Ready != nil {
			ready <- *m.Ready
			return
		}
		log.InfoContext(ctx, "private Postgres is starting", "step", m.Step)
	})
	select {
	case s.Conn = <-ready:
		return nil
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return s.abandon(ctx)
	}
}

// watch hands the child's messages on until it ends. It is the only goroutine
// that waits for the child.
func (s *Server) watch(stdout io.Reader, each func(message)) {
	defer close(s.done)
	defer s.stdin.Close()
	var failed *failure
	for dec := json.NewDecoder(stdout); ; {
		var m message
		if err := dec.Decode(&m); err != nil {
			break
		}
		if m.Failure != nil {
			failed = m.Failure
			continue
		}
		each(m)
	}
	err := s.child.Wait()
	if s.folder != "" {
		os.Remove(s.folder) // the child may lack the right to
	}
	switch {
	case failed != nil:
		s.err = failed.err()
	case err != nil:
		s.err = fmt.Errorf("its supervisor ended: %w%s", err, s.child.Stderr)
	case !s.stopping.Load():
		s.err = errors.New("its supervisor ended by itself")
	}
}

func (s *Server) abandon(ctx context.Context) error {
	s.stopping.Store(true)
	s.stdin.Close()
	select {
	case <-s.done:
	case <-time.After(abandonAfter):
	}
	return context.Cause(ctx)
}

// Done is closed when the server is gone, be it stopped or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells why the server is gone. It is nil before [Server.Done] is closed
// and after an orderly [Server.Stop].
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop ends the server: open transactions are rolled back, what was committed
// is kept. Close the pools first. When ctx ends earlier, the server goes on
// stopping by itself.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Store(true)
	s.stdin.Close()
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("stopping the private Postgres: %w", context.Cause(ctx))
	}
}
