package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

func TestGroupTellsTheFirstFailureAlone(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	g := newGroup(t.Context(), failed)
	g.start("ending well", func(context.Context) error { return nil })
	g.start("being shut down", func(context.Context) error { return http.ErrServerClosed })
	g.running.Wait()
	if len(failed) != 0 {
		t.Fatalf("an end in good order is told: %v", <-failed)
	}
	broken := errors.New("broken")
	for range 3 { // more than anybody waits for
		g.start("working", func(context.Context) error { return broken })
	}
	g.running.Wait()
	if err := <-failed; !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "working: ") {
		t.Errorf("told %v, want what failed and why", err)
	}
}

func TestGroupStopWaitsAndIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		g := newGroup(t.Context(), failed)
		ended := false
		g.start("working", func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
		synctest.Wait()
		if g.stop(); !ended || len(failed) != 0 {
			t.Errorf("after stop it has ended: %v, failures: %d", ended, len(failed))
		}
	})
}

func TestIntakeIsClosedWhileStopping(t *testing.T) {
	t.Parallel()
	taken := 0
	s := &server{}
	intake := s.intake(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken++ }))
	deliver := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		intake.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/x", nil))
		return w
	}
	if w := deliver(); w.Code != http.StatusOK || taken != 1 {
		t.Fatalf("before: status %d, %d taken", w.Code, taken)
	}
	s.closing.Store(true)
	if w := deliver(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || taken != 1 {
		t.Errorf("while stopping: status %d, headers %v, %d taken, want 503 and when to come back", w.Code, w.Header(), taken)
	}
}
