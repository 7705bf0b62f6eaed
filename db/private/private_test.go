package private

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// These variables make this test binary another program: one that runs a server
// on a folder until it is killed, or one that does nothing until its input ends.
const (
	helperFolder    = "PRIVATE_TEST_FOLDER"
	helperThrowaway = "PRIVATE_TEST_THROWAWAY"
	helperSleep     = "PRIVATE_TEST_SLEEP"
)

func TestMain(m *testing.M) {
	RunIfChild()
	if dir := os.Getenv(helperFolder); dir != "" {
		runUntilKilled(dir)
	}
	if os.Getenv(helperSleep) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	m.Run()
}

func runUntilKilled(dir string) {
	s, err := Start(context.Background(), Options{
		Dir:       dir,
		Log:       slog.New(slog.DiscardHandler),
		Throwaway: os.Getenv(helperThrowaway) != "",
	})
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(s.Conn)
	<-s.Done()
	os.Exit(1)
}

// folder returns the name of a folder that does not exist yet, in one that
// every user may search.
func folder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "annals-private-") //nolint:usetesting // another user must pass through it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "cluster")
}

func options(t *testing.T, dir string) Options {
	return Options{Dir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// run starts a server and stops it at the end of the test, if it still runs.
func run(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatalf("Stop: %v", err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	var value string
	if err := connect(t, url).QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// postmaster returns the process that serves the folder.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	data := filepath.Join(dir, dataDir)
	pid, _, err := readPIDFile(data)
	if err != nil {
		t.Fatal(err)
	}
	if !isPostmaster(pid, data) {
		t.Fatalf("process %d is no postgres on %s", pid, data)
	}
	return pid
}

func eventually(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	if !waitUntil(t.Context(), within, done) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

func TestServerKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := run(t, options(t, dir))
	exec1(t, s.OwnerURL(), "CREATE ROLE "+LoginRole+" LOGIN PASSWORD '"+s.LoginPassword+"'")
	exec1(t, s.OwnerURL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	exec1(t, s.OwnerURL(), "GRANT SELECT ON kept TO "+LoginRole)
	stop(t, s)
	if err := s.Err(); err != nil {
		t.Errorf("Err after Stop: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, dataDir, pidFile)); err == nil {
		t.Error("Postgres still runs after Stop")
	}

	s = run(t, options(t, dir))
	if got := query(t, s.LoginURL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("after a restart the table holds %q", got)
	}
	stop(t, s)
}

func TestRunningServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := run(t, options(t, dir))
	t.Run("settings", func(t *testing.T) { testSettings(t, s) })
	t.Run("leftover of a copy", func(t *testing.T) { testLeftoverOfACopy(t, s, dir) })
	t.Run("process group", func(t *testing.T) { testOwnProcessGroup(t, s) })
}

func testSettings(t *testing.T, s *Server) {
	for sql, want := range map[string]string{
		"SHOW fsync":                           "on",
		"SHOW full_page_writes":                "on",
		"SHOW synchronous_commit":              "on",
		"SHOW listen_addresses":                "127.0.0.1",
		"SHOW unix_socket_directories":         "",
		"SHOW server_encoding":                 "UTF8",
		"SHOW max_parallel_workers_per_gather": "0",
		"SHOW shared_buffers":                  "256MB",
		"SHOW timezone":                        "UTC",
		"SELECT current_database()":            "annals",
		"SELECT datcollate FROM pg_database WHERE datname = 'annals'":              "C",
		"SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules":      "scram-sha-256",
		"SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = current_user": "SCRAM-SHA-256",
	} {
		if got := query(t, s.OwnerURL(), sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
	wrong := s.Conn
	wrong.OwnerPassword = "wrong"
	if c, err := pgx.Connect(t.Context(), wrong.OwnerURL()); err == nil {
		c.Close(t.Context())
		t.Error("a wrong password was let in")
	}
}

// A copied data folder names the server of the original.
func testLeftoverOfACopy(t *testing.T, s *Server, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, dataDir, pidFile))
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	write(t, filepath.Join(data, pidFile), string(text))
	if err := stopLeftover(t.Context(), data, silent); err != nil {
		t.Error(err)
	}
	// Were it not a copy but the same folder under a new name, a second server
	// would ruin it. The file keeps Postgres from starting.
	if !exists(filepath.Join(data, pidFile)) {
		t.Error("the file that guards the data is gone")
	}
	if got := query(t, s.OwnerURL(), "SELECT 'yes'"); got != "yes" {
		t.Errorf("got %q", got)
	}
}

func testOwnProcessGroup(t *testing.T, s *Server) {
	group, err := syscall.Getpgid(s.child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Error("Ctrl-C in a terminal reaches the supervisor")
	}
	// Should a signal get there all the same, it changes nothing.
	if err := s.child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	query(t, s.OwnerURL(), "SELECT pg_sleep(0.3)::text")
	if s.Err() != nil {
		t.Errorf("Err: %v", s.Err())
	}
}

func TestSecondProcessIsRefusedAndFindsTheFirst(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if _, ok := Find(t.Context(), dir); ok {
		t.Fatal("Find: found a server before there was one")
	}
	s := run(t, options(t, dir))

	began := time.Now()
	if _, err := Start(t.Context(), options(t, dir)); !errors.Is(err, ErrRunning) {
		t.Fatalf("second Start: got %v, want ErrRunning", err)
	}
	if took := time.Since(began); took > lockPatience/2 {
		t.Errorf("the second Start was refused after %v", took)
	}
	found, ok := Find(t.Context(), dir)
	if !ok || found != s.Conn {
		t.Errorf("Find: got %v, %v, want %v", found, ok, s.Conn)
	}

	text, err := os.ReadFile(filepath.Join(dir, connectionFile))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, connectionFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the connection file has mode %v, %v", info.Mode(), err)
	}
	stop(t, s)
	if _, err := os.Stat(filepath.Join(dir, connectionFile)); err == nil {
		t.Error("the connection file is still there after Stop")
	}
	if err := os.WriteFile(filepath.Join(dir, connectionFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := Find(t.Context(), dir); ok {
		t.Error("Find: found a server that is gone")
	}
}

// runElsewhere starts a server in another process. kill ends that process as
// the kernel would.
func runElsewhere(t *testing.T, dir string, env ...string) (c Conn, kill func()) {
	t.Helper()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), append(env, helperFolder+"="+dir)...)
	parent.Stderr = t.Output()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c, func() {
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()
	}
}

func TestParentKilledLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	data := filepath.Join(dir, dataDir)
	c, kill := runElsewhere(t, dir, helperThrowaway+"=1")
	connect(t, c.OwnerURL()) // an open connection must not hold it up
	pid := postmaster(t, dir)
	kill()
	eventually(t, 3*time.Second, "Postgres is gone", func() bool { return !isPostmaster(pid, data) })
	eventually(t, 3*time.Second, "its files are gone", func() bool {
		files, _ := os.ReadDir(dir)
		return len(files) == 0
	})
}

func TestParentKilledAndStartedAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c, kill := runElsewhere(t, dir)
	exec1(t, c.OwnerURL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	pid := postmaster(t, dir)
	kill()
	s := run(t, options(t, dir))
	if isPostmaster(pid, filepath.Join(dir, dataDir)) {
		t.Error("two servers at once")
	}
	if got := query(t, s.OwnerURL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the table holds %q", got)
	}
}

func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := run(t, options(t, dir))
	exec1(t, s.OwnerURL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	left := postmaster(t, dir)
	if err := s.child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Err: got %v", err)
	}
	if !isPostmaster(left, filepath.Join(dir, dataDir)) {
		t.Fatal("nothing was left behind: this test shows nothing")
	}

	s = run(t, options(t, dir))
	if isPostmaster(left, filepath.Join(dir, dataDir)) {
		t.Error("the server left behind still runs")
	}
	if got := query(t, s.OwnerURL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the table holds %q", got)
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := run(t, options(t, dir))
	exec1(t, s.OwnerURL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the end of Postgres went unnoticed")
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("Err: got %v", err)
	}
	s = run(t, options(t, dir))
	if got := query(t, s.OwnerURL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the table holds %q", got)
	}
}

func TestThrowawayRemovesItsFolder(t *testing.T) {
	t.Parallel()
	o := options(t, folder(t))
	o.Throwaway = true
	s := run(t, o)
	if got := query(t, s.OwnerURL(), "SHOW fsync"); got != "off" {
		t.Errorf("fsync is %s", got)
	}
	stop(t, s)
	if _, err := os.Stat(o.Dir); err == nil {
		t.Error("the folder is still there")
	}

	o.Dir = filepath.Dir(o.Dir)
	if _, err := Start(t.Context(), o); err == nil {
		t.Error("a folder that exists was taken")
	}
}

func TestStartCancelled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, options(t, dir)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want a passed deadline", err)
	}
	s := run(t, options(t, dir)) // what was half done is no obstacle
	stop(t, s)
}
