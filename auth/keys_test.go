package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

func TestKeysAreMadeOnceAndSealed(t *testing.T) {
	t.Parallel()
	clock, mem := newClock(), newMemory()
	one := newRigAt(t, clock, mem, clock.now, nil)
	two := newRigAt(t, clock, mem, clock.now, nil)
	if len(mem.keys) != 1 {
		t.Fatalf("%d keys", len(mem.keys))
	}
	two.principal(one.with(audit.ScopeActivitiesRead))
	key := mem.keys[0]
	if raw, err := base64.RawURLEncoding.DecodeString(key.KID); err != nil || len(raw) != 16 {
		t.Errorf("kid %q", key.KID)
	}
	if _, err := labels("deployment").Open(key.Sealed, sealPurpose, "another kid"); err == nil {
		t.Error("sealed for no particular key")
	}
}

func TestKeysOfAnotherKeyFile(t *testing.T) {
	t.Parallel()
	clock, mem := newClock(), newMemory()
	newRigAt(t, clock, mem, clock.now, nil)
	_, err := OpenKeys(t.Context(), mem, labels("another"), clock.now)
	if err == nil || !strings.Contains(err.Error(), "ANNALS_KEY_FILE") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*audit.SigningKey){
		"swapped public key": func(key *audit.SigningKey) { key.Public = bytes.Repeat([]byte{1}, ed25519.PublicKeySize) },
		"short public key":   func(key *audit.SigningKey) { key.Public = key.Public[1:] },
		"short private key":  func(key *audit.SigningKey) { key.Sealed = key.Sealed[:len(key.Sealed)-1] },
	} {
		clock, mem := newClock(), newMemory()
		newRigAt(t, clock, mem, clock.now, nil)
		damage(mem.keys[0])
		if _, err := OpenKeys(t.Context(), mem, labels("deployment"), clock.now); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	clock, mem := newClock(), newMemory()
	r := newRigAt(t, clock, mem, clock.now, nil)
	replica := newRigAt(t, clock, mem, clock.now, nil)
	clock.advance(keyLife - time.Hour)
	old, _ := r.operator(NewAPIToken{Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: audit.Duration(MaxLife)})
	clock.advance(time.Hour)
	next := r.with(audit.ScopeActivitiesRead)
	if len(mem.keys) != 2 || segment(t, old, 0)["kid"] == segment(t, next, 0)["kid"] {
		t.Fatalf("%d keys: the old one still signs", len(mem.keys))
	}
	for name, token := range map[string]string{"old": old, "new": next} { // the replica has not seen the new key yet
		if _, err := replica.Authenticate(t.Context(), token, caller); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	clock.advance(MaxLife - time.Hour - time.Second) // the old token's last second
	r.principal(old)
	if got := len(r.keys.published(t.Context())); got != 2 {
		t.Errorf("%d keys published", got)
	}
	clock.advance(2 * time.Hour)
	if got := len(r.keys.published(t.Context())); got != 1 {
		t.Errorf("%d keys published after the last token of the old one", got)
	}
}

func TestRetiredKeySignsNoMore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.with(audit.ScopeActivitiesRead)
	r.mem.keys[0] = new(*r.mem.keys[0])
	r.mem.keys[0].RetiredAt = new(r.clock.now())
	r.clock.advance(keysFresh)
	next := r.with(audit.ScopeActivitiesRead)
	if segment(t, old, 0)["kid"] == segment(t, next, 0)["kid"] {
		t.Error("a retired key signs")
	}
	r.principal(old)
}

func TestRemovedKeyVerifiesNoMore(t *testing.T) { // the drill after a key leaked
	t.Parallel()
	r := newRig(t)
	token := r.with(audit.ScopeActivitiesRead)
	r.principal(token)
	r.mem.keys = nil
	r.clock.advance(keysFresh)
	r.refused("signed with the removed key", token, "no such key")
	r.principal(r.with(audit.ScopeActivitiesRead))
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answer := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.keys.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/jwks.json", nil))
		return w
	}
	w := answer()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != http.StatusOK || len(set.Keys) != 1 {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	key := set.Keys[0]
	if key["kty"] != "OKP" || key["crv"] != "Ed25519" || key["alg"] != "EdDSA" || key["use"] != "sig" ||
		key["kid"] != r.mem.keys[0].KID || key["x"] != base64.RawURLEncoding.EncodeToString(r.mem.keys[0].Public) || len(key) != 6 {
		t.Errorf("key %v", key)
	}
	if w.Header().Get("Cache-Control") != "public, max-age=300" || w.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("headers %v", w.Header())
	}
	r.mem.setFail(audit.ErrUnavailable)
	r.clock.advance(keysFresh)
	if again := answer(); again.Code != http.StatusOK || again.Body.String() != w.Body.String() {
		t.Errorf("without the store: %d %s", again.Code, again.Body)
	}
}

func TestACallerWhoHangsUpDoesNotSpoilTheKeys(t *testing.T) {
	t.Parallel()
	clock, mem := newClock(), newMemory()
	r := newRigAt(t, clock, mem, clock.now, nil)
	r.keys.store = strict{mem}
	clock.advance(keysFresh)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.keys.public(gone, "unknown"); err != nil {
		t.Errorf("got %v", err)
	}
}

// strict is a KeyStore that minds its context.
type strict struct{ *memory }

func (s strict) SigningKeys(ctx context.Context) ([]*audit.SigningKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.memory.SigningKeys(ctx)
}
