package private

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// childArgument is the first argument of a supervisor; the second is its order.
const childArgument = "private-postgres"

const (
	lockFile = "lock"
	// lockPatience bounds the wait for a supervisor whose parent was killed
	// and which is still stopping its server.
	lockPatience = 30 * time.Second
	lockRetry    = 50 * time.Millisecond
	// lifeCheck is how often the supervisor looks whether Postgres still runs.
	lifeCheck = time.Second
)

// order is what the parent tells the supervisor. It holds no secret, since
// arguments are visible to every user.
type order struct {
	Dir             string
	Binaries        string
	Repository      string `json:",omitempty"`
	IgnoreInstalled bool   `json:",omitempty"`
	Throwaway       bool   `json:",omitempty"`
}

func (o order) encode() (string, error) {
	text, err := json.Marshal(o)
	return string(text), err
}

func (o order) in(name string) string { return filepath.Join(o.Dir, name) }

// message is one line that the supervisor writes to its standard output. One
// of the fields is set.
type message struct {
	Step    string   `json:"step,omitempty"`
	Ready   *Conn    `json:"ready,omitempty"`
	Failure *failure `json:"failure,omitempty"`
}

// failure is an error on its way through the pipe.
type failure struct {
	Text    string `json:"text"`
	Running bool   `json:"running,omitempty"` // it is ErrRunning
}

func (f failure) err() error {
	if f.Running {
		return runningError(f.Text)
	}
	return errors.New(f.Text)
}

// runningError is an ErrRunning with the text it had in the child.
type runningError string

func (e runningError) Error() string { return string(e) }
func (e runningError) Unwrap() error { return ErrRunning }

// RunIfChild runs the supervisor, and ends the process after it, when this
// process was started as one. Otherwise it returns at once. Call it first in
// main and in the TestMain of every package whose tests start a server.
func RunIfChild() {
	if len(os.Args) != 3 || os.Args[1] != childArgument {
		return
	}
	// Caught and dropped: a signal for the whole process group or control
	// group must not stop Postgres before the parent says so, and writing to a
	// parent that is gone must not end this process. Unlike ignored signals,
	// caught ones are back to normal in Postgres.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	os.Exit(supervise(os.Args[2], os.Stdin, os.Stdout))
}

// supervise carries out the order until stdin closes and returns the exit code.
func supervise(text string, stdin io.Reader, stdout io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	out := json.NewEncoder(stdout)
	say := func(m message) { _ = out.Encode(m) } // a parent that is gone need not hear it
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.run(ctx, say)
	}
	if err == nil {
		return 0
	}
	say(message{Failure: &failure{Text: err.Error(), Running: errors.Is(err, ErrRunning)}})
	return 1
}

// run keeps a server until ctx ends.
func (o order) run(ctx context.Context, say func(message)) (err error) {
	lock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	if o.Throwaway {
		defer os.RemoveAll(o.Dir)
	}
	c, err := o.prepare(ctx, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	conn, err := c.start(ctx)
	if err != nil {
		return err
	}
	if err := writeJSON(o.in(connectionFile), conn); err != nil {
		return fmt.Errorf("writing the connection file: %w", err)
	}
	defer os.Remove(o.in(connectionFile))
	say(message{Ready: &conn})
	return c.watch(ctx)
}

// prepare leaves no server on the data and finds the binaries that fit it.
func (o order) prepare(ctx context.Context, say func(message)) (*cluster, error) {
	os.Remove(o.in(connectionFile)) // of a run that was killed
	if err := stopLeftover(ctx, o.in(dataDir), say); err != nil {
		return nil, err
	}
	major, err := o.settleData()
	if err != nil {
		return nil, err
	}
	bin, err := o.findBinaries(ctx, major, say)
	if err != nil {
		return nil, err
	}
	if major == 0 {
		say(message{Step: "creating the database"})
	}
	return &cluster{order: o, bin: bin, fresh: major == 0}, nil
}

// lock takes the folder, or tells that a living process has it.
func (o order) lock(ctx context.Context) (*flock.Flock, error) {
	lock := flock.New(o.in(lockFile), flock.SetPermissions(0o600))
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		ok, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", o.Dir, err)
		}
		if ok {
			return lock, nil
		}
		if c, err := readConnection(o.Dir); err == nil && alive(c.PID) {
			return nil, fmt.Errorf("%w: process %d", ErrRunning, c.PID)
		}
		select {
		case <-patience.Done():
			return nil, fmt.Errorf("%w: it is starting or stopping", ErrRunning)
		case <-time.After(lockRetry):
		}
	}
}
