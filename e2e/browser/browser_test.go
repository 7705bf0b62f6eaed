// Package browser holds what only a browser can tell: that the app of the documentation works on an origin of its own, what
// CORS lets through, and the playground. Each test starts annals and has a story in JavaScript drive Chromium.
//
// It needs Node 20.11, `npm ci` in this folder, and Chromium in the PATH. Where they are not there the tests are skipped, and
// fail if ANNALS_TEST_BROWSER is "required".
package browser

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// binary is built once from the checkout.
var binary string

func TestMain(m *testing.M) {
	if missing() != "" {
		os.Exit(m.Run()) // to say so
	}
	folder, err := openFolder()
	if err == nil {
		binary = filepath.Join(folder, "annals")
		build := exec.Command("go", "build", "-o", binary, "annals")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building annals:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// TestAppOfTheDocs: first page, next page, live feed, the end of a token, a restart, another filter.
func TestAppOfTheDocs(t *testing.T) {
	needs(t)
	app := "http://" + freeAddress(t)
	i := install(t, app, "demo")
	i.play("app.js", "APP_ORIGIN="+app)
}

func TestOrigins(t *testing.T) {
	needs(t)
	app := "http://" + freeAddress(t)
	i := install(t, app)
	i.play("cors.js", "APP_ORIGIN="+app, "OTHER_ORIGIN=http://"+freeAddress(t))
}

func TestPlayground(t *testing.T) {
	needs(t)
	i := install(t, "")
	i.play("playground.js")
}

// needs skips a test, or fails it, where something that it needs is missing.
func needs(t *testing.T) {
	t.Helper()
	reason := missing()
	switch {
	case reason == "":
	case os.Getenv("ANNALS_TEST_BROWSER") == "required":
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// missing says what is not there, empty when everything is.
func missing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "Node is not in the PATH"
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		return "npm ci has not been run in e2e/browser"
	}
	if chromium() == "" {
		return "Chromium is not in the PATH"
	}
	return ""
}

// chromium is the path of the browser, empty when there is none.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// play runs a story to its end. When it prints "restart", annals is started again, and a line says that it is there.
func (i *installation) play(story string, env ...string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", story)
	node.Cancel = func() error { return node.Process.Signal(syscall.SIGTERM) } // the browser ends too
	node.WaitDelay = 5 * time.Second
	node.Env = append(os.Environ(), append(env, "ANNALS_URL="+i.url, "OWNER_TOKEN="+i.owner(), "CHROMIUM="+chromium())...)
	node.Stderr = i.t.Output()
	answers, err := node.StdinPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	printed, err := node.StdoutPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		i.t.Fatal(err)
	}
	for lines := bufio.NewScanner(printed); lines.Scan(); {
		i.t.Log(lines.Text())
		if lines.Text() == "restart" {
			i.stop()
			i.start()
			_, _ = fmt.Fprintln(answers) // a story that has ended fails below
		}
	}
	if err := node.Wait(); err != nil {
		i.t.Errorf("%s: %v", story, err)
	}
}
