package search

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
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

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code, kind string) {
	reply(w, status, map[string]any{"message": fmt.Sprintf("%s …", code), "code": code, "type": kind})
}
