package connectortest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annals/audit"
	"annals/simulator"
	"annals/sync/connector"
)

// begin is when the runs' clocks begin.
var begin = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

// clock is the time of a run: the engine's, the connector's and the vendor's.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// stage is a served simulator, and an address beside it that no request may reach.
type stage struct {
	server    *httptest.Server
	elsewhere *httptest.Server
	astray    atomic.Int64 // requests to elsewhere

	serving sync.WaitGroup // a client may have the whole body before the handler returns
	mu      sync.Mutex
	bodies  [][]byte // served since the last call of served
}

func newStage(tb testing.TB) *stage {
	s := &stage{}
	s.elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.astray.Add(1) }))
	tb.Cleanup(s.elsewhere.Close)
	return s
}

func (s *stage) serve(tb testing.TB, vendor http.Handler) {
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serving.Add(1)
		defer s.serving.Done()
		tee := &teeWriter{ResponseWriter: w}
		vendor.ServeHTTP(tee, r) // does not return when it cuts the body
		s.keep(tee)
	}))
	tb.Cleanup(s.server.Close)
}

func (s *stage) close() {
	s.server.Close()
	s.elsewhere.Close()
}

func (s *stage) keep(tee *teeWriter) {
	body := tee.body.Bytes()
	if tee.Header().Get("Content-Encoding") == "gzip" {
		unpacker, err := gzip.NewReader(&tee.body)
		if err != nil {
			return
		}
		if body, err = io.ReadAll(unpacker); err != nil {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body)
}

// served gives the bodies that were served since the call before.
func (s *stage) served() [][]byte {
	s.serving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	bodies := s.bodies
	s.bodies = nil
	return bodies
}

// teeWriter keeps what is written.
type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (w *teeWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// account is an integration's settings with what must never show.
type account struct {
	settings connector.Settings
	secrets  []string
}

// newAccount reads settings against their form. Secrets that are too short to be told from other text are not looked
// for.
func newAccount(tb testing.TB, form []audit.SettingField, values map[string]any) account {
	tb.Helper()
	const shortest = 6
	a := account{}
	raw := map[string]json.RawMessage{}
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			tb.Fatalf("setting %s: %v", name, err)
		}
		field, ok := (&audit.Connector{Settings: form}).Setting(name)
		if !ok {
			tb.Fatalf("setting %s is not in the form", name)
		}
		if problem := field.Check(text); problem != "" {
			tb.Errorf("setting %s %s", name, problem)
		}
		if secret, ok := value.(string); ok && field.Secret && len(secret) >= shortest {
			a.secrets = append(a.secrets, secret)
		}
		raw[name] = text
	}
	a.settings = connector.NewSettings(form, raw)
	return a
}

// open makes the connector, as the engine does when it begins.
func (a account) open(
	tb testing.TB, r connector.Registration, client *connector.Client, now func() time.Time, log io.Writer,
) connector.Opened {
	tb.Helper()
	opened, err := r.Open(connector.Config{
		Settings: a.settings, HTTP: client, Now: now, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		tb.Fatalf("opening connector: %v", err)
	}
	return opened
}

// conceals fails when a text shows one of the secrets.
func (a account) conceals(tb testing.TB, where, text string) {
	tb.Helper()
	for _, secret := range a.secrets {
		if strings.Contains(text, secret) {
			tb.Errorf("%s shows a secret: %s", where, text)
		}
	}
}

// newClient reaches loopback alone, so that whatever else is asked for is refused and seen.
func newClient(now func() time.Time) *connector.Client {
	return connector.NewClient(connector.ClientOptions{
		Guard:     connector.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}),
		UserAgent: "annals-conformance",
		Timeout:   10 * time.Second,
		Now:       now,
	})
}

// lockedBuffer takes the log of a connector that may log from several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newFaults lets faults happen at rates at which a run still comes to its end, and each at its first chance.
func newFaults(seed uint64, now func() time.Time, kinds []simulator.Fault, elsewhere string) *simulator.Faults {
	rates := map[simulator.Fault]float64{}
	for _, fault := range kinds {
		switch fault {
		case simulator.CursorRefused: // begins a walk anew: must be rare beside the pages of a walk
			rates[fault] = 0.01
		case simulator.SameTimes, simulator.LateVisibility, simulator.WrongTypes, simulator.UnknownFields, simulator.UnknownAction:
			rates[fault] = 0.4
		default:
			rates[fault] = 0.2 / float64(min(len(kinds), 4))
		}
	}
	faults := simulator.NewFaults(seed, now, rates)
	faults.Elsewhere = elsewhere
	for _, fault := range kinds {
		faults.Script(fault, 1)
	}
	return faults
}
