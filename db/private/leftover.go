package private

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pidFile = "postmaster.pid"
	// fastStop and immediateStop are how long a leftover Postgres may take
	// after SIGINT and after SIGQUIT.
	fastStop      = 30 * time.Second
	immediateStop = 10 * time.Second
	stopCheck     = 20 * time.Millisecond
)

// stopLeftover stops the Postgres of an earlier run whose supervisor was
// killed. Nobody else's server is ever touched: postmaster.pid must name this
// very data folder, and the process must be a postgres that works on it.
func stopLeftover(ctx context.Context, data string, say func(message)) error {
	pid, folder, err := readPIDFile(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case folder == data && isPostmaster(pid, data):
		say(message{Step: "stopping a Postgres that an earlier run left behind"})
		return stopPostmaster(ctx, pid, data)
	case alive(pid) && !isPostgres(pid):
		// The number belongs to another process by now, often so after the
		// restart of a container. Postgres would take that one for its own.
		return os.Remove(filepath.Join(data, pidFile))
	}
	// Either the file is stale, which Postgres sees by itself, or a Postgres may
	// be at work on this folder under an earlier name, and it refuses to start.
	return nil
}

// readPIDFile returns the first two lines of postmaster.pid.
func readPIDFile(data string) (pid int, folder string, err error) {
	text, err := os.ReadFile(filepath.Join(data, pidFile))
	if err != nil {
		return 0, "", err
	}
	lines := strings.SplitN(string(text), "\n", 3)
	if len(lines) < 3 {
		return 0, "", fmt.Errorf("%s in %s is torn: remove it if no Postgres runs there", pidFile, data)
	}
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return 0, "", fmt.Errorf("reading %s in %s: %w", pidFile, data, err)
	}
	return pid, lines[1], nil
}

// stopPostmaster ends a Postgres: fast, and if that takes too long, at once.
func stopPostmaster(ctx context.Context, pid int, data string) error {
	for _, try := range []struct {
		signal  syscall.Signal
		timeout time.Duration
	}{{syscall.SIGINT, fastStop}, {syscall.SIGQUIT, immediateStop}} {
		if err := syscall.Kill(pid, try.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping the Postgres %d on %s: %w", pid, data, err)
		}
		if waitUntil(ctx, try.timeout, func() bool { return !isPostmaster(pid, data) }) {
			return nil
		}
	}
	return fmt.Errorf("the Postgres %d on %s does not stop", pid, data)
}

func waitUntil(ctx context.Context, timeout time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(stopCheck):
		}
	}
	return true
}

// alive reports whether there is a process of that number, be it ours or not.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return pid > 0 && (err == nil || errors.Is(err, syscall.EPERM))
}

// isPostmaster reports whether the process is a postgres that pg_ctl started
// on the data folder. A zombie is none: it has no arguments any more.
func isPostmaster(pid int, data string) bool {
	if !alive(pid) {
		return false
	}
	line, separator := commandLine(pid)
	program, rest, found := strings.Cut(line, separator+"-D"+separator)
	return found && filepath.Base(program) == "postgres" && strings.HasPrefix(rest+separator, data+separator)
}

// isPostgres reports whether the process is any Postgres: a postmaster or one
// of its children, which name themselves "postgres: " and what they do.
func isPostgres(pid int) bool {
	line, separator := commandLine(pid)
	program, _, _ := strings.Cut(line, separator)
	return filepath.Base(program) == "postgres" || strings.HasPrefix(line, "postgres: ")
}

// commandLine returns the arguments of a process and what stands between them:
// exactly from /proc, and where there is none, as ps shows them.
func commandLine(pid int) (line, separator string) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return string(text), "\x00"
	}
	text, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx // ps is quick
	if err != nil {
		return "", " "
	}
	return strings.TrimSpace(string(text)), " "
}
