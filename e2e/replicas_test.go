package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"annals/db/private"
	"annals/simulator"
)

// installation is what several processes over one database share.
type installation struct {
	t      *testing.T
	owner  string   // address of the database for its owner
	shared []string // environment of every process
}

// install runs a Postgres of the test's own, whose database is empty.
func install(t *testing.T) *installation {
	t.Helper()
	folder := dataFolder(t)
	server, err := private.Start(t.Context(), private.Options{
		Dir: filepath.Join(folder, "postgres"), Log: slog.New(slog.DiscardHandler), Throwaway: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	public := freeAddress(t)
	return &installation{t: t, owner: server.OwnerURL(), shared: []string{
		"DATABASE_URL=" + server.LoginURL(), "ANNALS_KEY_FILE=" + filepath.Join(folder, "key"), "ANNALS_PUBLIC_URL=http://" + public,
		"ANNALS_EGRESS_ALLOW=127.0.0.0/8", "ANNALS_POLL_FLOOR=1s",
	}}
}

func (i *installation) migrate() string {
	i.t.Helper()
	env, url := environment(i.t, append(i.shared, "DATABASE_OWNER_URL="+i.owner)...)
	return (&process{t: i.t, env: env, url: url}).run("migrate")
}

// replica is one process more.
func (i *installation) replica() *process {
	i.t.Helper()
	env, url := environment(i.t, i.shared...)
	return start(i.t, env, url)
}

// at is an address of the installation as one replica answers at it.
func (p *process) at(address string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	return p.url + "/" + path
}

// watched is a simulated GitHub that notes which process asks, and with which token.
type watched struct {
	github *simulator.GitHub
	url    string

	mu     sync.Mutex
	token  string                                // guarded by mu; the only one that is good
	ports  map[string]int                        // guarded by mu; process id by remote address
	asked  map[int]int                           // guarded by mu; requests by process id
	stale  []time.Time                           // guarded by mu; requests with another token
	before func(r *http.Request, by, number int) // called with each request, the process that asks and how many there were
}

// watch gives a vendor a past; it dies with the test.
func watch(t *testing.T, seed uint64, past time.Duration, perHour int) *watched {
	t.Helper()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skipf("which process asks cannot be seen here: %v", err)
	}
	now := time.Now()
	w := &watched{
		github: simulator.NewGitHub(simulator.Options{Seed: seed, Now: time.Now, PerHour: perHour}),
		token:  "first", ports: map[string]int{}, asked: map[int]int{}, before: func(*http.Request, int, int) {},
	}
	w.github.Generate(now.Add(-past), now)
	web := httptest.NewServer(w)
	t.Cleanup(web.Close)
	w.url = web.URL
	return w
}

func (w *watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	if _, known := w.ports[r.RemoteAddr]; !known {
		w.ports[r.RemoteAddr] = processOf(r.RemoteAddr)
	}
	by := w.ports[r.RemoteAddr]
	w.asked[by]++
	if r.Header.Get("Authorization") == "Bearer "+w.token {
		r.Header.Set("Authorization", "Bearer "+simulator.GitHubToken)
	} else {
		w.stale = append(w.stale, time.Now())
	}
	number := 0
	for _, count := range w.asked {
		number += count
	}
	w.mu.Unlock()
	w.before(r, by, number)
	w.github.ServeHTTP(rw, r)
}

// by is how often a replica has asked.
func (w *watched) by(p *process) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[p.cmd.Process.Pid]
}

// keys are the vendor's own ids of all that it holds, sorted.
func (w *watched) keys() []string {
	var keys []string
	for _, feed := range []string{"web", "git"} {
		for _, item := range w.github.Items(feed) {
			keys = append(keys, item.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (w *watched) settings() map[string]any {
	return map[string]any{"organization": simulator.GitHubOrganization, "token": "first", "baseUrl": w.url}
}

// processOf is the process that holds the other end of a connection on this machine, 0 where that cannot be seen.
func processOf(address string) int {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	number, _ := strconv.Atoi(port)
	table, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
			continue
		}
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == "socket:["+fields[9]+"]" {
				pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
				return pid
			}
		}
	}
	return 0
}

// vendorIDs are the vendor's own ids of an integration's activities, sorted, repeats included.
func vendorIDs(p *process, token, integration string) []string {
	p.t.Helper()
	var ids []string
	for cursor := any(nil); ; {
		page := p.get(token, `query($id: ID!, $c: String) { activities(filter: {integration: {in: [$id]}}, first: 200, after: $c) {
			nodes { vendorId } pageInfo { hasNextPage endCursor } } }`, map[string]any{"id": integration, "c": cursor}, "activities")
		for _, node := range at(page, "nodes").([]any) {
			id, _ := at(node, "vendorId").(string)
			ids = append(ids, id)
		}
		if at(page, "pageInfo", "hasNextPage") != true {
			slices.Sort(ids)
			return ids
		}
		cursor = at(page, "pageInfo", "endCursor")
	}
}

// backfilled reports whether all backfills of an integration are done.
func backfilled(p *process, token, integration string) bool {
	p.t.Helper()
	backfills, _ := p.get(token, `query($id: ID!) { integration(id: $id) { backfills { status } } }`,
		map[string]any{"id": integration}, "integration", "backfills").([]any)
	return len(backfills) > 0 && !slices.ContainsFunc(backfills, func(b any) bool { return at(b, "status") != "DONE" })
}

// reader reads a live feed to the end of the test.
type reader struct {
	mu   sync.Mutex
	seqs []int64  // guarded by mu
	ids  []string // guarded by mu
	err  error    // guarded by mu; why the feed ended
}

// follow reads everything from the first activity on.
func follow(t *testing.T, p *process, token string) *reader {
	t.Helper()
	s := dial(t, p, token)
	s.subscribe("1", `subscription { activityRecorded(since: "2000-01-01T00:00:00Z") { edges { node { id seq } } } }`, nil)
	r := &reader{}
	go func() {
		for {
			message, err := s.read()
			r.mu.Lock()
			edges, ok := at(message, "payload", "data", "activityRecorded", "edges").([]any)
			if err == nil && !ok {
				err = fmt.Errorf("message %v", message)
			}
			for _, edge := range edges {
				r.seqs = append(r.seqs, int64(at(edge, "node", "seq").(float64)))
				r.ids = append(r.ids, at(edge, "node", "id").(string))
			}
			r.err = err
			r.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return r
}

func (r *reader) read() (seqs []int64, ids []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seqs), slices.Clone(r.ids), r.err
}

// TestReplicasShareTheWork fetches four accounts with two processes, while clients push to one and read at the other.
func TestReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	a, b := in.replica(), in.replica()
	token := a.every()
	feed := follow(t, b, token)
	vendors := map[string]*watched{}
	for n := range uint64(4) {
		vendor := watch(t, 1+n, 20*24*time.Hour, 2)
		id, _, _ := a.integration(token, "github", fmt.Sprintf("GitHub %d", n), vendor.settings())
		vendors[id] = vendor
	}
	var own []string
	for round := range 20 {
		var batch []map[string]any
		for n := range 5 {
			batch = append(batch, ownActivity(fmt.Sprintf("k-%d-%d", round, n), "jane@example.com", "APPROVE"))
		}
		own = append(own, a.record(token, batch...)...)
	}
	asked := map[*process]int{}
	for id, vendor := range vendors {
		eventually(t, 2*time.Minute, "the backfills are done", func() bool { return backfilled(b, token, id) })
		if got, want := vendorIDs(b, token, id), vendor.keys(); !slices.Equal(got, want) {
			t.Errorf("%d activities of which %d are different, want each of %d once", len(got), len(slices.Compact(got)), len(want))
		}
		for _, p := range []*process{a, b} {
			asked[p] += vendor.by(p)
		}
	}
	if t.Logf("requests of one replica: %d, of the other: %d", asked[a], asked[b]); asked[a] == 0 || asked[b] == 0 {
		t.Error("one replica did all the work, so nothing was proven")
	}
	total := int(a.get(token, `{ activities(first: 0) { totalCount } }`, nil, "activities", "totalCount").(float64))
	eventually(t, 20*time.Second, "the other replica's feed has everything", func() bool {
		seqs, _, err := feed.read()
		return err != nil || len(seqs) >= total
	})
	seqs, ids, err := feed.read()
	if err != nil {
		t.Fatal(err)
	}
	for n, seq := range seqs {
		if seq != int64(n) {
			t.Fatalf("activity %d of the feed has seq %d", n, seq)
		}
	}
	pushed := slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(own, id) })
	if !slices.Equal(pushed, own) {
		t.Errorf("the feed has %d of %d pushed activities, or in another order", len(pushed), len(own))
	}
}

// TestReplicaTakesOverFromTheKilled kills a process while it waits for a page of a backfill.
func TestReplicaTakesOverFromTheKilled(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	a := in.replica()
	token := a.every()
	vendor := watch(t, 1, 60*24*time.Hour, 1)
	held, killed := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(killed) })
	t.Cleanup(release)
	var other atomic.Int32 // requests of the second process for the past
	first := a.cmd.Process.Pid
	hold := sync.OnceFunc(func() { close(held) })
	vendor.before = func(r *http.Request, by, number int) {
		past := strings.Contains(r.URL.Query().Get("phrase"), "..")
		switch {
		case by != first && past:
			other.Add(1)
		case by == first && past && number >= 8:
			hold()
			<-killed
		}
	}
	id, _, _ := a.integration(token, "github", "GitHub", vendor.settings())
	select {
	case <-held:
	case <-time.After(time.Minute):
		t.Fatal("the first process does not fetch")
	}
	b := in.replica()
	time.Sleep(3 * time.Second) // several dispatches
	if count := b.count(token, id); count == 0 || count >= len(vendor.keys()) || other.Load() > 0 {
		t.Fatalf("before the kill: %d of %d activities, %d requests of the second process, want a part, by the first alone",
			count, len(vendor.keys()), other.Load())
	}
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.exited
	release()
	begun := time.Now()
	eventually(t, 75*time.Second, "the other process takes over", func() bool { return other.Load() > 0 })
	t.Logf("taken over after %s", time.Since(begun).Round(time.Second))
	eventually(t, time.Minute, "the backfills are done", func() bool { return backfilled(b, token, id) })
	if got, want := vendorIDs(b, token, id), vendor.keys(); !slices.Equal(got, want) {
		t.Errorf("%d activities of which %d are different, want each of %d once", len(got), len(slices.Compact(got)), len(want))
	}
}

// soon is how fast one replica has to know what was changed through another.
const soon = 5 * time.Second

func TestWhatOneReplicaEndsTheOtherRefuses(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	a, b := in.replica(), in.replica()
	owner := a.every()

	made := a.get(owner, `mutation { createApiToken(input: {name: "reader", scopes: [ACTIVITIES_READ], expiresIn: "PT30M"}) { token apiToken { id } } }`, nil, "createApiToken")
	token := at(made, "token").(string)
	feed := follow(t, b, token)
	if status := b.ask(token, `{ viewer { subject } }`, nil).Status; status != http.StatusOK {
		t.Fatalf("a good token at the other replica: status %d", status)
	}
	a.get(owner, `mutation($id: ID!) { revokeApiToken(input: {id: $id}) { revokedCount } }`, map[string]any{"id": at(made, "apiToken", "id")})
	eventually(t, soon, "the other replica ends the revoked token's feed", func() bool {
		_, _, err := feed.read()
		return websocket.CloseStatus(err) == 4403
	})
	eventually(t, soon, "the other replica refuses the revoked token", func() bool {
		return b.ask(token, `{ viewer { subject } }`, nil).Status == http.StatusUnauthorized
	})

	id, hook, first := a.integration(owner, "kubernetes", "Cluster", nil)
	deliver := func(p *process, secret string) int {
		body := []byte(`{"kind":"EventList","items":[{"auditID":"x","stage":"ResponseComplete","verb":"get","user":{"username":"alice"}}]}`)
		return post(t.Context(), t, p.at(hook), map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + secret}, body)
	}
	if status := deliver(b, first); status != http.StatusNoContent {
		t.Fatalf("a delivery to the other replica: status %d, want 204", status)
	}
	second := a.get(owner, `mutation($id: ID!) { rotateWebhookSecret(input: {integrationId: $id, keepOld: "PT0S"}) { webhookSecret userErrors { message } } }`,
		map[string]any{"id": id}, "rotateWebhookSecret", "webhookSecret").(string)
	eventually(t, soon, "the other replica refuses the old secret", func() bool { return deliver(b, first) == http.StatusUnauthorized })
	if status := deliver(b, second); status != http.StatusNoContent {
		t.Errorf("the new secret at the other replica: status %d, want 204", status)
	}
	a.get(owner, `mutation($id: ID!) { deleteIntegration(input: {id: $id, confirmName: "Cluster"}) { userErrors { message } } }`, map[string]any{"id": id})
	eventually(t, soon, "the other replica refuses what is sent to a deleted integration", func() bool { return deliver(b, second) == http.StatusUnauthorized })
	if count := b.count(owner, id); count != 1 {
		t.Errorf("%d activities, want 1", count)
	}
}

func TestReplicaFetchesWithSettingsChangedAtAnother(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	a, b := in.replica(), in.replica()
	token := a.every()
	begun := time.Now()
	vendor := watch(t, 1, 20*time.Minute, 3600)
	id, _, _ := a.integration(token, "github", "GitHub", vendor.settings())
	if code := a.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	eventually(t, 90*time.Second, "the other replica fetches with the first token", func() bool { return vendor.by(b) > 0 && backfilled(b, token, id) })
	a = in.replica()
	changed := a.get(token, `mutation($id: ID!) { updateIntegration(input: {id: $id, settings: [{name: "token", value: "second"}]}) { userErrors { message } } }`,
		map[string]any{"id": id}, "updateIntegration", "userErrors").([]any)
	if len(changed) > 0 {
		t.Fatal(changed)
	}
	vendor.mu.Lock()
	vendor.token = "second"
	vendor.mu.Unlock()
	updated := time.Now()
	if code := a.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	vendor.github.Generate(begun, time.Now())
	before := vendor.by(b)
	eventually(t, 90*time.Second, "the other replica fetches what is new", func() bool { return b.count(token, id) == len(vendor.keys()) })
	if vendor.by(b) == before {
		t.Error("the other replica has not asked")
	}
	vendor.mu.Lock()
	defer vendor.mu.Unlock()
	for _, at := range vendor.stale {
		if late := at.Sub(updated); late > soon {
			t.Errorf("a request with the first token %s after the change", late)
		}
	}
}
