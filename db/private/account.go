package private

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// passedOn are the variables that the child inherits: what finding an installed
// PostgreSQL and downloading one need. The rest of the environment may hold
// secrets and settings of the parent.
var passedOn = []string{
	"PATH", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

// account is the user that Postgres runs as.
type account struct {
	name     string
	uid, gid uint32
	switched bool // the child must become it
}

// accounts returns the users that Postgres may run as, best first. An ordinary
// user has no choice.
func accounts() ([]account, error) {
	if os.Geteuid() != 0 {
		return []account{{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}}, nil //nolint:gosec // ids are never negative
	}
	var found []account
	for _, name := range []string{"postgres", "nobody"} {
		if a, err := lookup(name); err == nil {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("root may not run Postgres, and there is no user postgres or nobody: " +
			"run Annals as an ordinary user or set DATABASE_URL")
	}
	return found, nil
}

func lookup(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, err
	}
	return account{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
}

// command prepares the child. It gets a process group of its own, so that
// Ctrl-C in a terminal reaches the parent alone, which closes its pools first.
func (p place) command(o order) (*exec.Cmd, error) {
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	argument, err := o.encode()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, childArgument, argument) //nolint:noctx // it outlives the context of the start
	cmd.Dir = p.path
	cmd.Env = p.environment()
	cmd.Stderr = &tail{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.account.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.account.uid, Gid: p.account.gid}
	}
	return cmd, nil
}

// selfPath is the file to execute to run this program again. On Linux it is a
// name that works where the file itself lies out of the other user's reach, as
// it does under `go run` and `go test`.
func selfPath() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

func (p place) environment() []string {
	env := []string{
		"HOME=" + p.path,
		"TMPDIR=" + p.temporary(),
		"LC_ALL=C",
		"TZ=UTC",
		"PGCTLTIMEOUT=600", // seconds; recovery after a crash can outlast pg_ctl's minute
	}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// explain says what to do about a child that could not be started.
func (p place) explain(err error) error {
	switch {
	case !p.account.switched:
		return fmt.Errorf("working in %s: %w", p.path, err)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("root may not run Postgres, and becoming user %s is not permitted here: "+
			"run Annals as an ordinary user or set DATABASE_URL: %w", p.account.name, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("user %s may not execute the program of Annals: "+
			"make it executable for everyone (chmod o+rx), run it as an ordinary user or set DATABASE_URL: %w",
			p.account.name, err)
	}
	return err
}

// tail keeps the last part of what the child writes to its standard error: the
// trace, if it panics.
type tail struct{ text []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

func (t *tail) String() string {
	if len(t.text) == 0 {
		return ""
	}
	return "\n" + strings.TrimSpace(string(t.text))
}
