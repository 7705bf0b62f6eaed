package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"annals/graph"
)

func TestOriginsAreExact(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "annals.example.com", "/graphql", "://"} {
		if _, err := graph.NewOrigins(bad, nil); err == nil {
			t.Errorf("the public URL %q was accepted", bad)
		}
	}
	for _, bad := range []string{"*", "https://app.example.com/", "https://app.example.com/path", "app.example.com", "null", ""} {
		if _, err := graph.NewOrigins("https://annals.example.com", []string{bad}); err == nil {
			t.Errorf("the origin %q was accepted", bad)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for from, allowed := range map[string]bool{
		origin: true, "http://annals.example.com": true, "https://evil.example.net": false, "null": false, "*": false,
		strings.ToUpper(origin): false,
	} {
		got := s.send(t, http.MethodOptions, nil, map[string]string{
			"Authorization": "", "Origin": from, "Access-Control-Request-Method": "POST",
			"Access-Control-Request-Headers": "authorization,content-type,traceparent",
		})
		want := ""
		if allowed {
			want = from
		}
		if got.header.Get("Access-Control-Allow-Origin") != want || (got.header.Get("Access-Control-Allow-Headers") != "") != allowed {
			t.Errorf("%q: got %d %v", from, got.status, got.header)
		}
		if got.header.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(got.header.Get("Vary"), "Origin") {
			t.Errorf("%q: got %v", from, got.header)
		}
	}
	for _, byHand := range []string{"Authorization, Content-Type, traceparent", "traceparent,content-type,authorization", "TraceParent"} {
		got := s.send(t, http.MethodOptions, nil, map[string]string{
			"Authorization": "", "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": byHand,
		})
		if got.header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%q: got %d %v", byHand, got.status, got.header)
		}
	}
	got := s.send(t, http.MethodOptions, nil, map[string]string{
		"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-canary, authorization",
	})
	if got.header.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("any header is allowed: %v", got.header)
	}
}

func TestAnswersCanBeReadByAllowedOrigins(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, token := range []string{"Bearer all", "Bearer bad"} {
		got := s.query(t, `{__typename}`, nil, "Origin", origin, "Authorization", token)
		if got.header.Get("Access-Control-Allow-Origin") != origin || !strings.EqualFold(got.header.Get("Access-Control-Expose-Headers"), "Retry-After, X-Request-Id") {
			t.Errorf("%s: got %v", token, got.header)
		}
	}
	got := s.query(t, `{__typename}`, nil, "Origin", "https://evil.example.net")
	if got.header.Get("Access-Control-Allow-Origin") != "" || got.status != http.StatusForbidden {
		t.Errorf("got %d %v", got.status, got.header)
	}
}

func TestCORSOfOtherHandlers(t *testing.T) {
	t.Parallel()
	origins, err := graph.NewOrigins("https://annals.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := origins.CORS(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Origin", "https://app.example.com") // nobody is allowed, which must not mean everybody
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusTeapot || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}
