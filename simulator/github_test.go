package simulator

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var githubNow = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func newTestGitHub(o Options) *GitHub {
	o.Now = func() time.Time { return githubNow }
	return NewGitHub(o)
}

// githubGet reads one page, and gives the ids of its records and the address of the next page.
func githubGet(t *testing.T, g *GitHub, target string) (status int, records []map[string]any, next string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("Authorization", "Bearer "+GitHubToken)
	r.Header.Set("User-Agent", "test")
	answer := httptest.NewRecorder()
	g.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		if err := json.Unmarshal(answer.Body.Bytes(), &records); err != nil {
			t.Fatalf("%s: %v", target, err)
		}
	}
	link := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(answer.Header().Get("Link"))
	if link != nil {
		next = link[1]
	}
	return answer.Code, records, next
}

// githubWalk follows the links to the end.
func githubWalk(t *testing.T, g *GitHub, target string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for target != "" {
		status, records, next := githubGet(t, g, target)
		if status != http.StatusOK {
			t.Fatalf("%s: status %d", target, status)
		}
		all = append(all, records...)
		target = next
	}
	return all
}

func TestGitHubWalk(t *testing.T) {
	t.Parallel()
	g := newTestGitHub(Options{Seed: 1})
	g.Generate(githubNow.Add(-4*time.Hour), githubNow)
	for _, path := range []string{"/orgs/example-org", "/organizations/2002", "/enterprises/example-enterprise", "/enterprises/77"} {
		for _, include := range []string{"web", "git"} {
			records := githubWalk(t, g, path+"/audit-log?order=asc&per_page=7&include="+include)
			items := g.Items(include)
			if len(records) != len(items) || len(items) < 100 {
				t.Errorf("%s, %s: %d records of %d", path, include, len(records), len(items))
				continue
			}
			for i, record := range records {
				if record["_document_id"] != items[i].Key {
					t.Errorf("%s, %s: record %d is %v instead of %s", path, include, i, record["_document_id"], items[i].Key)
				}
			}
		}
	}
	newest := githubWalk(t, g, "/orgs/example-org/audit-log")
	oldest := githubWalk(t, g, "/orgs/example-org/audit-log?order=asc&per_page=1000")
	slices.Reverse(oldest)
	for i := range newest {
		if newest[i]["_document_id"] != oldest[i]["_document_id"] {
			t.Fatalf("record %d differs between the orders", i)
		}
	}
	if all := githubWalk(t, g, "/orgs/example-org/audit-log?include=all"); len(all) != len(g.Items("web"))+len(g.Items("git")) {
		t.Errorf("all are %d", len(all))
	}
}

// TestGitHubLinks: links have the numeric path, the query of the request, and a cursor that is a position.
func TestGitHubLinks(t *testing.T) {
	t.Parallel()
	g := newTestGitHub(Options{Seed: 1})
	g.Generate(githubNow.Add(-24*time.Hour), githubNow)
	_, records, next := githubGet(t, g, "/orgs/example-org/audit-log?phrase=action%3Arepo&include=web")
	if len(records) != githubPerPage {
		t.Fatalf("a page has %d records", len(records))
	}
	link, err := url.Parse(next)
	if err != nil || link.Path != "/organizations/2002/audit-log" || link.Host != "example.com" {
		t.Fatalf("the next page is at %s, error %v", next, err)
	}
	query := link.Query()
	last := records[len(records)-1]
	cursor, err := base64.StdEncoding.DecodeString(query.Get("after"))
	if err != nil || !strings.HasSuffix(string(cursor), "|"+last["_document_id"].(string)) || !strings.Contains(string(cursor), "e+12|") {
		t.Errorf("the cursor is %q, error %v", cursor, err)
	}
	if query.Get("phrase") != "action:repo" || query.Get("include") != "web" {
		t.Errorf("the link's query is %v", query)
	}
	if status, _, _ := githubGet(t, g, "/orgs/example-org/audit-log?after=nonsense"); status != http.StatusUnprocessableEntity {
		t.Errorf("a cursor of nonsense is answered with %d", status)
	}
	if _, most, _ := githubGet(t, g, "/orgs/example-org/audit-log?per_page=1000"); len(most) != githubMostPerPage {
		t.Errorf("the largest page has %d records", len(most))
	}
}

func TestGitHubPhrase(t *testing.T) {
	t.Parallel()
	at := func(clock string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, "2026-03-01T"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	g := newTestGitHub(Options{})
	for _, item := range []struct{ key, action, clock string }{
		{"a", "team.create", "09:59:59.999"},
		{"b", "team.add_member", "10:00:00"},
		{"c", "teams.create", "10:30:00.5"},
		{"d", "repo.create", "11:00:00"},
		{"e", "repo.create", "11:00:00.001"},
	} {
		body := json.RawMessage(`{"_document_id":"` + item.key + `","action":"` + item.action + `","actor":"admin-01","actor_location":{"country_code":"DE"}}`)
		g.stores["web"].Add(Item{Key: item.key, At: at(item.clock), Visible: at(item.clock), Body: body})
	}
	for phrase, want := range map[string]string{
		"":                                    "abcde",
		"created:2026-03-01":                  "abcde",
		"created:2026-02-28":                  "",
		"created:>=2026-03-01T10:00:00+00:00": "bcde",
		"created:>2026-03-01T10:00:00+00:00":  "cde",
		"created:<=2026-03-01T11:00:00+00:00": "abcd",
		"created:<2026-03-01T11:00:00+00:00":  "abc",
		"created:2026-03-01T10:00:00+00:00..2026-03-01T11:00:00+00:00": "bcd",
		"created:2026-03-01T11:00:00+01:00..2026-03-01T12:00:00+01:00": "bcd",
		"created:*..2026-03-01T10:00:00+00:00":                         "ab",
		"action:team":                                                  "ab",
		"action:team.create":                                           "a",
		"-action:repo":                                                 "abc",
		"action:repo created:>=2026-03-01T11:00:01+00:00":              "",
		"actor:admin-01 country:de":                                    "abcde",
		"actor:someone":                                                "",
		"-actor:someone":                                               "abcde",
		"add_member":                                                   "b",
	} {
		var got string
		for _, record := range githubWalk(t, g, "/orgs/example-org/audit-log?order=asc&phrase="+url.QueryEscape(phrase)) {
			got += record["_document_id"].(string)
		}
		if got != want {
			t.Errorf("%q finds %q instead of %q", phrase, got, want)
		}
	}
	for _, phrase := range []string{"created:yesterday", "created:2026-03-01T10:00:00.5Z", "created:2026-03-01..x"} {
		if status, _, _ := githubGet(t, g, "/orgs/example-org/audit-log?phrase="+url.QueryEscape(phrase)); status != http.StatusUnprocessableEntity {
			t.Errorf("%q is answered with %d", phrase, status)
		}
	}
}

// TestGitHubAges: without a date three months come, with one what is kept: 180 days, and 7 of Git activities.
func TestGitHubAges(t *testing.T) {
	t.Parallel()
	g := newTestGitHub(Options{})
	const day = 24 * time.Hour
	for key, age := range map[string]time.Duration{"a": day, "b": 8 * day, "c": 100 * day, "d": 181 * day} {
		item := Item{Key: key, At: githubNow.Add(-age), Body: json.RawMessage(`{"_document_id":"` + key + `","action":"git.push"}`)}
		for _, include := range []string{"web", "git", "all"} {
			g.stores[include].Add(item)
		}
	}
	for query, want := range map[string]string{
		"include=web": "ba", "include=git": "a", "include=all": "a",
		"include=web&phrase=created%3A%3E%3D2020-01-01": "cba", "include=git&phrase=created%3A%3E%3D2020-01-01": "a",
	} {
		var got string
		for _, record := range githubWalk(t, g, "/orgs/example-org/audit-log?order=asc&"+query) {
			got += record["_document_id"].(string)
		}
		if got != want {
			t.Errorf("%s finds %q instead of %q", query, got, want)
		}
	}
	if len(g.Items("web")) != 3 || len(g.Items("git")) != 1 {
		t.Errorf("items of web %d, of git %d", len(g.Items("web")), len(g.Items("git")))
	}
}

func TestGitHubRefusals(t *testing.T) {
	t.Parallel()
	g := newTestGitHub(Options{})
	for target, want := range map[string]int{
		"/orgs/other/audit-log":                     http.StatusNotFound,
		"/enterprises/example-org/audit-log":        http.StatusNotFound,
		"/users/example":                            http.StatusNotFound,
		"/orgs/example-org/audit-log?include=other": http.StatusUnprocessableEntity,
		"/orgs/example-org/audit-log":               http.StatusOK,
	} {
		if status, _, _ := githubGet(t, g, target); status != want {
			t.Errorf("%s is answered with %d", target, status)
		}
	}
	for _, authorization := range []string{"", "Bearer other", "token " + GitHubToken} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orgs/example-org/audit-log", nil)
		r.Header.Set("Authorization", authorization)
		answer := httptest.NewRecorder()
		g.ServeHTTP(answer, r)
		if answer.Code != http.StatusUnauthorized || !strings.Contains(answer.Body.String(), "Bad credentials") {
			t.Errorf("%q is answered with %d: %s", authorization, answer.Code, answer.Body)
		}
	}
}

// TestGitHubIsDeterministic: a seed decides everything, also when the life is lived in pieces.
func TestGitHubIsDeterministic(t *testing.T) {
	t.Parallel()
	bodies := func(seed uint64) string {
		g := newTestGitHub(Options{Seed: seed})
		g.Generate(githubNow.Add(-2*time.Hour), githubNow.Add(-time.Hour))
		g.Ping("secret")
		g.Generate(githubNow.Add(-time.Hour), githubNow)
		var all strings.Builder
		for _, feed := range []string{"web", "git", "webhook"} {
			for _, item := range g.Items(feed) {
				all.WriteString(item.Key)
				all.Write(item.Body)
			}
		}
		return all.String()
	}
	if first, again := bodies(1), bodies(1); first != again {
		t.Error("two runs of one seed differ")
	}
	if bodies(1) == bodies(2) {
		t.Error("two seeds do not differ")
	}
}

// TestGitHubLife: over a while everything that can happen does, and nothing of it names a real address.
func TestGitHubLife(t *testing.T) {
	t.Parallel()
	g := newTestGitHub(Options{Seed: 1, PerHour: 1000})
	g.Generate(githubNow.Add(-6*time.Hour), githubNow)
	seen := map[string]bool{}
	address := regexp.MustCompile(`^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$`)
	for _, item := range g.stores["all"].Items() {
		var record struct {
			Action string
			Actor  string
			IP     string          `json:"actor_ip"`
			Org    json.RawMessage `json:"org"`
		}
		if err := json.Unmarshal(item.Body, &record); err != nil {
			t.Fatal(err)
		}
		if seen[record.Action] = true; record.IP != "" && !address.MatchString(record.IP) {
			t.Errorf("address %s", record.IP)
		}
		if list := record.Org[0] == '['; list != (record.Action == "protected_branch.rejected_ref_update") {
			t.Errorf("%s has organization %s", record.Action, record.Org)
		}
	}
	for _, action := range []string{
		"git.clone", "git.push", "org.add_member", "org.update_member", "team.add_member", "repo.create", "repo.destroy",
		"repo.access", "repo.add_member", "hook.create", "public_key.create", "personal_access_token.access_granted",
		"workflows.completed_workflow_run", "pull_request.merge", "secret_scanning_alert.create", "org.sso_response",
	} {
		if !seen[action] {
			t.Errorf("%s never happens", action)
		}
	}
}

func TestGitHubWebhooks(t *testing.T) {
	t.Parallel()
	const secret = "a secret"
	faults := NewFaults(1, func() time.Time { return githubNow }, nil)
	g := newTestGitHub(Options{Seed: 1, Faults: faults})
	g.Generate(githubNow.Add(-2*time.Hour), githubNow)
	signed := g.Deliveries(secret, githubNow.Add(-2*time.Hour), githubNow)
	if len(signed) < 10 || len(signed) != len(g.Items("webhook")) {
		t.Fatalf("%d deliveries", len(signed))
	}
	for i, again := range g.Deliveries(secret, githubNow.Add(-2*time.Hour), githubNow) {
		if again.Header.Get("X-Github-Delivery") != signed[i].Header.Get("X-Github-Delivery") || string(again.Body) != string(signed[i].Body) {
			t.Errorf("delivery %d differs when it is delivered again", i)
		}
	}
	var mu sync.Mutex
	arrived := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Hub-Signature-256") != signGitHub(http.Header{}, secret, body).Get("X-Hub-Signature-256") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		arrived[r.Header.Get("X-Github-Delivery")]++
	}))
	defer server.Close()
	faults.Script(WrongSignature, 1)
	faults.Script(Replay, 1)
	ping := g.Ping(secret)
	if ping.Header.Get("X-Github-Event") != "ping" || !strings.Contains(string(ping.Body), `"zen"`) {
		t.Errorf("the ping is %v %s", ping.Header, ping.Body)
	}
	if err := faults.Send(t.Context(), server.Client(), server.URL, append([]Delivery{ping}, signed...), g.Forge); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(arrived) != len(signed)+1 || arrived[ping.Header.Get("X-Github-Delivery")] != 2 {
		t.Errorf("%d GUIDs arrived", len(arrived))
	}
}
