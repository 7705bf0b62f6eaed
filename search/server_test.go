package search

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fakeServer is a Meilisearch of one process: indexes, settings, tasks that finish by themselves, and search. It keeps
// to the recorded answers in ../shared/fixtures/meilisearch.
type fakeServer struct {
	mu       sync.Mutex
	indexes  map[string]*fakeIndex
	tasks    []*fakeTask
	requests []string // method and path
	inFlight int      // most document tasks that were unfinished at once
	key      string

	down    bool                       // every request gets 503
	poison  func(map[string]any) bool  // documents that make their task fail as internal
	failing string                     // kind of error that every document task gets
	limit   int                        // bytes of a payload, 0 for no limit
	onTask  func(*fakeTask)            // called before a task is done, under the lock
	onAsk   func(index, filter string) // called before a search, under the lock
	slow    int                        // polls until a task of documents is done
}

type fakeIndex struct {
	created    time.Time
	documents  map[string]map[string]any
	searchable []string
	filterable []struct {
		AttributePatterns []string
		Features          struct {
			Filter struct{ Equality, Comparison bool }
		}
	}
	settings map[string]any
}

type fakeTask struct {
	uid    int64
	kind   string
	index  string
	polls  int
	do     func() (code string)
	status string
	code   string
}

func newFakeServer() *fakeServer {
	return &fakeServer{indexes: map[string]*fakeIndex{}, key: "key"}
}

// RoundTrip answers without a network, so that it works where time is simulated.
func (s *fakeServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	body := new(bytes.Buffer)
	if r.Body != nil {
		_, _ = body.ReadFrom(r.Body)
	}
	switch {
	case s.down:
		http.Error(w, "no upstream", http.StatusServiceUnavailable)
	case r.Header.Get("Authorization") != "Bearer "+s.key:
		refuse(w, http.StatusForbidden, "invalid_api_key", "auth")
	case r.Method != http.MethodGet && r.Method != http.MethodDelete && body.Len() == 0:
		refuse(w, http.StatusBadRequest, "missing_payload", "invalid_request")
	case s.limit > 0 && body.Len() > s.limit:
		refuse(w, http.StatusRequestEntityTooLarge, "payload_too_large", "invalid_request")
	default:
		s.route(w, r, body.Bytes())
	}
}

func (s *fakeServer) route(w http.ResponseWriter, r *http.Request, body []byte) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name := ""
	if parts[0] == "indexes" && len(parts) > 1 {
		name, parts[1] = parts[1], "*"
	}
	switch r.Method + " " + strings.Join(parts, "/") {
	case "GET indexes":
		list := []any{}
		for uid := range s.indexes {
			list = append(list, map[string]any{"uid": uid})
		}
		reply(w, http.StatusOK, map[string]any{"results": list, "offset": 0, "limit": 1000, "total": len(list)})
	case "GET indexes/*":
		if index := s.found(w, name); index != nil {
			reply(w, http.StatusOK, map[string]any{"uid": name, "createdAt": index.created, "updatedAt": index.created, "primaryKey": "id"})
		}
	case "GET indexes/*/settings/searchable-attributes":
		if index := s.found(w, name); index != nil {
			reply(w, http.StatusOK, index.searchable)
		}
	case "GET indexes/*/stats":
		if index := s.found(w, name); index != nil {
			reply(w, http.StatusOK, map[string]any{"numberOfDocuments": len(index.documents), "isIndexing": false})
		}
	case "POST indexes":
		var config struct{ UID string }
		_ = json.Unmarshal(body, &config)
		s.enqueue(w, "indexCreation", config.UID, func() string {
			if s.indexes[config.UID] != nil {
				return "index_already_exists"
			}
			s.make(config.UID)
			return ""
		})
	case "DELETE indexes/*":
		s.enqueue(w, "indexDeletion", name, func() string {
			if s.indexes[name] == nil {
				return "index_not_found"
			}
			delete(s.indexes, name)
			return ""
		})
	case "POST indexes/*/documents":
		s.addDocuments(w, name, body)
	case "POST indexes/*/search":
		if index := s.found(w, name); index != nil {
			s.search(w, name, index, body)
		}
	default:
		switch {
		case parts[0] == "tasks" && len(parts) == 2:
			s.reportTask(w, parts[1])
		case name != "" && parts[2] == "settings":
			s.enqueue(w, "settingsUpdate", name, func() string { return s.set(name, parts[3:], body) })
		default:
			http.NotFound(w, r)
		}
	}
}

func (s *fakeServer) found(w http.ResponseWriter, name string) *fakeIndex {
	index := s.indexes[name]
	if index == nil {
		refuse(w, http.StatusNotFound, "index_not_found", "invalid_request")
	}
	return index
}

// make makes an index with the server's own settings.
func (s *fakeServer) make(name string) *fakeIndex {
	s.indexes[name] = &fakeIndex{
		created: time.Now(), documents: map[string]map[string]any{}, searchable: []string{"*"}, settings: map[string]any{},
	}
	return s.indexes[name]
}

func (s *fakeServer) set(name string, path []string, body []byte) string {
	index := s.indexes[name]
	if index == nil {
		index = s.make(name)
	}
	var err error
	switch strings.Join(path, "/") {
	case "":
		err = json.Unmarshal(body, &index.settings)
	case "facet-search":
		index.settings["facetSearch"] = string(body) == "true"
	case "filterable-attributes":
		err = json.Unmarshal(body, &index.filterable)
	case "searchable-attributes":
		err = json.Unmarshal(body, &index.searchable)
	default:
		return "bad_request"
	}
	if err != nil {
		return "bad_request"
	}
	return ""
}

func (s *fakeServer) enqueue(w http.ResponseWriter, kind, index string, do func() string) {
	task := &fakeTask{uid: int64(len(s.tasks)), kind: kind, index: index, do: do, status: "enqueued"}
	s.tasks = append(s.tasks, task)
	waiting := 0
	for _, t := range s.tasks {
		if t.status == "enqueued" && t.kind == "documentAdditionOrUpdate" {
			waiting++
		}
	}
	s.inFlight = max(s.inFlight, waiting)
	reply(w, http.StatusAccepted, map[string]any{
		"taskUid": task.uid, "indexUid": index, "status": "enqueued", "type": kind, "enqueuedAt": time.Now(),
	})
}

func (s *fakeServer) addDocuments(w http.ResponseWriter, name string, body []byte) {
	var documents []map[string]any
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		var document map[string]any
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &document); err != nil {
			refuse(w, http.StatusBadRequest, "malformed_payload", "invalid_request")
			return
		}
		documents = append(documents, document)
	}
	s.enqueue(w, "documentAdditionOrUpdate", name, func() string {
		if s.failing != "" || s.poison != nil && slices.ContainsFunc(documents, s.poison) {
			return cmp.Or(s.failing, "internal")
		}
		for _, document := range documents {
			if mistake := idMistake(document); mistake != "" {
				return mistake // and none of the task's documents is taken
			}
		}
		index := s.indexes[name]
		if index == nil {
			index = s.make(name) // the trap: default settings
		}
		for _, document := range documents {
			index.documents[document["id"].(string)] = document
		}
		return ""
	})
}

func idMistake(document map[string]any) string {
	given, ok := document["id"]
	id, _ := given.(string)
	switch {
	case !ok:
		return "missing_document_id"
	case id == "" || len(id) > 511 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
		return "invalid_document_id"
	}
	return ""
}

// reportTask runs the tasks up to the one asked for, first come first served.
func (s *fakeServer) reportTask(w http.ResponseWriter, uid string) {
	n, err := strconv.Atoi(uid)
	if err != nil || n >= len(s.tasks) {
		refuse(w, http.StatusNotFound, "task_not_found", "invalid_request")
		return
	}
	task := s.tasks[n]
	if task.polls++; task.kind != "documentAdditionOrUpdate" || task.polls > s.slow {
		for _, earlier := range s.tasks[:n+1] {
			s.run(earlier)
		}
	}
	answer := map[string]any{"uid": n, "indexUid": task.index, "status": task.status, "type": task.kind, "error": nil}
	if task.code != "" {
		answer["error"] = map[string]any{"message": "…", "code": task.code, "type": errorType(task.code)}
	}
	reply(w, http.StatusOK, answer)
}

func (s *fakeServer) run(task *fakeTask) {
	if task.status != "enqueued" {
		return
	}
	if s.onTask != nil {
		s.onTask(task)
	}
	task.status = "succeeded"
	if task.code = task.do(); task.code != "" {
		task.status = "failed"
	}
}

func errorType(code string) string {
	switch code {
	case "internal":
		return "internal"
	case "no_space_left_on_device":
		return "system"
	}
	return "invalid_request"
}

type fakeQuestion struct {
	Query                string `json:"q"`
	Filter               []string
	Sort                 []string
	Limit                int
	MatchingStrategy     string
	AttributesToRetrieve []string
}

func (s *fakeServer) search(w http.ResponseWriter, name string, index *fakeIndex, body []byte) {
	var question fakeQuestion
	if err := json.Unmarshal(body, &question); err != nil {
		refuse(w, http.StatusBadRequest, "malformed_payload", "invalid_request")
		return
	}
	if s.onAsk != nil {
		s.onAsk(name, strings.Join(question.Filter, " & "))
	}
	for _, rule := range question.Sort {
		if attribute, _, _ := strings.Cut(rule, ":"); !index.sorts(attribute) {
			refuse(w, http.StatusBadRequest, "invalid_search_sort", "invalid_request")
			return
		}
	}
	var parts []predicate
	for _, filter := range question.Filter {
		holds, err := evaluator(filter, index.allows)
		if err != nil {
			refuse(w, http.StatusBadRequest, "invalid_search_filter", "invalid_request")
			return
		}
		parts = append(parts, holds)
	}
	parts = append(parts, index.reads(question.Query))
	var hits []map[string]any
	for _, document := range index.documents {
		if !slices.ContainsFunc(parts, func(holds predicate) bool { return !holds(document) }) {
			hits = append(hits, document)
		}
	}
	slices.SortFunc(hits, func(a, b map[string]any) int { return sorted(a, b, question.Sort) })
	hits = hits[:min(len(hits), question.Limit, index.maxTotalHits())]
	shown := make([]map[string]any, len(hits))
	for i, document := range hits {
		shown[i] = map[string]any{}
		for _, attribute := range question.AttributesToRetrieve {
			shown[i][attribute] = document[attribute]
		}
	}
	reply(w, http.StatusOK, map[string]any{"hits": shown, "query": question.Query, "limit": question.Limit})
}

func (x *fakeIndex) sorts(attribute string) bool {
	sortable, _ := x.settings["sortableAttributes"].([]any)
	return slices.Contains(sortable, any(attribute))
}

func (x *fakeIndex) maxTotalHits() int {
	pagination, _ := x.settings["pagination"].(map[string]any)
	if most, ok := pagination["maxTotalHits"].(float64); ok {
		return int(most)
	}
	return 1000
}

func (x *fakeIndex) allows(attribute, operator string) bool {
	for _, rule := range x.filterable {
		if slices.Contains(rule.AttributePatterns, attribute) {
			comparison := strings.ContainsAny(operator, "<>")
			return comparison && rule.Features.Filter.Comparison || !comparison && rule.Features.Filter.Equality
		}
	}
	return false
}

// reads prepares a question of at most ten words: quoted ones are whole words, a bare last one is a prefix.
func (x *fakeIndex) reads(question string) predicate {
	var wanted [][]string // the words that each place of the question takes
	asked := strings.Fields(question)
	for i, word := range asked[:min(len(asked), 10)] {
		bare := strings.Trim(word, `"`)
		words := []string{bare}
		if i == len(asked)-1 && bare == word {
			words = append(words, x.derived(bare)...)
		}
		wanted = append(wanted, words)
	}
	return func(document map[string]any) bool {
		said := x.said(document)
		return !slices.ContainsFunc(wanted, func(words []string) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return said[word] })
		})
	}
}

// derived are the words that a prefix stands for: all of them where the index keeps a list, which it does for short
// prefixes of many words, else the first 1,000.
func (x *fakeIndex) derived(prefix string) []string {
	found := map[string]bool{}
	for _, document := range x.documents {
		for word := range x.said(document) {
			if word != prefix && strings.HasPrefix(word, prefix) {
				found[word] = true
			}
		}
	}
	words := slices.Sorted(maps.Keys(found))
	if len(prefix) <= 4 && len(words) >= 100 {
		return words
	}
	return words[:min(len(words), 1000)]
}

// said are the words of a document.
func (x *fakeIndex) said(document map[string]any) map[string]bool {
	words := map[string]bool{}
	for _, attribute := range x.searchable {
		text, _ := document[attribute].(string)
		for word := range strings.FieldsSeq(text) {
			words[word] = true
		}
	}
	return words
}

func sorted(a, b map[string]any, by []string) int {
	for _, rule := range by {
		attribute, direction, _ := strings.Cut(rule, ":")
		left, _ := a[attribute].(float64)
		right, _ := b[attribute].(float64)
		if order := cmp.Compare(left, right); order != 0 {
			if direction == "desc" {
				order = -order
			}
			return order
		}
	}
	return 0
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code, kind string) {
	reply(w, status, map[string]any{"message": fmt.Sprintf("%s …", code), "code": code, "type": kind})
}
