// Package e2e holds the real binary under test: started as a user starts it, asked as a front end asks it.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"annals/db/private"
)

// binary is built once from the checkout.
var binary string

func TestMain(m *testing.M) {
	private.RunIfChild() // the Postgres of a test
	folder, err := os.MkdirTemp("", "annals-e2e-")
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
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
	// The tests wait for processes, leases and vendors more than they compute. What the command line says wins.
	_ = flag.Set("test.parallel", "5")
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// process is a running annals.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	env    []string
	url    string
	stdout *lines
	stderr *lines
	exited chan struct{}
}

// lines keeps what a process prints.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// dataFolder is a folder that another user's Postgres can reach.
func dataFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "annals-e2e-data-") //nolint:usetesting // another user must pass through it
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
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

// environment is what every process of one installation shares.
func environment(t *testing.T, more ...string) (env []string, url string) {
	t.Helper()
	address := freeAddress(t)
	for _, entry := range os.Environ() {
		// A developer's own installation is none of the tests' business.
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "ANNALS_") && !strings.HasPrefix(name, "DATABASE_") && !strings.HasPrefix(name, "MEILI_") {
			env = append(env, entry)
		}
	}
	env = append(env, "ANNALS_LISTEN="+address, "ANNALS_DATA="+filepath.Join(dataFolder(t), "annals"), "ANNALS_METRICS_LISTEN="+freeAddress(t))
	return append(env, more...), "http://" + address
}

// start runs annals until the test ends, and waits until it is ready.
func start(t *testing.T, env []string, url string, args ...string) *process {
	t.Helper()
	p := &process{t: t, env: env, url: url, stdout: &lines{}, stderr: &lines{}, exited: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("stderr of annals:\n%s", tail(p.stderr.String(), 4000))
		}
	})
	eventually(t, 90*time.Second, "annals is ready", func() bool {
		response, err := http.Get(url + "/readyz")
		if err != nil {
			select {
			case <-p.exited:
				t.Fatalf("annals ended: %s", tail(p.stderr.String(), 2000))
			default:
			}
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

func tail(text string, size int) string { return text[max(0, len(text)-size):] }

// stop ends annals as Ctrl-C does and gives its exit code.
func (p *process) stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a sub-command of the same installation and gives what it prints on stdout.
func (p *process) run(args ...string) string {
	p.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = p.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("annals %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// token makes a token with scopes in the tenant default.
func (p *process) token(scopes ...string) string {
	p.t.Helper()
	return p.run("token", "create", "--scope", strings.Join(scopes, ","), "--expires", "1h")
}

// every is a token that may do everything.
func (p *process) every() string {
	p.t.Helper()
	return p.token("activities:read", "activities:raw", "activities:write", "integrations:read", "integrations:write",
		"tokens:read", "tokens:write", "viewers:write", "schema:read")
}

// answer is a GraphQL answer.
type answer struct {
	Status     int
	Data       map[string]any `json:"data"`
	Errors     []answerError  `json:"errors"`
	Extensions map[string]any `json:"extensions"`
}

type answerError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// ask sends an operation.
func (p *process) ask(token, query string, variables map[string]any) answer {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		p.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/graphql-response+json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{Status: response.StatusCode}
	content, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(content, &a)
	}
	if err != nil {
		p.t.Fatalf("reading the answer %q: %v", content, err)
	}
	return a
}

// get asks and wants no error; it gives what lies at a way into the data.
func (p *process) get(token, query string, variables map[string]any, way ...string) any {
	p.t.Helper()
	a := p.ask(token, query, variables)
	if len(a.Errors) > 0 {
		p.t.Fatalf("%s: %+v", query, a.Errors)
	}
	return at(a.Data, way...)
}

func at(value any, way ...string) any {
	for _, name := range way {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// integration creates one and gives its global id, the address of its webhook and the secret.
func (p *process) integration(token, connector, name string, settings map[string]any) (id, webhook, secret string) {
	p.t.Helper()
	inputs := []map[string]any{}
	for key, value := range settings {
		inputs = append(inputs, map[string]any{"name": key, "value": value})
	}
	made := p.get(token, `mutation($input: CreateIntegrationInput!) { createIntegration(input: $input) {
		integration { id webhook { url } } webhookSecret userErrors { field message code } } }`,
		map[string]any{"input": map[string]any{"connector": connector, "name": name, "settings": inputs}}, "createIntegration")
	if problems, _ := at(made, "userErrors").([]any); len(problems) > 0 {
		p.t.Fatalf("creating %s: %v", name, problems)
	}
	id, _ = at(made, "integration", "id").(string)
	webhook, _ = at(made, "integration", "webhook", "url").(string)
	secret, _ = at(made, "webhookSecret").(string)
	return id, webhook, secret
}

// count is the number of activities of an integration.
func (p *process) count(token, integration string) int {
	p.t.Helper()
	total, _ := p.get(token, `query($id: ID!) { activities(filter: {integration: {in: [$id]}}, first: 0) { totalCount } }`,
		map[string]any{"id": integration}, "activities", "totalCount").(float64)
	return int(total)
}

// eventually waits until something holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fixtures is a folder of other people's data beside the checkout; tests that need it are skipped where it is not.
func fixtures(t *testing.T, path ...string) string {
	t.Helper()
	folder := filepath.Join(append([]string{"..", "..", "shared", "fixtures"}, path...)...)
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("the vendors' own data is not beside the checkout: %v", err)
	}
	return folder
}

// jsonLines reads a file of JSON lines.
func jsonLines(t *testing.T, path string) []json.RawMessage {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var records []json.RawMessage
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		if line := bytes.TrimSpace(scanner.Bytes()); len(line) > 0 {
			records = append(records, bytes.Clone(line))
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return records
}

// post sends a webhook delivery and gives the status.
func post(ctx context.Context, t *testing.T, url string, header map[string]string, body []byte) int {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
