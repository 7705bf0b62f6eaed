package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"annals/audit"
)

// recording is one request and the answer of a server. It answers every request with that, and remembers what came.
type recording struct {
	Request struct {
		Method string
		Path   string
	}
	Response struct {
		Status   int
		Body     json.RawMessage
		BodyText string
	}
	asked []string
}

func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, request.Method+" "+request.URL.RequestURI())
	body := string(r.Response.Body)
	if body == "" {
		body = r.Response.BodyText
	}
	return &http.Response{
		StatusCode: r.Response.Status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: request,
	}, nil
}

// field reads one value out of the recorded body: what the test expects comes from the recording itself.
func (r *recording) field(t *testing.T, path ...string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(r.Response.Body, &value); err != nil {
		t.Fatal(err)
	}
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// meets holds one of the index's own requests against a recorded answer of the kind that it may get.
type meets func(t *testing.T, x *Index, r *recording)

// contracts are the recorded answers by the names of their files: first those of a real server, which are not part of
// the project, then our own of the same forms.
func contracts() map[string]meets {
	return map[string]meets{
		"04-task-index-creation-succeeded.json":     taskIs(meilisearch.TaskStatusSucceeded, false),
		"06-task-index-creation-failed-exists.json": taskIs(meilisearch.TaskStatusFailed, true),
		"08-task-settings-succeeded.json":           taskIs(meilisearch.TaskStatusSucceeded, false),
		"11-documents-add-enqueued.json":            addGivesTask,
		"12-task-documents-succeeded.json":          taskIs(meilisearch.TaskStatusSucceeded, false),
		"13-task-documents-processing.json":         taskIs(meilisearch.TaskStatusProcessing, false),
		"14-task-enqueued.json":                     taskIs(meilisearch.TaskStatusEnqueued, false),
		"16-stats-while-indexing.json":              countIsRecorded,
		"19-task-failed-invalid-document-id.json":   taskIs(meilisearch.TaskStatusFailed, true),
		"21-task-failed-missing-document-id.json":   taskIs(meilisearch.TaskStatusFailed, true),
		"23-task-failed-internal.json":              taskIs(meilisearch.TaskStatusFailed, true),
		"26-search.json":                            hitsAreRecorded,
		"27-search-next-page-by-key.json":           hitsAreRecorded,
		"28-search-prefix.json":                     hitsAreRecorded,
		"31-search-empty.json":                      hitsAreRecorded,
		"36-error-filter-syntax.json":               searchIsAway,
		"37-error-filter-reserved-word.json":        searchIsAway,
		"38-error-filter-attribute.json":            searchIsAway,
		"39-error-filter-operator-not-allowed.json": searchIsAway,
		"40-error-filter-too-deep.json":             searchIsAway,
		"41-error-sort-attribute.json":              searchIsAway,
		"42-error-unknown-parameter.json":           searchIsAway,
		"43-error-index-not-found-search.json":      searchIsAway,
		"44-error-index-not-found-get.json":         findsNothing,
		"46-error-task-not-found.json":              taskIsNotThere,
		"47-error-no-key.json":                      searchIsAway,
		"48-error-bad-key.json":                     searchIsAway,
		"50-error-missing-payload-ndjson.json":      addFails(false),
		"51-error-malformed-ndjson.json":            addFails(true),
		"53-error-payload-too-large.json":           addFails(true),
		"54-index-stats.json":                       countIsRecorded,
		"56-task-index-deletion-succeeded.json":     taskIs(meilisearch.TaskStatusSucceeded, false),
		"documents-enqueued.json":                   addGivesTask,
		"documents-malformed.json":                  addFails(true),
		"documents-missing.json":                    addFails(false),
		"documents-too-large.json":                  addFails(true),
		"index-missing.json":                        findsNothing,
		"search.json":                               hitsAreRecorded,
		"search-empty.json":                         hitsAreRecorded,
		"search-bad-filter.json":                    searchIsAway,
		"search-bad-key.json":                       searchIsAway,
		"search-index-missing.json":                 searchIsAway,
		"search-proxy.json":                         searchRests,
		"stats.json":                                countIsRecorded,
		"task-enqueued.json":                        taskIs(meilisearch.TaskStatusEnqueued, false),
		"task-processing.json":                      taskIs(meilisearch.TaskStatusProcessing, false),
		"task-succeeded.json":                       taskIs(meilisearch.TaskStatusSucceeded, false),
		"task-failed-document.json":                 taskIs(meilisearch.TaskStatusFailed, true),
		"task-failed-internal.json":                 taskIs(meilisearch.TaskStatusFailed, true),
		"task-failed-disk.json":                     taskIs(meilisearch.TaskStatusFailed, false),
		"task-canceled.json":                        taskIs(meilisearch.TaskStatusCanceled, false),
		"task-missing.json":                         taskIsNotThere,
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("our own", func(t *testing.T) {
		t.Parallel()
		replay(t, "testdata/answers", 20)
	})
	t.Run("a real server's", func(t *testing.T) {
		t.Parallel()
		const folder = "../../shared/fixtures/meilisearch"
		if _, err := os.Stat(folder); err != nil {
			t.Skip("the recorded answers are not here: " + err.Error())
		}
		replay(t, folder, 32)
	})
}

func replay(t *testing.T, folder string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	replayed := 0
	for _, file := range files {
		check := contracts()[filepath.Base(file)]
		if check == nil {
			continue
		}
		replayed++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := &recording{}
			if err := json.Unmarshal(content, r); err != nil {
				t.Fatal(err)
			}
			x := newIndex(t, nil, newMemory())
			x.client = newClient("http://search.example.com", "key", r)
			if _, rest, ok := strings.Cut(r.Request.Path, "/indexes/"); ok {
				x.uid, _, _ = strings.Cut(rest, "/")
			}
			check(t, x, r)
			recorded, _, _ := strings.Cut(r.Request.Method+" "+r.Request.Path, "?")
			if len(r.asked) == 0 || !strings.HasPrefix(r.asked[0], recorded) {
				t.Errorf("asked %v, recorded %s", r.asked, recorded)
			}
		})
	}
	if replayed != want {
		t.Errorf("%d answers replayed, want %d", replayed, want)
	}
}

func taskIs(status meilisearch.TaskStatus, documents bool) meets {
	return func(t *testing.T, x *Index, r *recording) {
		uid := int64(r.field(t, "uid").(float64))
		task, err := x.task(t.Context(), uid)
		if err != nil || task.Status != status {
			t.Fatalf("task %+v, %v, want %s", task, err, status)
		}
		if status != meilisearch.TaskStatusFailed && status != meilisearch.TaskStatusCanceled {
			return
		}
		err = x.await(t.Context(), uid)
		failure, ok := errors.AsType[*taskError](err)
		if !ok || blamesDocuments(err) != documents {
			t.Fatalf("%v blames documents: %t, want %t", err, blamesDocuments(err), documents)
		}
		if code, _ := r.field(t, "error", "code").(string); failure.code != code {
			t.Errorf("code %s, recorded %s", failure.code, code)
		}
		if message, _ := r.field(t, "error", "message").(string); message != "" && strings.Contains(err.Error(), message) {
			t.Errorf("the error quotes the server: %v", err)
		}
	}
}

func taskIsNotThere(t *testing.T, x *Index, r *recording) {
	var uid int64
	if _, err := fmt.Sscanf(r.Request.Path, "/tasks/%d", &uid); err != nil {
		t.Fatal(err)
	}
	if err := x.await(t.Context(), uid); err == nil || blamesDocuments(err) {
		t.Errorf("%v, want an error that blames nothing", err)
	}
}

func addOne(t *testing.T, x *Index) (int64, error) {
	t.Helper()
	l, err := newLine(1, 2, husk(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	return x.add(t.Context(), []line{l})
}

func addGivesTask(t *testing.T, x *Index, r *recording) {
	task, err := addOne(t, x)
	if want := int64(r.field(t, "taskUid").(float64)); err != nil || task != want {
		t.Errorf("task %d, %v, want %d", task, err, want)
	}
}

func addFails(documents bool) meets {
	return func(t *testing.T, x *Index, _ *recording) {
		if _, err := addOne(t, x); err == nil || blamesDocuments(err) != documents {
			t.Errorf("%v, want an error that blames documents: %t", err, documents)
		}
	}
}

func search(t *testing.T, x *Index) ([]int64, error) {
	t.Helper()
	return x.ask(t.Context(), 1, newRequest(view(1, 9), `"x"`, page(nil, 3)))
}

func hitsAreRecorded(t *testing.T, x *Index, r *recording) {
	seqs, err := search(t, x)
	var want []int64
	for _, hit := range r.field(t, "hits").([]any) {
		want = append(want, int64(hit.(map[string]any)["seq"].(float64)))
	}
	if err != nil || !slices.Equal(seqs, want) {
		t.Errorf("%v, %v, want %v", seqs, err, want)
	}
}

func searchIsAway(t *testing.T, x *Index, r *recording) {
	_, err := search(t, x)
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), r.field(t, "code").(string)) {
		t.Errorf("%v, want ErrAway with the code", err)
	}
	if strings.Contains(err.Error(), r.field(t, "message").(string)) || !x.Available() {
		t.Errorf("%v quotes the server, or available is %t", err, x.Available())
	}
}

func searchRests(t *testing.T, x *Index, _ *recording) {
	if _, err := search(t, x); !errors.Is(err, ErrAway) || x.Available() {
		t.Errorf("%v, available %t, want ErrAway and a rest", err, x.Available())
	}
}

func findsNothing(t *testing.T, x *Index, _ *recording) {
	if _, ok, err := x.find(t.Context()); ok || err != nil {
		t.Errorf("found %t, %v, want no index and no error", ok, err)
	}
}

func countIsRecorded(t *testing.T, x *Index, r *recording) {
	count, err := x.count(t.Context())
	if want := int64(r.field(t, "numberOfDocuments").(float64)); err != nil || count != want {
		t.Errorf("%d documents, %v, want %d", count, err, want)
	}
}

// The settings that travel are those of the recorded server's form, with every part that this package relies on.
func TestSettingsOnTheWire(t *testing.T) {
	t.Parallel()
	server, bodies := newFakeServer(), map[string]string{}
	x, err := Open(Options{URL: "http://search.example.com", Positions: newMemory(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	x.client = newClient("http://search.example.com", "key", spy{server, bodies})
	if err := x.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	var settings map[string]any
	if err := json.Unmarshal([]byte(bodies["/indexes/"+x.uid+"/settings"]), &settings); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"displayedAttributes": "[id seq]", "sortableAttributes": "[t seq]", "rankingRules": "[sort words]",
		"proximityPrecision": "byAttribute", "prefixSearch": "indexingTime", "searchCutoffMs": "20000",
		"pagination": "map[maxTotalHits:1001]",
	} {
		if got := fmt.Sprint(settings[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if typos, _ := settings["typoTolerance"].(map[string]any); typos["enabled"] != false {
		t.Errorf("typo tolerance is %v, want off", settings["typoTolerance"])
	}
	if got := bodies["/indexes/"+x.uid+"/settings/facet-search"]; got != "false" {
		t.Errorf("facet search is %q, want off", got)
	}
	if got, want := bodies["/indexes/"+x.uid+"/settings/searchable-attributes"],
		`["what","who","target","ip","agent","metadata","parts","pairs","more"]`; got != want {
		t.Errorf("searchable attributes are %s, want %s", got, want)
	}
	if !strings.Contains(bodies["/indexes/"+x.uid+"/settings/filterable-attributes"],
		`{"attributePatterns":["t","recorded","seq"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":true}}}`) {
		t.Errorf("filterable attributes are %s", bodies["/indexes/"+x.uid+"/settings/filterable-attributes"])
	}
	if name := x.uid; strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" ||
		!strings.Contains(name, strings.ReplaceAll(audit.WordsVersion, ".", "_")) {
		t.Errorf("the index is called %s", name)
	}
}

// spy keeps the bodies of requests by path.
type spy struct {
	server http.RoundTripper
	bodies map[string]string
}

func (s spy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.bodies[r.URL.Path] = string(body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return s.server.RoundTrip(r)
}
