package playground

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

const testURL = "https://annals.example.com"

func newHandler(t *testing.T, publicURL string) http.Handler {
	t.Helper()
	h, err := New(publicURL)
	if err != nil {
		t.Fatalf("New(%q): %v", publicURL, err)
	}
	return h
}

// get asks h for path; edit may change the request.
func get(t *testing.T, h http.Handler, path string, edit func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "annals.example.com", "ftp://annals.example.com", "http://", "http://a b", "javascript:alert(1)"} {
		if _, err := New(address); err == nil {
			t.Errorf("New(%q) took it", address)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	tests := []struct {
		path string
		want int
	}{
		{"/", http.StatusOK},
		{"/?query=%7Bviewer%7Bsubject%7D%7D", http.StatusOK},
		{"/assets/THIRD_PARTY_LICENSES.txt", http.StatusOK},
		{"/index.html", http.StatusNotFound},
		{"/assets", http.StatusNotFound},
		{"/assets/", http.StatusNotFound},
		{"/assets/nothing.js", http.StatusNotFound},
		{"/assets/../index.html", http.StatusNotFound},
		{"/dist/index.html", http.StatusNotFound},
		{"/graphql", http.StatusNotFound},
	}
	for _, test := range tests {
		if got := get(t, h, test.path, nil).Code; got != test.want {
			t.Errorf("GET %s = %d, want %d", test.path, got, test.want)
		}
	}
}

func TestPageDoesNotDependOnTheQuery(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	plain := get(t, h, "/", nil).Body.String()
	asked := get(t, h, "/?query=mutation%7BrevokeApiToken%7D&variables=%7B%7D", nil).Body.String()
	if plain == "" || plain != asked {
		t.Error("the page differs with a query in its address")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "QUERY"} {
		w := get(t, h, "/", func(r *http.Request) { r.Method = method })
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s / = %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newHandler(t, testURL))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ContentLength <= 0 {
		t.Errorf("HEAD / = %d with length %d", answer.StatusCode, answer.ContentLength)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
			"img-src 'self' data:; worker-src 'self'; connect-src 'self' wss://annals.example.com; base-uri 'none'; frame-ancestors 'none'",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "no-referrer",
	}
	h := newHandler(t, testURL)
	requests := map[string]func(*http.Request){
		"page":        nil,
		"not found":   func(r *http.Request) { r.URL.Path = "/nothing" },
		"not allowed": func(r *http.Request) { r.Method = http.MethodPost },
		"licences":    func(r *http.Request) { r.URL.Path = "/assets/THIRD_PARTY_LICENSES.txt" },
	}
	for name, edit := range requests {
		w := get(t, h, "/", func(r *http.Request) {
			r.Host = "annals.example.com"
			if edit != nil {
				edit(r)
			}
		})
		for header, value := range want {
			if got := w.Header().Get(header); got != value {
				t.Errorf("%s: %s = %q, want %q", name, header, got, value)
			}
		}
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, public, host string
		secure             bool
		want               string
	}{
		{"same host", "http://127.0.0.1:8080", "127.0.0.1:8080", false, "'self' ws://127.0.0.1:8080"},
		{"other name", "http://127.0.0.1:8080", "localhost:8080", false, "'self' ws://127.0.0.1:8080 ws://localhost:8080"},
		{"other name over TLS", "https://annals.example.com", "audit.example.com", true, "'self' wss://annals.example.com wss://audit.example.com"},
		{"TLS ends before us", "https://annals.example.com", "ANNALS.example.com", false, "'self' wss://annals.example.com"},
		{"path of the public address", "https://annals.example.com/x", "annals.example.com", true, "'self' wss://annals.example.com"},
		{"IPv6 cannot be named", "http://[::1]:8080", "[::1]:8080", false, "'self'"},
		{"no host", "http://localhost", "", false, "'self' ws://localhost"},
	}
	for _, test := range tests {
		w := get(t, newHandler(t, test.public), "/", func(r *http.Request) {
			r.Host = test.host
			if test.secure {
				r.TLS = &tls.ConnectionState{}
			}
		})
		if got := directive(t, w, "connect-src"); got != test.want {
			t.Errorf("%s: connect-src %s, want %s", test.name, got, test.want)
		}
	}
}

func TestHostCannotChangeThePolicy(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	honest := get(t, h, "/", func(r *http.Request) { r.Host = "annals.example.com" }).Header()
	for _, host := range hostileHosts {
		got := get(t, h, "/", func(r *http.Request) { r.Host = host }).Header()
		if got.Get("Content-Security-Policy") != honest.Get("Content-Security-Policy") || len(got) != len(honest) {
			t.Errorf("Host %q changes the headers: %v", host, got)
		}
	}
}
