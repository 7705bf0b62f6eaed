package connector

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

// reach serves a handler and gives a client that may reach it.
func reach(t *testing.T, handler http.HandlerFunc, change ...func(*ClientOptions)) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := ClientOptions{
		Guard: NewGuard([]netip.Prefix{loopback}), UserAgent: "annals/test", Now: func() time.Time { return testNow },
	}
	for _, f := range change {
		f(&o)
	}
	client := NewClient(o)
	t.Cleanup(client.CloseIdleConnections)
	return client, server.URL
}

func TestGet(t *testing.T) {
	t.Parallel()
	client, address := reach(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Page", "2")
		_, _ = fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.RawQuery, r.Header.Get("X-Api-Key"), r.UserAgent())
	})
	header := http.Header{"X-Api-Key": {"k"}}
	answer, err := client.Get(t.Context(), address+"/records?page=2", header)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(answer.Body), "GET page=2 k annals/test"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if answer.Status != http.StatusOK || answer.Header.Get("X-Page") != "2" || answer.URL.Path != "/records" {
		t.Errorf("got %+v", *answer)
	}
	if len(header) != 1 {
		t.Errorf("the caller's header was changed: %v", header)
	}
}

// A token with a line break in it is a wrong setting, and nobody's broken connection.
func TestWhatNoHeaderCanHold(t *testing.T) {
	t.Parallel()
	client, address := reach(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	_, err := client.Get(t.Context(), address, http.Header{"Authorization": {"Bearer canary\r\nX: y"}})
	if ClassOf(err) != ConfigurationWrong || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v, want it of class %v, without the value", err, ConfigurationWrong)
	}
}

func TestDoKeepsTheRequestsOwnAgent(t *testing.T) {
	t.Parallel()
	client, address := reach(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, body, r.UserAgent())
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "sdk/1")
	answer, err := client.Do(t.Context(), r)
	if err != nil || string(answer.Body) != "POST body sdk/1" {
		t.Errorf("got %v, %v", answer, err)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		header string // one, `Name: value`
		class  Class
		wait   time.Duration // 0: the failure does not say
	}{
		{status: 300, class: ConfigurationWrong},
		{status: 304, class: ConfigurationWrong},
		{status: 400, class: ConfigurationWrong},
		{status: 401, class: CredentialsRefused},
		{status: 401, header: "Retry-After: 5", class: CredentialsRefused},
		{status: 403, class: CredentialsRefused},
		{status: 403, header: "X-RateLimit-Remaining: 12", class: CredentialsRefused},
		{status: 403, header: "Retry-After: 5", class: RateLimited, wait: 5 * time.Second},
		{status: 404, class: ConfigurationWrong},
		{status: 408, class: TryLater},
		{status: 410, class: ConfigurationWrong},
		{status: 422, class: ConfigurationWrong},
		{status: 425, class: TryLater},
		{status: 429, class: RateLimited},
		{status: 429, header: "Retry-After: 0", class: RateLimited, wait: time.Second},
		{status: 429, header: "Retry-After: 90", class: RateLimited, wait: 90 * time.Second},
		{status: 500, class: TryLater},
		{status: 500, header: "Retry-After: 5", class: TryLater, wait: 5 * time.Second},
		{status: 502, class: TryLater},
		{status: 503, class: TryLater},
		{status: 503, header: "Retry-After: 5", class: RateLimited, wait: 5 * time.Second},
		{status: 504, class: TryLater},
		{status: 599, class: TryLater},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status, " ", test.header), func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) {
				if name, value, ok := strings.Cut(test.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				if test.status >= 400 {
					_, _ = w.Write([]byte("what is in the body"))
				}
			})
			answer, err := client.Get(t.Context(), address+"/at?token=hidden", http.Header{"Authorization": {"hidden"}})
			failure, ok := errors.AsType[*Failure](err)
			if !ok || answer != nil {
				t.Fatalf("got %v, %v", answer, err)
			}
			if failure.Class != test.class {
				t.Errorf("class %v, want %v", failure.Class, test.class)
			}
			if test.wait == 0 != failure.Until.IsZero() || test.wait != 0 && !failure.Until.Equal(testNow.Add(test.wait)) {
				t.Errorf("until %v, want %v later", failure.Until, test.wait)
			}
			if want := fmt.Sprintf("%s/at: status %d", address, test.status); err.Error() != want {
				t.Errorf("text %q, want %q", err, want)
			}
			refused, ok := errors.AsType[*StatusError](err)
			if !ok || refused.Answer.Status != test.status || test.status >= 400 && len(refused.Answer.Body) == 0 {
				t.Errorf("the failure does not hold the answer: %v", refused)
			}
		})
	}
}

func TestSuccesses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204, 206, 299} {
		client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if answer, err := client.Get(t.Context(), address, nil); err != nil || answer.Status != status {
			t.Errorf("%d: %v, %v", status, answer, err)
		}
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte(`{"action":"create"},`), 1000)
	client, address := reach(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "GZIP")
		_, _ = w.Write(packed(t, body))
	})
	answer, err := client.Get(t.Context(), address, nil)
	if err != nil || !bytes.Equal(answer.Body, body) {
		t.Errorf("got %v, %v", answer, err)
	}
}

func packed(t *testing.T, body []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := writer.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// TestBodies are answers with status 200 whose body is the matter.
func TestBodies(t *testing.T) {
	t.Parallel()
	const most = 2 << 20
	zeros := make([]byte, 8<<20)
	good := packed(t, []byte(`{}`))
	tests := map[string]struct {
		encoding string
		length   string // announced, when it differs
		body     []byte
		want     Class // -1: an answer
	}{
		"empty":                   {want: -1},
		"empty gzip":              {encoding: "gzip", want: -1},
		"as large as allowed":     {body: zeros[:most], want: -1},
		"too large":               {body: zeros[:most+1], want: Malformed},
		"far too large":           {body: zeros, want: Malformed},
		"shorter than announced":  {length: "9", body: []byte("12345678"), want: TryLater},
		"gzip of 1 MiB":           {encoding: "gzip", body: packed(t, zeros[:1<<20]), want: -1},
		"gzip of too much":        {encoding: "gzip", body: packed(t, zeros[:most+1]), want: Malformed},
		"gzip that is a bomb":     {encoding: "gzip", body: packed(t, zeros[:1<<20+1]), want: Malformed},
		"gzip that is cut":        {encoding: "gzip", body: good[:len(good)-9], want: TryLater},
		"gzip with a wrong sum":   {encoding: "gzip", body: append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...), want: TryLater},
		"gzip that is none":       {encoding: "gzip", body: []byte("what is no gzip"), want: TryLater},
		"gzip with more behind":   {encoding: "gzip", body: append(bytes.Clone(good), "junk behind the end"...), want: TryLater},
		"two gzips":               {encoding: "gzip", body: append(bytes.Clone(good), good...), want: -1},
		"an encoding of its own":  {encoding: "br", body: []byte("xyz"), want: Malformed},
		"encoded more than once":  {encoding: "gzip, gzip", body: packed(t, good), want: Malformed},
		"identity, said in words": {encoding: "identity", body: []byte("{}"), want: -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				if test.length != "" {
					w.Header().Set("Content-Length", test.length)
				}
				_, _ = w.Write(test.body)
			}, func(o *ClientOptions) { o.MaxBody = most })
			answer, err := client.Get(t.Context(), address+"/x?token=hidden", nil)
			if err == nil && test.want != -1 || err != nil && ClassOf(err) != test.want {
				t.Errorf("got %v, %v", answer, err)
			}
			if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "what is")) {
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}

// TestBrokenConnections are answers that never get whole.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*http.ResponseController, io.Writer){
		"at once": func(*http.ResponseController, io.Writer) { panic(http.ErrAbortHandler) },
		"in mid-way": func(c *http.ResponseController, w io.Writer) {
			_, _ = w.Write([]byte("{"))
			_ = c.Flush()
			panic(http.ErrAbortHandler)
		},
		"no HTTP": func(c *http.ResponseController, _ io.Writer) {
			connection, _, err := c.Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = connection.Write([]byte("the words of a stranger\r\n\r\n"))
			_ = connection.Close()
		},
		"chunks that are none": func(c *http.ResponseController, _ io.Writer) {
			connection, _, err := c.Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nthe words of a stranger"))
			_ = connection.Close()
		},
		"headers without end": func(c *http.ResponseController, _ io.Writer) {
			connection, _, err := c.Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("stranger", maxHeader) + "\r\n\r\n"))
			_ = connection.Close()
		},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) { answer(http.NewResponseController(w), w) })
			_, err := client.Get(t.Context(), address+"/x?token=hidden", nil)
			if err == nil || ClassOf(err) != TryLater {
				t.Fatalf("error %v", err)
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "stranger") {
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	client, address := reach(t, nil, func(o *ClientOptions) {
		o.Guard.resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server")
		}}
	})
	server := httptest.NewServer(nil)
	server.Close()
	for _, gone := range []string{server.URL, "https://" + strings.TrimPrefix(address, "http://"), "https://api.example.com"} {
		if _, err := client.Get(t.Context(), gone+"/?token=hidden", nil); err == nil || ClassOf(err) != TryLater || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", gone, err)
		}
	}
	for _, wrong := range []string{"://?hidden", "http://a b/?hidden", "ftp://127.0.0.1/?hidden", "http://127.0.0.1:x/?hidden", ""} {
		if _, err := client.Get(t.Context(), wrong, nil); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drips := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{"hangs": hangs, "drips": drips} {
		t.Run(name+" until the timeout", func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, handler, func(o *ClientOptions) { o.Timeout = 100 * time.Millisecond })
			_, err := client.Get(t.Context(), address+"/?token=hidden", nil)
			if ClassOf(err) != TryLater || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v", err)
			}
		})
		t.Run(name+" until it is cancelled", func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, handler)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if _, err := client.Get(ctx, address, nil); ClassOf(err) != TryLater || !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestSDKClientsReadWithinBounds(t *testing.T) {
	t.Parallel()
	client, address := reach(t, func(w http.ResponseWriter, r *http.Request) {
		if encoding := r.Header.Get("Accept-Encoding"); encoding != "" {
			t.Errorf("an encoding was asked for: %s", encoding)
		}
		_, _ = w.Write(make([]byte, 2000))
	}, func(o *ClientOptions) { o.MaxBody = 1000 })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); !errors.Is(err, errTooLarge) {
		t.Errorf("read %d bytes with error %v", len(body), err)
	}
}
