package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// otherServer answers like an audit log of another make than the simulator: pages by number and under another path,
// the whole log whatever the phrase says, newest first whatever the order, and an error for three requests in ten.
type otherServer struct {
	mu     sync.Mutex
	rand   *rand.Rand
	newest []int // numbers of the activities
	errors int   // of ten requests
	asked  []url.Values
}

func (s *otherServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := s.rand.IntN(20); {
	case n < s.errors:
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"message":"slow down"}`, http.StatusTooManyRequests)
		return
	case n < 2*s.errors:
		http.Error(w, `{"message":"oops"}`, http.StatusInternalServerError)
		return
	}
	s.asked = append(s.asked, r.URL.Query())
	number := max(1, atoi(r.URL.Query().Get("page")))
	size := atoi(r.URL.Query().Get("per_page"))
	rest := s.newest[min((number-1)*size, len(s.newest)):]
	if len(rest) > size {
		rest = rest[:size]
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(number+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s/organizations/2002/audit-log?%s>; rel="next", <http://%s/x>; rel="first"`,
			r.Host, query.Encode(), r.Host))
	}
	var records []string
	for _, n := range rest {
		at := start.Add(time.Duration(n) * time.Second).UnixMilli()
		records = append(records, fmt.Sprintf(`{"action":"repo.create","actor":"a","_document_id":"%d","@timestamp":%d}`, n, at))
	}
	_, _ = fmt.Fprintf(w, "[%s]", strings.Join(records, ", "))
}

func (s *otherServer) add(numbers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range numbers {
		s.newest = append([]int{n}, s.newest...)
	}
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// opened makes the connector for an organization that is served by a handler.
func opened(t *testing.T, handler http.Handler, now func() time.Time) *account {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return openedAt(t, server.URL, now)
}

func openedAt(t *testing.T, address string, now func() time.Time) *account {
	t.Helper()
	values := map[string]json.RawMessage{
		settingBaseURL: json.RawMessage(strconv.Quote(address)), settingToken: json.RawMessage(`"token"`),
		settingOrganization: json.RawMessage(`"example-org"`),
	}
	code, err := open(connector.Config{
		Settings: connector.NewSettings(settings(), values),
		HTTP: connector.NewClient(connector.ClientOptions{
			Guard: connector.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), Now: now,
		}),
		Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return code.(*account)
}

// drain fetches until there is nothing more, and gives the keys it met and the state to go on from.
func drain(t *testing.T, a *account, r connector.Request, keys map[string]bool) connector.Page {
	t.Helper()
	for range 1000 {
		page, err := a.Fetch(t.Context(), r)
		if err != nil {
			if class := connector.ClassOf(err); class != connector.RateLimited && class != connector.TryLater {
				t.Fatal(err)
			}
			continue
		}
		for _, draft := range page.Drafts {
			keys[draft.Key] = true
		}
		if !page.More {
			return page
		}
		r.State = page.Next
	}
	t.Fatal("the fetch does not end")
	return connector.Page{}
}

func sequence(from, to int) []int {
	var list []int
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

func TestOtherServer(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	for seed := range uint64(5) {
		vendor := &otherServer{rand: rand.New(rand.NewPCG(seed, 1)), errors: 3}
		a := opened(t, vendor, func() time.Time { return now })
		vendor.add(sequence(0, 950)...)
		keys := map[string]bool{}
		page := drain(t, a, connector.Request{Feed: feedWeb, Since: start}, keys)
		if len(keys) != 950 || !page.CompleteThrough.Equal(now) {
			t.Fatalf("seed %d: %d activities, complete through %v", seed, len(keys), page.CompleteThrough)
		}
		vendor.add(sequence(950, 1234)...)
		page = drain(t, a, connector.Request{Feed: feedWeb, Since: start, State: page.Next}, keys)
		if len(keys) != 1234 {
			t.Fatalf("seed %d: %d activities after the second poll", seed, len(keys))
		}
		again := drain(t, a, connector.Request{Feed: feedWeb, Since: start, State: page.Next}, keys)
		if string(again.Next) != string(page.Next) || len(keys) != 1234 {
			t.Errorf("seed %d: a poll without news leads from %s to %s", seed, page.Next, again.Next)
		}
		window := &audit.Window{From: start, To: start.Add(time.Hour)}
		past := map[string]bool{}
		drain(t, a, connector.Request{Feed: feedWeb, Window: window}, past)
		if len(past) != 1234 {
			t.Errorf("seed %d: %d activities of the window", seed, len(past))
		}
	}
}

// TestNewsWhileWalking: what comes while a walk goes on through pages by number is not lost, though it moves the
// others from page to page.
func TestNewsWhileWalking(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	vendor := &otherServer{rand: rand.New(rand.NewPCG(1, 1))}
	a := opened(t, vendor, func() time.Time { return now })
	vendor.add(sequence(0, 350)...)
	keys := map[string]bool{}
	first, err := a.Fetch(t.Context(), connector.Request{Feed: feedWeb, Since: start})
	if err != nil || !first.More || !first.CompleteThrough.IsZero() {
		t.Fatalf("the first page is %+v, error %v", first, err)
	}
	vendor.add(sequence(350, 420)...)
	for _, draft := range first.Drafts {
		keys[draft.Key] = true
	}
	page := drain(t, a, connector.Request{Feed: feedWeb, Since: start, State: first.Next}, keys)
	drain(t, a, connector.Request{Feed: feedWeb, Since: start, State: page.Next}, keys)
	if len(keys) != 420 {
		t.Errorf("%d activities", len(keys))
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	vendor := &otherServer{rand: rand.New(rand.NewPCG(1, 1))}
	a := opened(t, vendor, func() time.Time { return now })
	vendor.add(100)
	seen, err := json.Marshal(state{Watermark: start.Add(45*time.Minute + 300*time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	half := 500 * time.Millisecond
	for _, test := range []struct {
		request connector.Request
		phrase  string
		include string
	}{
		{connector.Request{Feed: feedWeb, Since: start.Add(half)}, "created:>=2026-03-02T07:30:00+00:00", "web"},
		{connector.Request{Feed: feedGit, State: seen}, "created:>=2026-03-02T08:15:00+00:00", "git"},
		{
			connector.Request{Feed: feedGit, Window: &audit.Window{From: start, To: start.Add(time.Hour)}},
			"created:2026-03-02T08:00:00+00:00..2026-03-02T09:00:00+00:00", "git",
		},
		{
			connector.Request{Feed: feedWeb, Window: &audit.Window{From: start.Add(half).In(time.FixedZone("", 3600)), To: start.Add(time.Hour + half)}},
			"created:2026-03-02T08:00:00+00:00..2026-03-02T09:00:01+00:00", "web",
		},
	} {
		if _, err := a.Fetch(t.Context(), test.request); err != nil {
			t.Fatal(err)
		}
		got := vendor.asked[len(vendor.asked)-1]
		want := url.Values{"phrase": {test.phrase}, "include": {test.include}, "order": {"asc"}, "per_page": {"100"}}
		if got.Encode() != want.Encode() {
			t.Errorf("asked %v instead of %v", got, want)
		}
	}
}

// TestWatermark: a time in the future moves the watermark no further than the clock, and none back.
func TestWatermark(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	vendor := &otherServer{rand: rand.New(rand.NewPCG(1, 1))}
	a := opened(t, vendor, func() time.Time { return now })
	vendor.add(100, 10*365*24*3600)
	page := drain(t, a, connector.Request{Feed: feedWeb, Since: start}, map[string]bool{})
	var s state
	if err := json.Unmarshal(page.Next, &s); err != nil || !s.Watermark.Equal(now) || s.Walk != nil {
		t.Errorf("the state is %s, error %v", page.Next, err)
	}
	vendor.newest = []int{50}
	page = drain(t, a, connector.Request{Feed: feedWeb, Since: start, State: page.Next}, map[string]bool{})
	if err := json.Unmarshal(page.Next, &s); err != nil || !s.Watermark.Equal(now) {
		t.Errorf("the state is %s, error %v", page.Next, err)
	}
}

// scripted answers every request by the same function.
type scripted func(w http.ResponseWriter, r *http.Request)

func (s scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) { s(w, r) }

func TestRefusals(t *testing.T) {
	t.Parallel()
	now := start
	reset := strconv.FormatInt(now.Add(10*time.Minute).Unix(), 10)
	for name, test := range map[string]struct {
		status int
		header map[string]string
		body   string
		class  connector.Class
		until  time.Duration
		next   bool // the request was for a next page
	}{
		"bad token":               {status: 401, class: connector.CredentialsRefused},
		"missing right":           {status: 403, body: `{"message":"Must have admin rights"}`, class: connector.CredentialsRefused},
		"missing right, counted":  {status: 403, header: map[string]string{"X-RateLimit-Remaining": "1700", "X-RateLimit-Reset": reset}, class: connector.CredentialsRefused},
		"unknown organization":    {status: 404, class: connector.ConfigurationWrong},
		"primary limit as 403":    {status: 403, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, class: connector.RateLimited, until: 10 * time.Minute},
		"primary limit as 429":    {status: 429, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, class: connector.RateLimited, until: 10 * time.Minute},
		"primary limit, no reset": {status: 403, header: map[string]string{"X-RateLimit-Remaining": "0"}, class: connector.RateLimited, until: time.Minute},
		"retry after":             {status: 403, header: map[string]string{"Retry-After": "7"}, class: connector.RateLimited, until: 7 * time.Second},
		"secondary limit":         {status: 403, body: `{"message":"You have exceeded a secondary rate limit."}`, class: connector.RateLimited, until: time.Minute},
		"secondary limit as 429":  {status: 429, class: connector.RateLimited, until: time.Minute},
		"old abuse limit":         {status: 403, body: `{"message":"You have triggered an abuse detection mechanism."}`, class: connector.RateLimited, until: time.Minute},
		"server error":            {status: 502, class: connector.TryLater},
		"web page":                {status: 200, body: `<html>`, class: connector.Malformed},
		"object":                  {status: 200, body: `{"message":"hello"}`, class: connector.Malformed},
		"null":                    {status: 200, body: `null`, class: connector.Malformed},
		"nothing":                 {status: 204, class: connector.Malformed},
		"torn":                    {status: 200, body: `[{"action":"repo.cre`, class: connector.Malformed},
		"bad phrase":              {status: 422, class: connector.ConfigurationWrong},
		"old cursor":              {status: 422, class: connector.StateRefused, next: true},
		"lost cursor":             {status: 404, class: connector.StateRefused, next: true},
		"expired cursor":          {status: 410, class: connector.StateRefused, next: true},
		"bad token in mid-walk":   {status: 401, class: connector.CredentialsRefused, next: true},
		"foreign link":            {status: 200, header: map[string]string{"Link": `<https://example.com/orgs/x>; rel="next"`}, body: `[]`, class: connector.AddressRefused},
	} {
		a := opened(t, scripted(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer token" || r.Header.Get("X-GitHub-Api-Version") != apiVersion {
				t.Errorf("%s: the headers are %v", name, r.Header)
			}
			if test.next && r.URL.Query().Get("after") == "" {
				w.Header().Set("Link", `</organizations/2002/audit-log?after=a>; rel="next"`)
				_, _ = w.Write([]byte(`[]`))
				return
			}
			for key, value := range test.header {
				w.Header().Set(key, value)
			}
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		}), func() time.Time { return now })
		request := connector.Request{Feed: feedWeb, Since: start}
		if test.next {
			page, err := a.Fetch(t.Context(), request)
			if err != nil || !page.More {
				t.Fatalf("%s: first page %+v, error %v", name, page, err)
			}
			request.State = page.Next
		}
		_, err := a.Fetch(t.Context(), request)
		if err == nil || connector.ClassOf(err) != test.class {
			t.Errorf("%s: error %v of class %v", name, err, connector.ClassOf(err))
			continue
		}
		if failure, ok := errors.AsType[*connector.Failure](err); test.until > 0 && (!ok || !failure.Until.Equal(now.Add(test.until))) {
			t.Errorf("%s: failure %+v", name, failure)
		}
	}
}

// TestCircle: pages that lead in a circle are all recorded, then the walk stops, and begins anew an hour later.
func TestCircle(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 3, 7} {
		now := start
		requests := 0
		a := opened(t, scripted(func(w http.ResponseWriter, r *http.Request) {
			requests++
			n := atoi(r.URL.Query().Get("page"))
			w.Header().Set("Link", fmt.Sprintf(`</organizations/2002/audit-log?page=%d>; rel="next"`, n%length+1))
			_, _ = fmt.Fprintf(w, `[{"_document_id":"%d"}]`, n)
		}), func() time.Time { return now })
		keys := map[string]bool{}
		request := connector.Request{Feed: feedWeb, Since: start}
		var err error
		for requests < 1000 && err == nil {
			var page connector.Page
			if page, err = a.Fetch(t.Context(), request); err == nil {
				request.State = page.Next
				for _, draft := range page.Drafts {
					keys[draft.Key] = true
				}
			}
		}
		if connector.ClassOf(err) != connector.Malformed || err == nil || len(keys) != length+1 {
			t.Errorf("a circle of %d: error %v after %d requests, %d activities", length, err, requests, len(keys))
		}
		stopped := requests
		now = now.Add(2 * time.Hour)
		if _, err := a.Fetch(t.Context(), request); connector.ClassOf(err) != connector.StateRefused || requests != stopped {
			t.Errorf("a circle of %d two hours later: error %v", length, err)
		}
	}
}

// TestStates: a state that is not ours is refused, and takes the token nowhere.
func TestStates(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return start }
	a := opened(t, scripted(func(http.ResponseWriter, *http.Request) { t.Error("something was asked") }), now)
	for _, state := range []string{
		`"text"`, `[]`, `{"walk":{"address":"https://example.com/orgs/x/audit-log"}}`, `{"walk":{"address":"%zz"}}`, `{"watermark":7}`,
	} {
		_, err := a.Fetch(t.Context(), connector.Request{Feed: feedWeb, Since: start, State: json.RawMessage(state)})
		if err == nil || connector.ClassOf(err) != connector.StateRefused {
			t.Errorf("state %s: error %v", state, err)
		}
	}
	if _, err := a.Fetch(t.Context(), connector.Request{Feed: feedWebhook}); connector.ClassOf(err) != connector.ConfigurationWrong {
		t.Errorf("fetching webhooks: %v", err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for settingsText, want := range map[string]string{
		`{"organization":"example-org"}`:                                      "https://api.github.com/orgs/example-org/audit-log",
		`{"enterprise":"example-enterprise","organization":""}`:               "https://api.github.com/enterprises/example-enterprise/audit-log",
		`{"organization":"o","baseUrl":"https://github.example.com/api/v3/"}`: "https://github.example.com/api/v3/orgs/o/audit-log",
		`{}`:                                    "",
		`{"organization":"o","enterprise":"e"}`: "",
		`{"organization":"o","baseUrl":"api"}`:  "",
		`{"organization":"o","baseUrl":"https://user@example.com"}`: "",
		`{"organization":"o","baseUrl":"https://example.com?a=b"}`:  "",
	} {
		var values map[string]json.RawMessage
		if err := json.Unmarshal([]byte(settingsText), &values); err != nil {
			t.Fatal(err)
		}
		code, err := open(connector.Config{Settings: connector.NewSettings(settings(), values)})
		switch {
		case want == "" && (err == nil || connector.ClassOf(err) != connector.ConfigurationWrong):
			t.Errorf("%s: error %v", settingsText, err)
		case want != "" && (err != nil || code.(*account).log.String() != want):
			t.Errorf("%s: %v, error %v", settingsText, code, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                     nil,
		"\n \n":                nil,
		"[]":                   nil,
		`{"_document_id":"1"}`: {"1"},
		"{\"_document_id\":\"1\"}\n{\"_document_id\":\"2\"}\r\n\n{\"_document_id\":\"3\"}": {"1", "2", "3"},
		"[{\"_document_id\":\"1\"},\n{\"_document_id\":\"2\"}]":                            {"1", "2"},
		"\ufeff[{\"_document_id\":\"1\"}]":                                                 {"1"},
		"{\"_document_id\":\"1\"}\nbroken\n{\"_document_id\":\"3\"}":                       {"1", "unreadable", "3"},
		`[{"_document_id":"1"},7,null]`:                                                    {"1", "unreadable", "unreadable"},
	} {
		var got []string
		for draft, err := range new(account).ReadFile(t.Context(), strings.NewReader(text)) {
			if err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			if draft.Type == typePrefix+"unreadable" {
				draft.Key = "unreadable"
			}
			got = append(got, draft.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q gives %q instead of %q", text, got, want)
		}
	}
	for draft, err := range new(account).ReadFile(t.Context(), strings.NewReader(`[{"_document_id":"1"},{"_doc`)) {
		if err == nil && draft.Key != "1" {
			t.Errorf("a torn file gives %+v", draft)
		}
	}
}
