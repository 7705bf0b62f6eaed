package simulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a reader of the simulated GitHub is configured with.
const (
	GitHubToken        = "simulated-github-token"
	GitHubOrganization = "example-org"
	GitHubEnterprise   = "example-enterprise"
)

// GitHub imitates the audit log of one organization in one enterprise account, and the organization's webhooks. Its
// feeds are `web`, `git` and `webhook`.
type GitHub struct {
	options Options
	handler http.Handler
	stores  map[string]*Store // web, git and all, as the parameter include has it

	mu         sync.Mutex
	life       *githubLife
	deliveries []githubDelivery
	hour       time.Time // whose requests are counted
	used       int       // requests in that hour
}

// What GitHub allows and keeps: docs.github.com, "Using the audit log API for your enterprise".
const (
	githubPerPage      = 30
	githubMostPerPage  = 100
	githubRetention    = 180 * 24 * time.Hour
	githubGitRetention = 7 * 24 * time.Hour
	githubPerHour      = 1750

	githubOrganizationID = 2002
	githubEnterpriseID   = 77
)

// NewGitHub makes an organization without a past.
func NewGitHub(o Options) *GitHub {
	g := &GitHub{
		options: o,
		stores:  map[string]*Store{"web": NewStore(o), "git": NewStore(o), "all": NewStore(o)},
		life:    newGitHubLife(o),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orgs/{account}/audit-log", g.auditLog("organizations", githubOrganizationID))
	mux.HandleFunc("GET /organizations/{account}/audit-log", g.auditLog("organizations", githubOrganizationID))
	mux.HandleFunc("GET /enterprises/{account}/audit-log", g.auditLog("enterprises", githubEnterpriseID))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { githubError(w, http.StatusNotFound, "Not Found") })
	g.handler = o.Faults.Wrap(mux, g.refuse)
	return g
}

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// Items lists what a feed holds. What GitHub shows in no answer any more because of its age is not part of it.
func (g *GitHub) Items(feed string) []Item {
	if feed == "webhook" {
		return g.deliveryItems()
	}
	oldest := g.oldest(feed)
	return slices.DeleteFunc(g.stores[feed].Items(), func(item Item) bool { return item.At.Before(oldest) })
}

func (g *GitHub) oldest(include string) time.Time {
	if include == "git" {
		return g.options.Now().Add(-githubGitRetention)
	}
	return g.options.Now().Add(-githubRetention)
}

// Generate lets the organization live through a half-open time.
func (g *GitHub) Generate(from, to time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	made := map[string][]Item{}
	for _, at := range g.life.pace.Moments(from, to, time.Millisecond) {
		deed := g.life.next(at)
		// Drawn in any case: what is kept moves with the clock, and must not shift the ids of what comes after.
		item := Item{Key: deed.id, At: at, Visible: g.options.VisibleAt(at), Body: deed.body(g.options.Faults)}
		if deed.feed == "git" && at.Before(g.oldest("git")) {
			continue // nobody could ever have read it
		}
		made[deed.feed] = append(made[deed.feed], item)
		made["all"] = append(made["all"], item)
		g.deliveries = append(g.deliveries, deed.deliveries(at)...)
	}
	for include, items := range made {
		g.stores[include].Add(items...)
	}
}

// auditLog answers with one page. id is the account's numeric id, which takes the name's place in links.
func (g *GitHub) auditLog(kind string, id int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.countRequest(w)
		account := r.PathValue("account")
		name := map[string]string{"organizations": GitHubOrganization, "enterprises": GitHubEnterprise}[kind]
		switch {
		case r.Header.Get("Authorization") != "Bearer "+GitHubToken:
			githubError(w, http.StatusUnauthorized, "Bad credentials")
			return
		case r.Header.Get("User-Agent") == "":
			githubError(w, http.StatusForbidden, "Request forbidden by administrative rules.")
			return
		case account != name && account != strconv.Itoa(id):
			githubError(w, http.StatusNotFound, "Not Found")
			return
		}
		query, err := g.readQuery(r.URL.Query())
		if err != nil {
			githubError(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		page := g.stores[query.include].Page(query.walk)
		w.Header().Set("Link", g.links(r, fmt.Sprintf("/%s/%d/audit-log", kind, id), page))
		writeGitHubPage(w, page.Items)
	}
}

type githubQuery struct {
	include string
	walk    Walk
}

func (g *GitHub) readQuery(values url.Values) (githubQuery, error) {
	query := githubQuery{include: values.Get("include"), walk: Walk{Limit: githubPerPage}}
	if query.include == "" {
		query.include = "web"
	}
	if g.stores[query.include] == nil {
		return query, errors.New("include is not one of web, git, all")
	}
	phrase, err := parseGitHubPhrase(values.Get("phrase"))
	if err != nil {
		return query, err
	}
	query.walk.From, query.walk.To, query.walk.Match = phrase.from, phrase.to, g.shown(query.include, phrase)
	if !phrase.dated {
		query.walk.From = g.options.Now().AddDate(0, -3, 0)
	}
	if oldest := g.oldest(query.include); query.walk.From.Before(oldest) {
		query.walk.From = oldest
	}
	query.walk.NewestFirst = values.Get("order") != "asc"
	if n, err := strconv.Atoi(values.Get("per_page")); err == nil && n > 0 {
		query.walk.Limit = min(n, githubMostPerPage)
	}
	after := values.Get("after")
	if after != "" && g.options.Faults.Hits(CursorRefused) {
		return query, errors.New("the cursor is no longer valid")
	}
	query.walk.After, err = parseGitHubCursor(after)
	return query, err
}

// shown leaves out what the phrase does not ask for, and Git activities that are too old among others.
func (g *GitHub) shown(include string, phrase githubPhrase) func(Item) bool {
	if len(phrase.terms) == 0 && include != "all" {
		return nil
	}
	oldestGit := g.oldest("git")
	return func(item Item) bool {
		record := readGitHubRecord(item.Body)
		tooOld := strings.HasPrefix(record.Action, "git.") && item.At.Before(oldestGit)
		return !tooOld && phrase.matches(record)
	}
}

// links writes the Link header: next while there is more, and first.
func (g *GitHub) links(r *http.Request, path string, page Page) string {
	target := url.URL{Scheme: "http", Host: r.Host, Path: path}
	if r.TLS != nil {
		target.Scheme = "https"
	}
	link := func(after, relation string, base url.URL) string {
		values := r.URL.Query()
		values.Set("after", after)
		values.Set("before", "")
		base.RawQuery = values.Encode()
		return fmt.Sprintf(`<%s>; rel="%s"`, base.String(), relation)
	}
	first := link("", "first", target)
	if !page.More {
		return first
	}
	if g.options.Faults.Hits(NextElsewhere) {
		if elsewhere, err := url.Parse(g.options.Faults.Elsewhere); err == nil {
			target.Scheme, target.Host = elsewhere.Scheme, elsewhere.Host
		}
	}
	return link(githubCursor(page.Next), "next", target) + ", " + first
}

// githubCursor is the base64 of `<milliseconds since 1970>|<document id>`, the number in GitHub's notation.
func githubCursor(p Position) string {
	if p == (Position{}) {
		return ""
	}
	millis := strconv.FormatFloat(float64(p.At.UnixMilli()), 'e', -1, 64)
	return base64.StdEncoding.EncodeToString([]byte(millis + "|" + p.Key))
}

func parseGitHubCursor(cursor string) (Position, error) {
	if cursor == "" {
		return Position{}, nil
	}
	text, err := base64.StdEncoding.DecodeString(cursor)
	millis, key, ok := strings.Cut(string(text), "|")
	at, numberErr := strconv.ParseFloat(millis, 64)
	if err != nil || !ok || numberErr != nil {
		return Position{}, errors.New("the cursor is invalid")
	}
	return Position{At: time.UnixMilli(int64(at)).UTC(), Key: key}, nil
}

func writeGitHubPage(w http.ResponseWriter, items []Item) {
	records := make([]json.RawMessage, len(items))
	for i, item := range items {
		records[i] = item.Body
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(joinGitHubRecords(records))
}

// joinGitHubRecords writes an array without touching its elements' bytes.
func joinGitHubRecords(records []json.RawMessage) []byte {
	body := []byte{'['}
	for i, record := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, record...)
	}
	return append(body, ']')
}

// countRequest tells the limit of the hour. Only faults enforce it.
func (g *GitHub) countRequest(w http.ResponseWriter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if hour := g.options.Now().Truncate(time.Hour); !hour.Equal(g.hour) {
		g.hour, g.used = hour, 0
	}
	g.used++
	githubLimit(w, max(githubPerHour-g.used, 1), g.hour.Add(time.Hour))
}

func githubLimit(w http.ResponseWriter, remaining int, reset time.Time) {
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.Itoa(githubPerHour))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	header.Set("X-RateLimit-Used", strconv.Itoa(githubPerHour-remaining))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	header.Set("X-RateLimit-Resource", "audit_log")
}

// refuse answers for the faults before the handler. A silent limit is GitHub's secondary one.
func (g *GitHub) refuse(w http.ResponseWriter, fault Fault, wait time.Duration) {
	const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
	switch fault {
	case TooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		githubError(w, http.StatusTooManyRequests, secondary)
	case TooManySilent:
		githubError(w, http.StatusForbidden, secondary)
	case LimitedAs403:
		githubLimit(w, 0, g.options.Now().Add(wait))
		githubError(w, http.StatusForbidden, "API rate limit exceeded.")
	case TokenExpired:
		githubError(w, http.StatusUnauthorized, "Bad credentials")
	default:
		githubError(w, http.StatusBadGateway, "Server Error")
	}
}

func githubError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"message":           message,
		"documentation_url": "https://docs.github.com/rest",
		"status":            strconv.Itoa(status),
	})
}
