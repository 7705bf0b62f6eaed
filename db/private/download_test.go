package private

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

func jarOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// serve offers one jar, after some refusals, and counts the requests.
func serve(t *testing.T, jar []byte, refusals int32) (address string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= refusals {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		if !strings.HasSuffix(r.URL.Path, "/embedded-postgres-binaries-test/"+string(downloadVersion)+
			"/embedded-postgres-binaries-test-"+string(downloadVersion)+".jar") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(jar)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func silent(message) {}

func TestArchiveIsChecked(t *testing.T) {
	t.Parallel()
	good := jarOf(t, "postgres.txz", "good")
	for _, test := range []struct {
		name     string
		jar      []byte
		cached   string // archive that is there already
		refusals int32
		requests int32
		wantErr  string
	}{
		{name: "right sum", jar: good, requests: 1},
		{name: "second try", jar: good, refusals: 1, requests: 2},
		{name: "no third try", jar: good, refusals: 2, requests: 2, wantErr: "503"},
		{name: "wrong sum", jar: jarOf(t, "postgres.txz", "evil"), requests: 2, wantErr: "is not used"},
		{name: "no archive", jar: jarOf(t, "other", "good"), requests: 2, wantErr: "no .txz archive"},
		{name: "no jar", jar: []byte("good"), requests: 2, wantErr: "not a valid zip"},
		{name: "right sum in the cache", cached: "good", requests: 0},
		{name: "wrong sum in the cache", jar: good, cached: "evil", requests: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, requests := serve(t, test.jar, test.refusals)
			a := archive{repository: address, platform: "test", sum: sumOf("good")}
			cache := t.TempDir()
			path := filepath.Join(cache, a.name()+".txz")
			if test.cached != "" {
				if err := os.WriteFile(path, []byte(test.cached), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := a.prepare(t.Context(), cache, filepath.Join(cache, "unpacked"), silent)
			if got := requests.Load(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			text, _ := os.ReadFile(path)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) || !strings.Contains(err.Error(), wayOut) {
					t.Errorf("got error %v, want %q and the way out in it", err, test.wantErr)
				}
				if text != nil {
					t.Errorf("%q is in the cache", text)
				}
				return
			}
			if err != nil || string(text) != "good" {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

// A start from a repository whose archive is not the pinned one must end
// before anything of that archive runs.
func TestStartRefusesAForeignArchive(t *testing.T) {
	t.Parallel()
	platform := platformName(runtime.GOOS, runtime.GOARCH, isAlpine())
	if archives[platform] == "" {
		t.Skipf("no archive is pinned for %s", platform)
	}
	evil := jarOf(t, "postgres.txz", "evil")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(evil) }))
	defer s.Close()
	o := options(t, folder(t))
	o.IgnoreInstalled, o.Binaries, o.Repository = true, folder(t), s.URL
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not used") {
		t.Errorf("got %v", err)
	}
}

func TestStartWithoutNetworkAndInitdb(t *testing.T) {
	t.Parallel()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, folder(t))
	o.IgnoreInstalled, o.Binaries, o.Repository = true, folder(t), "http://"+Conn{Port: port}.String()
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), wayOut) {
		t.Errorf("got %v, want the way out", err)
	}
}

func TestUnpackedBinariesNeedNoNetwork(t *testing.T) {
	t.Parallel()
	platform := platformName(runtime.GOOS, runtime.GOARCH, isAlpine())
	if archives[platform] == "" {
		t.Skipf("no archive is pinned for %s", platform)
	}
	o := order{Dir: t.TempDir(), Binaries: t.TempDir(), Repository: "http://127.0.0.1:1"}
	unpacked := filepath.Join(o.Binaries, platform+"-"+string(downloadVersion))
	if err := os.Mkdir(unpacked, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := o.download(t.Context(), silent); err == nil {
		t.Error("binaries that never started were trusted")
	}
	if err := os.MkdirAll(unpacked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unpacked, wholeMark), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := o.download(t.Context(), silent)
	if err != nil || b.path != filepath.Join(unpacked, "postgres") {
		t.Errorf("got %+v, %v", b, err)
	}
	b.release()
}

func TestRepositoryIsTheLibrarysOwn(t *testing.T) {
	t.Parallel()
	if got := (order{}).repository(); !strings.HasPrefix(got, "https://") {
		t.Errorf("got %q: the library has renamed its field", got)
	}
	if got := (order{Repository: "https://maven.example.com"}).repository(); got != "https://maven.example.com" {
		t.Errorf("got %q", got)
	}
}

func TestPlatformName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		goos, goarch string
		alpine       bool
		want         string
	}{
		{"linux", "amd64", false, "linux-amd64"},
		{"linux", "amd64", true, "linux-amd64-alpine"},
		{"linux", "arm64", false, "linux-arm64v8"},
		{"darwin", "arm64", false, "darwin-arm64v8"},
	} {
		got := platformName(test.goos, test.goarch, test.alpine)
		if got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
		if len(archives[got]) != sha256.Size*2 {
			t.Errorf("%s has no pinned sum", got)
		}
	}
}
