package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
	"annals/sync/webhook"
)

// The random parts of the one address that there is, and of one that there is not.
const (
	known   = "known-known-known-know"
	unknown = "unknown-unknown-unknow"
)

// vendor is store, opener, vendor's code and recorder of one integration at the address known.
type vendor struct {
	mu       sync.Mutex
	asked    []string // guarded by mu
	noted    []bool   // guarded by mu
	poked    int
	recorded int

	paused    bool
	lost      error // of the database
	receive   func(connector.Delivery) (connector.Received, error)
	recording error
}

func (v *vendor) WebhookOwner(_ context.Context, path string) (audit.StoredIntegration, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, path)
	if path != known {
		return audit.StoredIntegration{}, audit.ErrNotFound
	}
	i := audit.StoredIntegration{Integration: audit.Integration{Tenant: 1, Number: 7, ConnectorName: "example"}}
	if v.paused {
		i.PausedAt = new(time.Now())
	}
	return i, v.lost
}

func (v *vendor) NoteDelivery(_ context.Context, _ audit.TenantID, _ audit.IntegrationID, accepted bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.noted = append(v.noted, accepted)
	return nil
}

func (v *vendor) PokeFetches(context.Context, audit.TenantID, audit.IntegrationID) error {
	v.poked++
	return nil
}

func (v *vendor) OpenStored(audit.StoredIntegration) (connector.Opened, audit.Connector, error) {
	return v, audit.Connector{}, nil
}

func (v *vendor) WebhookSecrets(context.Context, *audit.Integration) ([]string, error) {
	return []string{"secret"}, nil
}

func (v *vendor) Receive(delivery connector.Delivery, secrets []string) (connector.Received, error) {
	if delivery.Header.Get("Signature") != secrets[0] {
		return connector.Received{}, connector.ErrSignature
	}
	return v.receive(delivery)
}

func (v *vendor) record(_ context.Context, i *audit.Integration, feed string, drafts []audit.Draft) (audit.Receipt, error) {
	if i.Number != 7 || feed != "feed" {
		return audit.Receipt{}, errors.New("another integration or feed")
	}
	v.recorded += len(drafts)
	return audit.Receipt{}, v.recording
}

func (v *vendor) handler(log io.Writer) *webhook.Handler {
	return webhook.New(v, v, v.record, time.Now, slog.New(slog.NewTextHandler(log, nil)))
}

func post(h http.Handler, path, signature string, body io.Reader) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/webhooks/"+known, body)
	request.URL.Path = "/webhooks/" + path
	request.Header.Set("Signature", signature)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	return answer
}

func one(connector.Delivery) (connector.Received, error) {
	return connector.Received{Feed: "feed", Drafts: make([]audit.Draft, 1), Poke: true}, nil
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		vendor    *vendor
		path      string
		signature string
		status    int
		noted     []bool
		logged    string
	}{
		"recorded":    {&vendor{receive: one}, known, "secret", http.StatusNoContent, []bool{true}, ""},
		"not proven":  {&vendor{receive: one}, known, "wrong", http.StatusUnauthorized, []bool{false}, ""},
		"no address":  {&vendor{receive: one}, unknown, "secret", http.StatusUnauthorized, nil, ""},
		"paused":      {&vendor{receive: one, paused: true}, known, "secret", http.StatusServiceUnavailable, nil, ""},
		"no database": {&vendor{receive: one, lost: audit.ErrUnavailable}, known, "secret", http.StatusServiceUnavailable, nil, "level=WARN"},
		"not recorded": {
			&vendor{receive: one, recording: audit.ErrUnavailable}, known, "secret", http.StatusServiceUnavailable, nil, "level=WARN",
		},
		"unreadable": {&vendor{receive: func(connector.Delivery) (connector.Received, error) {
			return connector.Received{}, connector.Fail(connector.Malformed, errors.New("no JSON"))
		}}, known, "secret", http.StatusBadRequest, []bool{false}, "level=WARN"},
		"a panic": {&vendor{receive: func(connector.Delivery) (connector.Received, error) {
			panic("index out of range")
		}}, known, "secret", http.StatusInternalServerError, nil, "level=ERROR"},
	} {
		var log bytes.Buffer
		answer := post(test.vendor.handler(&log), test.path, test.signature, strings.NewReader("{}"))
		if answer.Code != test.status {
			t.Errorf("%s: answered %d, want %d", name, answer.Code, test.status)
		}
		if wait := answer.Header().Get("Retry-After") != ""; wait != (test.status == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After %q with %d", name, answer.Header().Get("Retry-After"), answer.Code)
		}
		if len(test.vendor.noted) != len(test.noted) || len(test.noted) == 1 && test.vendor.noted[0] != test.noted[0] {
			t.Errorf("%s: noted %v, want %v", name, test.vendor.noted, test.noted)
		}
		if good := test.status == http.StatusNoContent; good != (test.vendor.poked == 1) {
			t.Errorf("%s: poked %d times", name, test.vendor.poked)
		}
		if !strings.Contains(log.String(), test.logged) || test.logged == "" && log.Len() > 0 {
			t.Errorf("%s: logged %q, want %q in it", name, log.String(), test.logged)
		}
	}
}

// unread fails the test when a body is read that must not be.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a delivery to no address was read")
	return 0, io.EOF
}

func TestStrangersCostNothing(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: one}
	h := v.handler(io.Discard)
	for _, path := range []string{"", "\x00", known[:21] + "\x00", "\xff", known + "/", "../" + known, known + " ", known + "a", known[:21], "ｋ" + known[1:]} {
		if answer := post(h, path, "secret", unread{t}); answer.Code != http.StatusUnauthorized {
			t.Errorf("%q: answered %d, want 401", path, answer.Code)
		}
	}
	if len(v.asked) != 0 {
		t.Errorf("the database was asked for %q, which are no addresses", v.asked)
	}
	if answer := post(h, unknown, "secret", unread{t}); answer.Code != http.StatusUnauthorized || len(v.asked) != 1 {
		t.Errorf("an unknown address: answered %d after %q", answer.Code, v.asked)
	}
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	h := (&vendor{receive: one}).handler(io.Discard)
	for size, want := range map[int]int{8 << 20: http.StatusNoContent, 8<<20 + 1: http.StatusRequestEntityTooLarge} {
		if answer := post(h, known, "secret", bytes.NewReader(make([]byte, size))); answer.Code != want {
			t.Errorf("%d bytes: answered %d, want %d", size, answer.Code, want)
		}
	}
}

// TestBodiesAtOnceAreBounded: with 16 deliveries under way the next is sent away, and let in once one has ended.
func TestBodiesAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	h := (&vendor{receive: one}).handler(io.Discard)
	var slow sync.WaitGroup
	var ends []*io.PipeWriter
	for range 16 {
		body, end := io.Pipe()
		ends = append(ends, end)
		slow.Go(func() { post(h, known, "wrong", body) })
		if _, err := end.Write([]byte("{")); err != nil { // returns once the body is being read
			t.Fatal(err)
		}
	}
	answer := post(h, known, "secret", unread{t})
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("the 17th delivery was answered %d, want 503 with Retry-After", answer.Code)
	}
	for _, end := range ends {
		_ = end.Close()
	}
	slow.Wait()
	if answer := post(h, known, "secret", strings.NewReader("{}")); answer.Code != http.StatusNoContent {
		t.Errorf("after the others: answered %d, want 204", answer.Code)
	}
}
