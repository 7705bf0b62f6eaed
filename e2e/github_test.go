package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// otherGitHub is a second, plainer imitation of the audit log API: pages by number, newest first whatever is asked, no
// search phrase, and three of ten answers are 429 or 500.
type otherGitHub struct {
	records []map[string]any

	mu      sync.Mutex
	random  *rand.Rand // guarded by mu
	waiting time.Time  // guarded by mu; before it nobody may ask
	early   int        // guarded by mu; requests that came too early
}

const otherPage = 40

func newOtherGitHub(count int) *otherGitHub {
	g := &otherGitHub{random: rand.New(rand.NewPCG(1, 2))}
	now := time.Now()
	for n := range count {
		at := now.Add(-time.Duration(n) * time.Minute).UnixMilli()
		g.records = append(g.records, map[string]any{
			"@timestamp": at, "_document_id": fmt.Sprintf("doc-%d", n), "action": "repo.create", "actor": "jane", "actor_id": 7,
			"org": "acme", "repo": fmt.Sprintf("acme/r%d", n%9),
		})
	}
	return g
}

func (g *otherGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.refuses(w) {
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = max(page, 1)
	from := min((page-1)*otherPage, len(g.records))
	to := min(from+otherPage, len(g.records))
	if r.URL.Query().Get("include") == "git" {
		from, to = 0, 0
	}
	if to < len(g.records) && to > 0 {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, r.Host, r.URL.Path, query.Encode()))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(g.records[from:to])
}

func (g *otherGitHub) refuses(w http.ResponseWriter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.waiting) {
		g.early++
	}
	switch chance := g.random.Float64(); {
	case chance < 0.15:
		g.waiting = time.Now().Add(time.Second)
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"message":"slow down"}`, http.StatusTooManyRequests)
	case chance < 0.3:
		http.Error(w, `{"message":"oops"}`, http.StatusInternalServerError)
	default:
		return false
	}
	return true
}

func TestFlakyVendorLosesNothingAndIsNotHurried(t *testing.T) {
	t.Parallel()
	vendor := newOtherGitHub(600)
	fake := httptest.NewServer(vendor)
	t.Cleanup(fake.Close)
	env, url := environment(t, "ANNALS_EGRESS_ALLOW=127.0.0.0/8", "ANNALS_POLL_FLOOR=1s")
	p := start(t, env, url)
	token := p.every()
	id, _, _ := p.integration(token, "github", "Flaky", map[string]any{"organization": "acme", "token": "t", "baseUrl": fake.URL})
	eventually(t, 2*time.Minute, "all records are here", func() bool { return p.count(token, id) >= len(vendor.records) })
	time.Sleep(3 * time.Second) // the backfill reads the same records again and again
	if count := p.count(token, id); count != len(vendor.records) {
		t.Errorf("%d activities, want %d", count, len(vendor.records))
	}
	vendor.mu.Lock()
	defer vendor.mu.Unlock()
	if vendor.early > 0 {
		t.Errorf("%d requests came before their Retry-After", vendor.early)
	}
}
