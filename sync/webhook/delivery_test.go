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
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
	"annals/sync/connector"
	"annals/sync/webhook"
)

func TestOnlyPOSTIsTaken(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: one}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		request := httptest.NewRequest(method, "/webhooks/"+known, nil)
		request.Header.Set("Signature", "secret")
		answer := httptest.NewRecorder()
		v.handler(io.Discard).ServeHTTP(answer, request)
		if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: answered %d, allowing %q", method, answer.Code, answer.Header().Get("Allow"))
		}
	}
	if len(v.asked) != 0 || v.recorded != 0 {
		t.Errorf("the database was asked for %q, %d recorded", v.asked, v.recorded)
	}
}

// TestMissesAreAlike: who guesses addresses learns nothing from the answers.
func TestMissesAreAlike(t *testing.T) {
	t.Parallel()
	misses := map[string]*httptest.ResponseRecorder{
		"no address":           post((&vendor{receive: one}).handler(io.Discard), unknown, "secret", strings.NewReader("{}")),
		"no possible address":  post((&vendor{receive: one}).handler(io.Discard), "no/address", "secret", strings.NewReader("{}")),
		"a wrong signature":    post((&vendor{receive: one}).handler(io.Discard), known, "wrong", strings.NewReader("{}")),
		"no signature":         post((&vendor{receive: one}).handler(io.Discard), known, "", strings.NewReader("{}")),
		"unproven and paused":  post((&vendor{receive: one, paused: true}).handler(io.Discard), known, "wrong", strings.NewReader("{}")),
		"what takes no pushes": post((&vendor{receive: one}).withoutReceiver(), known, "secret", strings.NewReader("{}")),
	}
	first := misses["no address"]
	if first.Code != http.StatusUnauthorized {
		t.Errorf("an unknown address: answered %d, want 401", first.Code)
	}
	for what, miss := range misses {
		if miss.Code != first.Code || miss.Body.String() != first.Body.String() || !cmp.Equal(miss.Header(), first.Header()) {
			t.Errorf("%s: %d %q %v, want %d %q %v", what, miss.Code, miss.Body, miss.Header(), first.Code, first.Body, first.Header())
		}
	}
}

// withoutReceiver is a handler whose vendor's code takes no webhooks.
func (v *vendor) withoutReceiver() *webhook.Handler {
	return webhook.New(v, fetchOnly{v}, v.record, time.Now, slog.New(slog.DiscardHandler))
}

type fetchOnly struct{ *vendor }

func (fetchOnly) OpenStored(audit.StoredIntegration) (connector.Opened, audit.Connector, error) {
	return struct{}{}, audit.Connector{}, nil
}

func TestATornBodyIsNotRecorded(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: one}
	torn := io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(io.ErrUnexpectedEOF))
	if answer := post(v.handler(io.Discard), known, "secret", torn); answer.Code != http.StatusBadRequest || v.recorded != 0 {
		t.Errorf("answered %d with %d recorded, want 400 and none", answer.Code, v.recorded)
	}
}

// TestTheBodyIsGivenAsItCame: signatures are made over its bytes.
func TestTheBodyIsGivenAsItCame(t *testing.T) {
	t.Parallel()
	body := "{\"a\" : 1}\r\n\x00\xff"
	var got connector.Delivery
	v := &vendor{receive: func(d connector.Delivery) (connector.Received, error) {
		got = d
		return one(d)
	}}
	post(v.handler(io.Discard), known, "secret", strings.NewReader(body))
	if string(got.Body) != body || got.Header.Get("Signature") != "secret" || time.Since(got.At) > time.Minute {
		t.Errorf("received %q at %s", got.Body, got.At)
	}
}

// TestTheAnswerWaitsForTheCommit: nothing is acknowledged that is not recorded, and nothing twice.
func TestTheAnswerWaitsForTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{receive: one}
		commit := make(chan error)
		h := webhook.New(v, v, func(context.Context, *audit.Integration, string, []audit.Draft) (audit.Receipt, error) {
			return audit.Receipt{}, <-commit
		}, time.Now, slog.New(slog.DiscardHandler))
		for _, test := range []struct {
			commit error
			status int
		}{{nil, http.StatusNoContent}, {errors.New("no space left"), http.StatusServiceUnavailable}} {
			answered := make(chan int, 1)
			go func() { answered <- post(h, known, "secret", strings.NewReader("{}")).Code }()
			synctest.Wait()
			select {
			case status := <-answered:
				t.Fatalf("answered %d before the commit", status)
			default:
			}
			commit <- test.commit
			if status := <-answered; status != test.status {
				t.Errorf("answered %d, want %d", status, test.status)
			}
		}
		if !cmp.Equal(v.noted, []bool{true}) || v.poked != 1 {
			t.Errorf("noted %v, poked %d times: want only the one that was recorded", v.noted, v.poked)
		}
	})
}

// TestPatienceEnds: a vendor waits for ten seconds, and sends again if it is told so before.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{receive: one}
		h := webhook.New(v, v, func(ctx context.Context, _ *audit.Integration, _ string, _ []audit.Draft) (audit.Receipt, error) {
			<-ctx.Done()
			return audit.Receipt{}, ctx.Err()
		}, time.Now, slog.New(slog.DiscardHandler))
		begun := time.Now()
		answer := post(h, known, "secret", strings.NewReader("{}"))
		if took := time.Since(begun); answer.Code != http.StatusServiceUnavailable || took >= 10*time.Second {
			t.Errorf("answered %d after %s, want 503 within ten seconds", answer.Code, took)
		}
	})
}

func TestWhatHoldsNoActivities(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: func(connector.Delivery) (connector.Received, error) { return connector.Received{Feed: "feed"}, nil }}
	answer := post(v.handler(io.Discard), known, "secret", strings.NewReader("{}"))
	if answer.Code != http.StatusNoContent || v.recorded != 0 || v.poked != 0 || !cmp.Equal(v.noted, []bool{true}) {
		t.Errorf("a ping: answered %d, %d recorded, poked %d times, noted %v", answer.Code, v.recorded, v.poked, v.noted)
	}
}

func TestWhatComesAfterTheCommitDoesNotFailIt(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: one}
	var log bytes.Buffer
	h := webhook.New(forgetful{v}, v, v.record, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if answer := post(h, known, "secret", strings.NewReader("{}")); answer.Code != http.StatusNoContent || v.recorded != 1 {
		t.Errorf("answered %d with %d recorded, want 204: the vendor would send it again", answer.Code, v.recorded)
	}
	if strings.Count(log.String(), "level=WARN") != 2 {
		t.Errorf("logged %s, want both failures", log.String())
	}
}

// forgetful is a store that only finds.
type forgetful struct{ *vendor }

var errForgotten = errors.New("forgotten")

func (forgetful) NoteDelivery(context.Context, audit.TenantID, audit.IntegrationID, bool) error {
	return errForgotten
}

func (forgetful) PokeFetches(context.Context, audit.TenantID, audit.IntegrationID) error {
	return errForgotten
}

func TestSecretsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	v := &vendor{receive: one}
	h := webhook.New(v, sealed{v}, v.record, time.Now, slog.New(slog.DiscardHandler))
	if answer := post(h, known, "secret", strings.NewReader("{}")); answer.Code != http.StatusServiceUnavailable || v.recorded != 0 {
		t.Errorf("answered %d with %d recorded, want 503: the operator can mend that", answer.Code, v.recorded)
	}
}

type sealed struct{ *vendor }

func (sealed) WebhookSecrets(context.Context, *audit.Integration) ([]string, error) {
	return nil, errors.New("sealed with another key")
}

// TestSecretsAreNotLogged: neither the address nor what it was signed with.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	v := &vendor{receive: func(connector.Delivery) (connector.Received, error) {
		return connector.Received{}, connector.Fail(connector.Malformed, errors.New("no JSON"))
	}}
	for _, lost := range []error{nil, audit.ErrUnavailable} {
		v.lost = lost
		post(v.handler(&log), known, "secret", strings.NewReader("canary"))
	}
	for _, secret := range []string{known, "secret", "canary"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, log.String())
		}
	}
}
