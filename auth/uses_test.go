package auth

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, nil, newMemory(), time.Now, nil)
		token, entry := r.operator(NewAPIToken{Scopes: []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeViewersWrite}})
		viewer, _, err := r.CreateViewerToken(t.Context(), r.principal(token), NewViewerToken{
			Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1),
		})
		if err != nil {
			t.Fatal(err)
		}
		first := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		for range 150 { // seconds
			if _, err := r.Authenticate(t.Context(), token, netip.MustParseAddr("::ffff:192.0.2.9")); err != nil {
				t.Fatal(err)
			}
			r.principal(viewer)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if len(r.mem.touched) != 3 {
			t.Fatalf("written %d times", len(r.mem.touched))
		}
		for i, used := range r.mem.touched {
			if used.Tenant != tenantA.Number || used.JTI != entry.JTI || used.LastUsedAt.Sub(first) != time.Duration(i)*time.Minute {
				t.Errorf("use %d: %+v", i, used)
			}
		}
		if first, second := r.mem.touched[0].LastUsedIP, r.mem.touched[1].LastUsedIP; first != "192.0.2.7" || second != "192.0.2.9" {
			t.Errorf("addresses %s and %s", first, second)
		}
		time.Sleep(time.Minute)
		r.principal(token)
		cancel()
		if err := <-done; err != nil || len(r.mem.touched) != 4 {
			t.Errorf("at the end: %v, written %d times", err, len(r.mem.touched))
		}
	})
}

func TestLastUseNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, nil, newMemory(), time.Now, nil)
		token := r.with(audit.ScopeActivitiesRead)
		r.principal(token)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		r.mem.setFail(audit.ErrUnavailable)
		time.Sleep(writeEvery + time.Second)
		if !strings.Contains(r.log.String(), "last use of tokens not written") {
			t.Error("not logged")
		}
		r.mem.setFail(nil)
		time.Sleep(time.Minute)
		r.principal(token)
		r.mem.setFail(audit.ErrUnavailable)
		cancel()
		if err := <-done; err == nil {
			t.Error("the last write failed in silence")
		}
	})
}
