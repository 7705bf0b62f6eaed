package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// ends runs AwaitEnd in a bubble of fake time, does what is given after a minute, and returns how long afterwards the
// wait ended.
func ends(t *testing.T, life time.Duration, viewer bool, do func(*rig, *audit.APIToken)) (after time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, nil, newMemory(), time.Now, nil)
		token, entry := r.operator(NewAPIToken{
			Scopes: []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeViewersWrite}, ExpiresIn: audit.Duration(life),
		})
		if viewer {
			minted, _, err := r.CreateViewerToken(t.Context(), r.principal(token), NewViewerToken{
				Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: audit.Duration(time.Hour),
			})
			if err != nil {
				t.Fatal(err)
			}
			token = minted
		}
		p := r.principal(token)
		ended := make(chan time.Time)
		go func() {
			if err := r.AwaitEnd(t.Context(), p); err != nil {
				t.Error(err)
			}
			ended <- time.Now()
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		began := time.Now()
		do(r, entry)
		after = (<-ended).Sub(began)
	})
	return after
}

func revokeAt(r *rig, entry *audit.APIToken) {
	// Another replica does it: this one has to find out.
	_, _ = r.mem.RevokeToken(context.Background(), entry.Tenant, entry.JTI, true, "someone", time.Now())
}

func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		life        time.Duration
		viewer      bool
		do          func(*rig, *audit.APIToken)
		least, most time.Duration
	}{
		"revoked":        {2 * time.Hour, false, revokeAt, 0, 5 * time.Second},
		"parent revoked": {2 * time.Hour, true, revokeAt, 0, 5 * time.Second},
		"expires":        {2 * time.Hour, false, func(*rig, *audit.APIToken) {}, 2*time.Hour - time.Minute, 2*time.Hour - time.Minute},
		"viewer expires": {2 * time.Hour, true, func(*rig, *audit.APIToken) {}, time.Hour - time.Minute, time.Hour - time.Minute},
		"store goes away": {
			2 * time.Hour, false, func(r *rig, _ *audit.APIToken) { r.mem.setFail(audit.ErrUnavailable) }, 2 * time.Second, 5 * time.Second,
		},
		"store goes away for a moment, then revoked": {
			2 * time.Hour, false, func(r *rig, entry *audit.APIToken) {
				r.mem.setFail(audit.ErrUnavailable)
				time.Sleep(2 * time.Second)
				r.mem.setFail(nil)
				time.Sleep(time.Hour)
				revokeAt(r, entry)
			}, time.Hour, time.Hour + 7*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if after := ends(t, tc.life, tc.viewer, tc.do); after < tc.least || after > tc.most {
				t.Errorf("ended after %v, want %v to %v", after, tc.least, tc.most)
			}
		})
	}
}

func TestAwaitEndHeedsTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, nil, newMemory(), time.Now, nil)
		p := r.principal(r.with(audit.ScopeActivitiesRead))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.AwaitEnd(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestLookUpsAreFew holds what a thousand requests and sockets of one token cost the store.
func TestLookUpsAreFew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.with(audit.ScopeActivitiesRead)
	p := r.principal(token)
	for range 1000 {
		r.principal(token)
		if err := r.Alive(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if r.mem.asked != 1 {
		t.Errorf("asked %d times", r.mem.asked)
	}
	r.clock.advance(entryLife)
	r.principal(token)
	if r.mem.asked != 2 {
		t.Errorf("asked %d times in all", r.mem.asked)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := &Principal{Tenant: tenantA, Kind: audit.TokenAPI}
	addr := caller
	for i := range maxEntries + 10 {
		jti := string(rune('a'+i%26)) + time.Duration(i).String()
		if entry, err := r.entries.get(t.Context(), tenantA.Number, jti); entry != nil || err != nil {
			t.Fatal(entry, err)
		}
		p.entry = jti
		r.uses.note(p, addr, r.clock.now())
		r.failures.note(addr, r.clock.now())
		addr = addr.Next()
	}
	if len(r.entries.known) > maxEntries || len(r.uses.noted) > maxUses || len(r.failures.counts) > maxAddresses {
		t.Errorf("%d entries, %d uses, %d addresses", len(r.entries.known), len(r.uses.noted), len(r.failures.counts))
	}
}
