package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// otherGitHub is a second, plainer imitation of the audit log API: pages by number, newest first whatever is asked.
type otherGitHub struct {
	records []map[string]any // newest first
	deaf    bool             // to the search phrase: every question is answered with everything
	faults  float64          // how many answers of one are 429 or 500, half of them each

	mu      sync.Mutex
	random  *rand.Rand     // guarded by mu
	waiting time.Time      // guarded by mu; before it nobody may ask
	early   int            // guarded by mu; requests that came too early
	asked   int            // guarded by mu; requests that were answered
	phrases map[string]int // guarded by mu; pages that were given, by phrase
}

const otherPage = 40

func newOtherGitHub(count int) *otherGitHub {
	g := &otherGitHub{random: rand.New(rand.NewPCG(1, 2)), phrases: map[string]int{}}
	now := time.Now()
	for n := range count {
		at := now.Add(-time.Duration(n) * time.Hour).UnixMilli()
		g.records = append(g.records, map[string]any{
			"@timestamp": at, "_document_id": fmt.Sprintf("doc-%d", n), "action": "repo.create", "actor": "jane", "actor_id": 7,
			"org": "acme", "repo": fmt.Sprintf("acme/r%d", n%9),
		})
	}
	return g
}

func (g *otherGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.refuses(w, r.URL.Query().Get("phrase")) {
		return
	}
	query := r.URL.Query()
	records, err := g.matching(query.Get("include"), query.Get("phrase"))
	if err != nil {
		http.Error(w, `{"message":"the phrase cannot be read"}`, http.StatusUnprocessableEntity)
		return
	}
	page, _ := strconv.Atoi(query.Get("page"))
	page = max(page, 1)
	from := min((page-1)*otherPage, len(records))
	to := min(from+otherPage, len(records))
	if to < len(records) {
		query.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, r.Host, r.URL.Path, query.Encode()))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(records[from:to])
}

// matching are the records of a feed that fit the qualifier `created`: a range with both ends, or a start.
func (g *otherGitHub) matching(include, phrase string) ([]map[string]any, error) {
	if include == "git" {
		return []map[string]any{}, nil
	}
	if g.deaf {
		return g.records, nil
	}
	text, created := strings.CutPrefix(phrase, "created:")
	start, end, ranged := strings.Cut(text, "..")
	if !ranged {
		start, end = strings.TrimPrefix(text, ">="), "9999-12-31T23:59:59+00:00"
	}
	from, err := time.Parse(time.RFC3339, start)
	to, err2 := time.Parse(time.RFC3339, end)
	if !created || err != nil || err2 != nil {
		return nil, fmt.Errorf("phrase %q", phrase)
	}
	found := []map[string]any{}
	for _, record := range g.records {
		at := time.UnixMilli(record["@timestamp"].(int64)).Truncate(time.Second)
		if !at.Before(from) && !at.After(to) {
			found = append(found, record)
		}
	}
	return found, nil
}

// refuses counts a request, and answers it with a fault now and then.
func (g *otherGitHub) refuses(w http.ResponseWriter, phrase string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.waiting) {
		g.early++
	}
	switch chance := g.random.Float64(); {
	case chance < g.faults/2:
		g.waiting = time.Now().Add(time.Second)
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"message":"slow down"}`, http.StatusTooManyRequests)
	case chance < g.faults:
		http.Error(w, `{"message":"oops"}`, http.StatusInternalServerError)
	default:
		g.asked++
		g.phrases[phrase]++
		return false
	}
	return true
}

// connect collects a vendor with a server of the test's own.
func (g *otherGitHub) connect(t *testing.T) (p *process, token, id string) {
	t.Helper()
	fake := httptest.NewServer(g)
	t.Cleanup(fake.Close)
	env, url := environment(t, "ANNALS_EGRESS_ALLOW=127.0.0.0/8", "ANNALS_POLL_FLOOR=1s")
	p = start(t, env, url)
	token = p.every()
	id, _, _ = p.integration(token, "github", "Other", map[string]any{"organization": "acme", "token": "t", "baseUrl": fake.URL})
	return p, token, id
}

// check holds that the vendor's records are here once each.
func (g *otherGitHub) check(p *process, token, id string) {
	p.t.Helper()
	var want []string
	for _, record := range g.records {
		want = append(want, record["_document_id"].(string))
	}
	slices.Sort(want)
	if got := vendorIDs(p, token, id); !slices.Equal(got, want) {
		p.t.Errorf("%d activities of which %d are different, want each of %d once", len(got), len(slices.Compact(got)), len(want))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p.t.Logf("%d pages for %d phrases", g.asked, len(g.phrases))
	if g.early > 0 {
		p.t.Errorf("%d requests came before their Retry-After", g.early)
	}
}

func TestFlakyVendorLosesNothingAndIsNotHurried(t *testing.T) {
	t.Parallel()
	vendor := newOtherGitHub(600)
	vendor.faults = 0.3
	p, token, id := vendor.connect(t)
	eventually(t, 2*time.Minute, "the backfills are done", func() bool { return backfilled(p, token, id) })
	vendor.check(p, token, id)
}

// TestDeafVendorIsReadAgainAndAgain has a vendor that answers every question with everything it has: each slice of a
// backfill is a walk through all of it, and repeats are recorded once.
func TestDeafVendorIsReadAgainAndAgain(t *testing.T) {
	t.Parallel()
	vendor := newOtherGitHub(100)
	vendor.deaf = true
	p, token, id := vendor.connect(t)
	eventually(t, 2*time.Minute, "the backfills are done", func() bool { return backfilled(p, token, id) })
	vendor.check(p, token, id)
}
