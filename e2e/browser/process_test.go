package browser

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// installation is one annals with a folder and an address of its own, which may be stopped and started again.
type installation struct {
	t      *testing.T
	args   []string
	env    []string
	url    string
	cmd    *exec.Cmd
	stderr bytes.Buffer // to be read once the process has ended
}

// install starts annals with args until the test ends. Pages of origin may use its API.
func install(t *testing.T, origin string, args ...string) *installation {
	t.Helper()
	folder, err := openFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	address := freeAddress(t)
	i := &installation{t: t, args: args, url: "http://" + address}
	for _, entry := range os.Environ() {
		// A developer's own installation is none of the test's business.
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "ANNALS_") && !strings.HasPrefix(name, "DATABASE_") && !strings.HasPrefix(name, "MEILI_") {
			i.env = append(i.env, entry)
		}
	}
	i.env = append(i.env, "ANNALS_LISTEN="+address, "ANNALS_DATA="+filepath.Join(folder, "data"),
		"ANNALS_METRICS_LISTEN="+freeAddress(t), "ANNALS_ALLOWED_ORIGINS="+origin)
	i.start()
	t.Cleanup(func() {
		i.stop()
		if text := i.stderr.String(); t.Failed() {
			t.Logf("stderr of annals:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return i
}

// start runs annals and waits until it is ready.
func (i *installation) start() {
	i.t.Helper()
	i.cmd = exec.Command(binary, i.args...) // the cleanup ends it, in order
	i.cmd.Env, i.cmd.Stderr = i.env, &i.stderr
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(i.url + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("annals is not ready within a minute: %v", err)
		}
	}
}

// stop ends annals as Ctrl-C does.
func (i *installation) stop() {
	_ = i.cmd.Process.Signal(syscall.SIGINT)
	kill := time.AfterFunc(30*time.Second, func() { _ = i.cmd.Process.Kill() })
	defer kill.Stop()
	_ = i.cmd.Wait()
}

// owner is a token that may do everything that the stories need.
func (i *installation) owner() string {
	i.t.Helper()
	create := exec.CommandContext(i.t.Context(), binary, "token", "create",
		"--scope", "activities:read,activities:write,tokens:write,viewers:write,schema:read")
	create.Env = i.env
	token, err := create.Output()
	if err != nil {
		i.t.Fatalf("making a token: %v", err)
	}
	return strings.TrimSpace(string(token))
}

// openFolder makes a folder that the user of the private Postgres can reach too.
func openFolder() (string, error) {
	folder, err := os.MkdirTemp("", "annals-browser-")
	if err != nil {
		return "", err
	}
	return folder, os.Chmod(folder, 0o755)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
