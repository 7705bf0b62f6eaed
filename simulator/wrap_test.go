package simulator

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const wrapBody = `{"records":[1,2,3]}`

// wrapped serves a fixed body under faults.
func wrapped(t *testing.T, faults *Faults) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Page", "1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, wrapBody)
	}), RefusePlainly))
	t.Cleanup(server.Close)
	return server
}

func fetch(t *testing.T, server *httptest.Server, encoding string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", encoding)
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestWrapWithoutFaults(t *testing.T) {
	t.Parallel()
	server := wrapped(t, nil)
	response, body, err := fetch(t, server, "identity")
	if err != nil || response.StatusCode != http.StatusAccepted || body != wrapBody || response.Header.Get("X-Page") != "1" {
		t.Errorf("got %d %q, %v", response.StatusCode, body, err)
	}
	response, body, err = fetch(t, server, "gzip")
	if err != nil || response.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %v, %v", response.Header, err)
	}
	unpacker, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(unpacker); err != nil || string(plain) != wrapBody {
		t.Errorf("got %q, %v", plain, err)
	}
}

func TestWrapRefuses(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]struct {
		status int
		header string // that tells the wait
	}{
		TooManyRequests: {http.StatusTooManyRequests, "Retry-After"},
		TooManySilent:   {http.StatusTooManyRequests, ""},
		LimitedAs403:    {http.StatusForbidden, "X-Ratelimit-Reset"},
		TokenExpired:    {http.StatusUnauthorized, ""},
		ServerError:     {http.StatusServiceUnavailable, ""},
	} {
		faults := NewFaults(1, testClock, nil)
		faults.Script(fault, 1)
		response, body, err := fetch(t, wrapped(t, faults), "identity")
		if err != nil || response.StatusCode != want.status || body == wrapBody {
			t.Errorf("%s: got %d %q, %v", fault, response.StatusCode, body, err)
		}
		for _, header := range []string{"Retry-After", "X-Ratelimit-Reset"} {
			if told := response.Header.Get(header) != ""; told != (header == want.header) {
				t.Errorf("%s: %s is %q", fault, header, response.Header.Get(header))
			}
		}
	}
}

// TestWrapHoldsRateLimits: requests are refused until the time that was told, and counted.
func TestWrapHoldsRateLimits(t *testing.T) {
	t.Parallel()
	now := testNow
	faults := NewFaults(1, func() time.Time { return now }, nil)
	faults.Script(TooManyRequests, 1)
	server := wrapped(t, faults)
	response, _, err := fetch(t, server, "identity")
	if err != nil {
		t.Fatal(err)
	}
	wait, err := time.ParseDuration(response.Header.Get("Retry-After") + "s")
	if err != nil || wait <= 0 {
		t.Fatalf("wait %v, %v", wait, err)
	}
	now = now.Add(wait - time.Millisecond)
	response, _, err = fetch(t, server, "identity")
	if err != nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" || faults.Early() != 1 {
		t.Errorf("too early: %d, %v, %d, %v", response.StatusCode, response.Header, faults.Early(), err)
	}
	now = now.Add(time.Millisecond)
	response, _, err = fetch(t, server, "identity")
	if err != nil || response.StatusCode != http.StatusAccepted || faults.Early() != 1 {
		t.Errorf("in time: %d, %d, %v", response.StatusCode, faults.Early(), err)
	}
}

func TestWrapCutsAndDrips(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, testClock, nil)
	server := wrapped(t, faults)
	faults.Script(CutBody, 1)
	if _, body, err := fetch(t, server, "identity"); err == nil || body != wrapBody[:len(wrapBody)/2] {
		t.Errorf("cut: %q, %v", body, err)
	}
	faults.Script(SlowBody, 1)
	began := time.Now()
	if _, body, err := fetch(t, server, "identity"); err != nil || body != wrapBody || time.Since(began) < 10*time.Millisecond {
		t.Errorf("slow: %q after %v, %v", body, time.Since(began), err)
	}
}
