package search

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

// likeness sends the same requests to a real server and to the fake one. What the tests of this package prove on the
// fake one holds where both answer alike.
type likeness struct {
	real, fake party
	index      string
}

type party struct {
	url, key  string
	transport http.RoundTripper
}

// outcome is what this package relies on of an answer.
type outcome struct {
	status     int
	code, kind string // of the error of the request, or of the task that it made
	hits       string // ids in order
	documents  int64
}

func newLikeness(t *testing.T) *likeness {
	t.Helper()
	url, key := realServer(t)
	l := &likeness{
		real:  party{url, key, http.DefaultTransport},
		fake:  party{"http://search.example.com", "key", newFakeServer()},
		index: fmt.Sprintf("annals-test-likeness-%d", time.Now().UnixNano()),
	}
	t.Cleanup(func() {
		_, _ = newClient(url, key, http.DefaultTransport).DeleteIndexWithContext(context.WithoutCancel(t.Context()), l.index)
	})
	return l
}

// ask compares the answers to one request. `*` stands for the name of the index.
func (l *likeness) ask(t *testing.T, method, path, body string) {
	t.Helper()
	path, body = strings.ReplaceAll(path, "*", l.index), strings.ReplaceAll(body, "*", l.index)
	if real, fake := l.real.outcome(t, method, path, body), l.fake.outcome(t, method, path, body); real != fake {
		t.Errorf("%s %s %.300s\nreal %+v\nfake %+v", method, path, body, real, fake)
	}
}

func (p party) outcome(t *testing.T, method, path, body string) outcome {
	t.Helper()
	status, content := p.send(t, method, path, body)
	var answer struct {
		TaskUID           *int64
		Code, Type        string
		Hits              []struct{ ID string }
		NumberOfDocuments int64
	}
	_ = json.Unmarshal(content, &answer) // a setting alone is no object
	o := outcome{status: status, code: answer.Code, documents: answer.NumberOfDocuments}
	if o.code != "" {
		o.kind = answer.Type
	}
	for _, hit := range answer.Hits {
		o.hits += hit.ID + " "
	}
	if answer.TaskUID != nil {
		o.code, o.kind = p.await(t, *answer.TaskUID)
	}
	return o
}

func (p party) await(t *testing.T, task int64) (code, kind string) {
	t.Helper()
	for range 600 {
		_, content := p.send(t, http.MethodGet, fmt.Sprintf("/tasks/%d", task), "")
		var answer struct {
			Status string
			Error  struct{ Code, Type string }
		}
		if err := json.Unmarshal(content, &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Status == "succeeded" || answer.Status == "failed" {
			return answer.Error.Code, answer.Error.Type
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("task %d does not end", task)
	return "", ""
}

func (p party) send(t *testing.T, method, path, body string) (status int, content []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/documents") {
		request.Header.Set("Content-Type", "application/x-ndjson")
	}
	if p.key != "" {
		request.Header.Set("Authorization", "Bearer "+p.key)
	}
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if content, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, content
}

// fill makes the index as the follower does, with activities and with values as they should not be.
func (l *likeness) fill(t *testing.T, odd []string) {
	t.Helper()
	l.ask(t, "POST", "/indexes", `{"uid":"*","primaryKey":"id"}`)
	l.ask(t, "PUT", "/indexes/*/settings/facet-search", "false")
	l.ask(t, "PUT", "/indexes/*/settings/filterable-attributes", written(t, filterable()))
	l.ask(t, "PATCH", "/indexes/*/settings", written(t, settings()))
	l.ask(t, "PUT", "/indexes/*/settings/searchable-attributes", written(t, wordAttributes()))
	var lines strings.Builder
	for i := range 400 {
		a := genActivity().Example(i)
		a.Seq = int64(i)
		lines.WriteString(written(t, newDocument(a)) + "\n")
	}
	for i, value := range odd {
		lines.WriteString(written(t, map[string]any{
			"id": fmt.Sprintf("odd-%d", i), "seq": 1000 + i, "t": 1000 + i, "f_type": value, "f_city": []string{value, "x"},
		}) + "\n")
	}
	l.ask(t, "POST", "/indexes/*/documents", lines.String())
	l.ask(t, "GET", "/indexes/*/stats", "")
}

func (l *likeness) search(t *testing.T, question, filter string, sort ...string) {
	t.Helper()
	l.ask(t, "POST", "/indexes/*/search", written(t, map[string]any{
		"q": question, "filter": []string{filter}, "sort": sort, "limit": 600,
		"matchingStrategy": "all", "attributesToRetrieve": []string{"id", "seq"},
	}))
}

func written(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFakeServerAnswersLikeARealOne(t *testing.T) {
	t.Parallel()
	l := newLikeness(t)
	for _, path := range []string{"/indexes/*", "/indexes/*/stats", "/indexes/*/settings/searchable-attributes", "/tasks/2000000000"} {
		l.ask(t, "GET", path, "")
	}
	l.ask(t, "POST", "/indexes/*/search", `{"q":"x"}`)
	l.ask(t, "DELETE", "/indexes/*", "")
	long := strings.Repeat("a", 467)
	odd := []string{"Ann", "ann", " ann ", "zoë", "x y", long, long + "a", long + "aa", long + "aab", "42", "007", "-1", "1e3"}
	l.fill(t, odd)
	l.ask(t, "POST", "/indexes", `{"uid":"*","primaryKey":"id"}`)
	for _, value := range odd {
		for _, form := range []string{"f_type = '%s'", "f_city = '%s'", "f_type IN ['%s']", "f_city IN ['x y', '%s']", "f_type STARTS WITH '%s'", "NOT f_city STARTS WITH '%s'"} {
			l.search(t, "", fmt.Sprintf(form, value), "seq:asc")
		}
	}
	for _, filter := range []string{
		"tenant = t1", "tenant = 't1'", "tenant IN []", "NOT tenant IN ['t1']", "NOT NOT tenant = 't1'", "tenant IN ['t1',]", "tenant IN ['t1' 't2']",
		"f_city EXISTS AND NOT tenant EXISTS", "t > 1793600000000000", "t >= 1793600000000001", "t = 1793600000000001", "t < 'x'",
		"seq >= 10 AND seq < 20 OR seq = 30", "seq >= 10 AND (seq < 20 OR seq = 30)", "seq>=10", "tenant > 1", "secret = 1", "what = 'x'", "id = 't1-1'",
		"f_type STARTS 'git'", "tenant =", "= 't1'", "tenant = 't1", "tenant = 't1' AND", "AND", "NOT", "tenant = AND", "tenant = 'AND'", "tenant = IN",
		"(tenant = 't1'", "tenant = 't1')", "()", "tenant == 't1'", `tenant = 't\'1'`, "tenant = t1 t2", "_geoRadius(1,2,3)",
		strings.Repeat("(", 36) + "tenant = 't1'" + strings.Repeat(")", 36), strings.Repeat("(", 37) + "tenant = 't1'" + strings.Repeat(")", 37),
	} {
		l.search(t, "", filter, "seq:asc")
	}
	for i := range 200 {
		if c := superset(genExpr(3).Example(i), false); c.kind != everything && c.kind != nothing {
			l.search(t, "", c.text, "seq:asc")
		}
	}
	for _, words := range []string{
		"", `"ann"`, "ann", "an", `"a"`, `"production" data`, `production "database"`, "production database", `"x06771"`, "x067", `"203" "0" 1`, "nothing",
		`"ann" "ann"`, `"a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "nothing"`, `"ann" "example" "com" "created" "the" "production" "database" "iam" "by" nothing`,
	} {
		l.search(t, words, "seq >= 0", "seq:desc")
		l.search(t, words, "seq >= 0", "t:asc", "seq:asc")
	}
	for i := range 100 {
		l.search(t, question(audit.ParseText(string(genActivity().Example(i).Description))), "tenant = 't1'", "t:desc", "seq:desc")
	}
	l.search(t, "ann", "seq >= 0", "what:asc")
	l.ask(t, "POST", "/indexes/*/search", "{")
}

func TestFakeServerTakesDocumentsLikeARealOne(t *testing.T) {
	t.Parallel()
	l := newLikeness(t)
	l.ask(t, "POST", "/indexes", `{"uid":"*","primaryKey":"id"}`)
	for _, lines := range []string{
		"", "{", `{"id":"a b"}`, `{"id":"ä"}`, `{"no":"id"}`, `{"id":""}`, `{"id":null}`, `{"id":"` + strings.Repeat("a", 512) + `"}`,
		`{"id":"` + strings.Repeat("a", 511) + `"}`, "{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n", "{\"id\":\"a\"}\nx",
		`{"id":"a","what":"x"}`, "{\"id\":\"g\"}\n{\"id\":\"h h\"}\n",
	} {
		l.ask(t, "POST", "/indexes/*/documents", lines)
		l.ask(t, "GET", "/indexes/*/stats", "")
	}
	l.ask(t, "DELETE", "/indexes/*", "")
	l.ask(t, "POST", "/indexes/*/documents", `{"id":"makes the index"}`)
	l.ask(t, "POST", "/indexes/*/documents", `{"id":"makes-the-index"}`)
	l.ask(t, "GET", "/indexes/*/stats", "")
	l.search(t, "", "tenant = 't1'")
}
