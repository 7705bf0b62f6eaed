package playground

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// plain returns what a client without gzip is served, by path.
func plain(t *testing.T) map[string]string {
	t.Helper()
	files, err := loadFiles()
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, testURL)
	contents := make(map[string]string)
	for name := range files {
		contents[name] = get(t, h, name, nil).Body.String()
	}
	return contents
}

func TestBothEncodingsAreTheSameFile(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	packed := 0
	for name, content := range plain(t) {
		w := get(t, h, name, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, deflate, br") })
		body := w.Body.Bytes()
		if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(body)) {
			t.Errorf("%s: Content-Length %s for %d bytes", name, got, len(body))
		}
		if w.Header().Get("Content-Encoding") == "gzip" {
			packed++
			body = gunzip(t, body)
		}
		if content == "" || string(body) != content {
			t.Errorf("%s: gzip and identity differ", name)
		}
	}
	if packed < 10 {
		t.Errorf("only %d files are served as gzip", packed)
	}
}

func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestIdentityNamesNoEncoding(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	for name := range plain(t) {
		w := get(t, h, name, nil)
		if got := w.Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%s: Content-Encoding %q for a client that named none", name, got)
		}
		if path.Ext(name) == ".js" && w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: Vary is %q", name, w.Header().Get("Vary"))
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		accept []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP"}, true},
		{[]string{"br, gzip;q=0.2"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000"}, false},
		{[]string{"gzip;Q=0"}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"gzip;q=0, *"}, false},
		{[]string{"identity"}, false},
		{[]string{"gzipped"}, false},
	}
	for _, test := range tests {
		if got := acceptsGzip(test.accept); got != test.want {
			t.Errorf("acceptsGzip(%q) = %t", test.accept, got)
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	h := newHandler(t, testURL)
	want := map[string]string{"/": "text/html; charset=utf-8"}
	for name := range plain(t) {
		switch path.Ext(name) {
		case ".js":
			want[name] = "text/javascript; charset=utf-8"
		case ".css":
			want[name] = "text/css; charset=utf-8"
		case ".ttf":
			want[name] = "font/ttf"
		}
	}
	for name, kind := range want {
		if got := get(t, h, name, nil).Header().Get("Content-Type"); got != kind {
			t.Errorf("%s: Content-Type %q, want %q", name, got, kind)
		}
	}
	if _, err := contentType("/assets/x.wasm"); err == nil {
		t.Error("a kind that nobody listed has a type")
	}
}

var (
	attribute  = regexp.MustCompile(`\s(?:src|href)="([^"]*)"`)
	script     = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
	assetName  = regexp.MustCompile(`[\w.-]+-[\w-]{8}\.(?:js|css|ttf|svg)\b`)
	loadsAfar  = regexp.MustCompile("(?i)(?:import\\s*\\(|importScripts\\s*\\(|\\bfrom|new (?:Shared)?Worker\\s*\\(|@import|url\\s*\\()\\s*[\"'`]?\\s*(?:https?:)?//")
	knownHosts = regexp.MustCompile(`(?i)jsdelivr|unpkg\.com|cdnjs|esm\.sh|skypack|fonts\.(?:googleapis|gstatic)|ajax\.googleapis`)
)

func TestPageLoadsOnlyWhatIsEmbedded(t *testing.T) {
	t.Parallel()
	files := plain(t)
	named := attribute.FindAllStringSubmatch(files["/"], -1)
	if len(named) < 3 {
		t.Fatalf("the page names %d files", len(named))
	}
	for _, match := range named {
		if _, ok := files[match[1]]; !ok {
			t.Errorf("the page names %s, which is not embedded", match[1])
		}
	}
	for _, match := range script.FindAllStringSubmatch(files["/"], -1) {
		if strings.TrimSpace(match[1]) != "" {
			t.Errorf("inline script: %s", match[1])
		}
	}
}

func TestBuiltFilesNameOnlyEmbeddedFiles(t *testing.T) {
	t.Parallel()
	files := plain(t)
	found := make(map[string]bool)
	for _, content := range files {
		for _, name := range assetName.FindAllString(content, -1) {
			found[name] = true
		}
	}
	for name := range files {
		if base := path.Base(name); assetName.MatchString(base) && !found[base] {
			t.Errorf("%s is embedded and named by no file", name)
		}
	}
	for _, name := range []string{"editor.worker-", "json.worker-", "graphql.worker-"} {
		if !hasFile(files, "/assets/"+name) {
			t.Errorf("no worker %s… is a file of its own", name)
		}
	}
	for name := range found {
		if _, ok := files["/assets/"+name]; !ok {
			t.Errorf("%s is named and not embedded", name)
		}
	}
}

func hasFile(files map[string]string, prefix string) bool {
	for name := range files {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, content := range plain(t) {
		if path.Ext(name) == ".txt" {
			continue
		}
		for _, pattern := range []*regexp.Regexp{loadsAfar, knownHosts} {
			if hit := pattern.FindString(content); hit != "" {
				t.Errorf("%s loads from elsewhere: %s", name, hit)
			}
		}
	}
}

func TestLoadsAfarSees(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`import("https://cdn.example.com/x.js")`, "import(`//cdn.example.com/x.js`)", `import x from"https://cdn.example.com/x.js"`,
		`new Worker("https://cdn.example.com/w.js")`, `importScripts('http://cdn.example.com/x.js')`,
		`@import "https://cdn.example.com/x.css"`, `src:url(https://cdn.example.com/x.woff2)`,
	} {
		if !loadsAfar.MatchString(code) {
			t.Errorf("%s goes unseen", code)
		}
	}
	for _, code := range []string{`import("./x.js")`, `url(data:font/ttf;base64,AA//AA)`, `"http://www.w3.org/2000/svg"`} {
		if loadsAfar.MatchString(code) {
			t.Errorf("%s is taken for loading from elsewhere", code)
		}
	}
}

func TestLicencesOfMainParts(t *testing.T) {
	t.Parallel()
	text := plain(t)["/assets/THIRD_PARTY_LICENSES.txt"]
	for _, part := range []string{"graphiql", "monaco-editor", "monaco-graphql", "graphql", "graphql-ws", "react", "react-dom", "prettier"} {
		if !strings.Contains(text, "=== "+part+" ") {
			t.Errorf("no licence of %s", part)
		}
	}
}
