package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annals/audit"
)

const idpIssuer = "https://idp.example.com/realm"

// idp is an external issuer with its JWKS server.
type idp struct {
	*rig
	private map[string]crypto.Signer
	asked   atomic.Int32
	serve   atomic.Pointer[http.HandlerFunc] // instead of the keys
	keys    atomic.Pointer[[]map[string]string]
}

func newIDP(t *testing.T, change func(*ExternalIssuer)) *idp {
	t.Helper()
	p := &idp{private: map[string]crypto.Signer{}}
	p.addKeys(t, "rsa", "ec", "ed", "weak")
	server := httptest.NewTLSServer(http.HandlerFunc(p.answer))
	t.Cleanup(server.Close)
	config := ExternalIssuer{
		Issuer: idpIssuer, JWKSURL: server.URL + "/keys", Audience: "annals-api",
		Algorithms: []string{"RS256", "ES256", "EdDSA"}, Tenant: tenantA.Name,
		Scopes:  []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeSchemaRead, audit.ScopeTokensWrite},
		MaxLife: hours(1),
	}
	if change != nil {
		change(&config)
	}
	clock := newClock()
	external, err := OpenExternal(t.Context(), ExternalOptions{
		Issuers: []ExternalIssuer{config}, Client: server.Client(), Now: clock.now, Log: slog.New(slog.DiscardHandler),
		Tenant: func(_ context.Context, name string) (*audit.Tenant, error) {
			if name != tenantA.Name {
				return nil, audit.ErrNotFound
			}
			return new(tenantA), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.rig = newRigAt(t, clock, newMemory(), clock.now, external)
	return p
}

func (p *idp) answer(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	if serve := p.serve.Load(); serve != nil {
		(*serve)(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": *p.keys.Load()})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// addKeys makes keys that are named for their kind, beside a symmetric one that no issuer should publish.
func (p *idp) addKeys(t *testing.T, kids ...string) {
	t.Helper()
	list := []map[string]string{{"kty": "oct", "kid": "oct", "k": b64([]byte("0123456789abcdef0123456789abcdef"))}}
	for _, kid := range kids {
		var private crypto.Signer
		var err error
		switch strings.Trim(kid, "2") {
		case "rsa":
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		case "weak":
			private, err = rsa.GenerateKey(rand.Reader, 1024)
		case "ec":
			private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case "ed":
			_, private, err = ed25519.GenerateKey(rand.Reader)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.private[kid] = private
		list = append(list, publicJWK(t, kid, private.Public()))
	}
	p.keys.Store(&list)
}

func publicJWK(t *testing.T, kid string, public crypto.PublicKey) map[string]string {
	t.Helper()
	switch key := public.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "kid": kid, "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": b64(key)}
	}
	t.Fatalf("no JWK of %T", public)
	return nil
}

// token signs with the key of a kid. header and claims change what is usual.
func (p *idp) token(method jwt.SigningMethod, kid string, header, claims change) string {
	p.t.Helper()
	now := p.clock.now()
	h := map[string]any{"alg": method.Alg(), "kid": kid, "typ": "JWT"}
	c := map[string]any{
		"iss": idpIssuer, "aud": "annals-api", "sub": "00u1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"scope": "openid activities:read",
	}
	text := header.of(h) + "." + claims.of(c)
	signature, err := method.Sign(text, p.private[kid])
	if err != nil {
		p.t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func TestExternalTokens(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	for name, token := range map[string]string{
		"RS256":         p.token(jwt.SigningMethodRS256, "rsa", nil, nil),
		"ES256":         p.token(jwt.SigningMethodES256, "ec", nil, nil),
		"EdDSA":         p.token(jwt.SigningMethodEdDSA, "ed", nil, nil),
		"at+jwt":        p.token(jwt.SigningMethodRS256, "rsa", change{"typ": "at+jwt"}, nil),
		"no typ":        p.token(jwt.SigningMethodRS256, "rsa", change{"typ": nil, "x5t": "abc"}, nil),
		"audiences":     p.token(jwt.SigningMethodRS256, "rsa", nil, change{"aud": []string{"other", "annals-api"}}),
		"list of scp":   p.token(jwt.SigningMethodRS256, "rsa", nil, change{"scope": nil, "scp": []string{"openid", "activities:read"}}),
		"scp as a text": p.token(jwt.SigningMethodRS256, "rsa", nil, change{"scope": nil, "scp": "activities:read openid"}),
		"too much":      p.token(jwt.SigningMethodRS256, "rsa", nil, change{"scope": "activities:read tokens:read viewers:write *"}),
		"our claims":    p.token(jwt.SigningMethodRS256, "rsa", nil, change{"tid": "815", "par": "x", "jti": "x"}),
		"clock ahead":   p.token(jwt.SigningMethodRS256, "rsa", nil, change{"iat": p.clock.now().Add(29 * time.Second).Unix()}),
	} {
		got := p.principal(token)
		if got.Tenant != tenantA || got.Subject != "external:"+idpIssuer+"#00u1" || got.Kind != audit.TokenExternal ||
			got.Restriction != nil || !slices.Equal(got.Scopes, []audit.Scope{audit.ScopeActivitiesRead}) ||
			!got.ExpiresAt.Equal(p.clock.now().Add(time.Hour)) {
			t.Errorf("%s: principal %+v", name, got)
		}
	}
	if asked := p.asked.Load(); asked != 1 {
		t.Errorf("the keys were fetched %d times", asked)
	}
}

func TestExternalTokensRefused(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	now := p.clock.now()
	rs256 := func(header, claims change) string { return p.token(jwt.SigningMethodRS256, "rsa", header, claims) }
	kid, own, err := p.Authority.keys.signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.private[kid] = own
	for name, tc := range map[string]struct{ token, reason string }{
		"another audience":    {rs256(nil, change{"aud": "annals"}), "invalid audience"},
		"unknown issuer":      {rs256(nil, change{"iss": "https://idp.example.com"}), "unknown issuer"},
		"no issuer":           {rs256(nil, change{"iss": nil}), "unknown issuer"},
		"no end":              {rs256(nil, change{"exp": nil}), "exp claim is required"},
		"expired":             {rs256(nil, change{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-31 * time.Second).Unix()}), "expired"},
		"no begin":            {rs256(nil, change{"iat": nil}), "no iat"},
		"lives too long":      {rs256(nil, change{"exp": now.Add(time.Hour + time.Second).Unix()}), "lives too long"},
		"begins later":        {rs256(nil, change{"nbf": now.Add(time.Hour).Unix()}), "not valid yet"},
		"no subject":          {rs256(nil, change{"sub": nil}), "no subject"},
		"odd subject":         {rs256(nil, change{"sub": "a\nb"}), "an odd one"},
		"long subject":        {rs256(nil, change{"sub": strings.Repeat("x", 256)}), "an odd one"},
		"no scope":            {rs256(nil, change{"scope": nil}), "no scope"},
		"other scopes":        {rs256(nil, change{"scope": "openid profile"}), "no scope"},
		"scope beyond":        {rs256(nil, change{"scope": "integrations:write"}), "no scope"},
		"scope a number":      {rs256(nil, change{"scope": 1}), "could not JSON decode claim"},
		"restricted":          {rs256(nil, change{"restriction": map[string]any{"connector": map[string]any{"in": []string{"github"}}}}), "a restriction"},
		"empty restriction":   {rs256(nil, change{"restriction": map[string]any{}}), "a restriction"},
		"ID token":            {rs256(change{"typ": "id+jwt"}, nil), "typ is not"},
		"logout token":        {rs256(change{"typ": "logout+jwt"}, nil), "typ is not"},
		"jku":                 {rs256(change{"jku": "https://evil.example.com"}, nil), "header jku"},
		"jwk":                 {rs256(change{"jwk": 1}, nil), "header jwk"},
		"x5u":                 {rs256(change{"x5u": "https://evil.example.com"}, nil), "header x5u"},
		"crit":                {rs256(change{"crit": []string{}}, nil), "header crit"},
		"nested":              {rs256(change{"cty": "JWT"}, nil), "header cty"},
		"no kid":              {rs256(change{"kid": nil}, nil), "no kid"},
		"key of another kind": {rs256(change{"kid": "ec"}, nil), "key is of invalid type"},
		"symmetric key":       {rs256(change{"kid": "oct"}, nil), "key is of invalid type"},
		"weak key":            {p.token(jwt.SigningMethodRS256, "weak", nil, nil), "key too short"},
		"not listed":          {p.token(jwt.SigningMethodPS256, "rsa", nil, nil), "signing method PS256 is invalid"},
		"none":                {rs256(change{"alg": "none"}, nil), "signing method none is invalid"},
		"HS256 with the symmetric key": {
			p.symmetric([]byte("0123456789abcdef0123456789abcdef"), "oct"), "signing method HS256 is invalid",
		},
		"HS256 with a public key": {
			p.symmetric(p.private["rsa"].Public().(*rsa.PublicKey).N.Bytes(), "rsa"), "signing method HS256 is invalid",
		},
		"says it is ours":        {p.token(jwt.SigningMethodEdDSA, "ed", change{"typ": "at+jwt"}, change{"iss": testIssuer, "aud": "annals"}), "no such key"},
		"ours says it is theirs": {p.token(jwt.SigningMethodEdDSA, kid, nil, nil), "key not found"},
	} {
		p.refused(name, tc.token, tc.reason)
	}
}

func (p *idp) symmetric(key []byte, kid string) string {
	p.t.Helper()
	text := p.token(jwt.SigningMethodRS256, "rsa", change{"alg": "HS256", "kid": kid}, nil)
	text = text[:strings.LastIndex(text, ".")]
	signature, err := jwt.SigningMethodHS256.Sign(text, key)
	if err != nil {
		p.t.Fatal(err)
	}
	return text + "." + b64(signature)
}

func TestExternalTokenHasNoEntryAndEndsWithItsTime(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	principal := p.principal(p.token(jwt.SigningMethodRS256, "rsa", nil, change{"scope": "activities:read tokens:write"}))
	if err := p.Alive(t.Context(), principal); err != nil || p.mem.asked != 0 {
		t.Errorf("alive: %v, asked %d times", err, p.mem.asked)
	}
	token, entry, err := p.CreateAPIToken(t.Context(), principal, NewAPIToken{
		Name: "child", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: audit.Duration(time.Minute),
	})
	if err != nil || entry.Parent != "" || entry.CreatedBy != principal.Subject {
		t.Errorf("entry %+v, %v", entry, err)
	}
	p.principal(token)
	_, _, err = p.CreateViewerToken(t.Context(), principal, NewViewerToken{
		Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: audit.Duration(time.Minute),
	})
	expectProblem(t, "viewer of an external token", err, audit.CodeConflict)
	p.clock.advance(time.Hour)
	if err := p.Alive(t.Context(), principal); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("alive after its end: %v", err)
	}
}

func TestIssuerChangesItsKeys(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	old := p.token(jwt.SigningMethodEdDSA, "ed", nil, nil)
	p.principal(old)
	p.addKeys(t, "ed2")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Authenticate(gone, p.token(jwt.SigningMethodEdDSA, "ed2", nil, nil), caller); err != nil {
		t.Errorf("a caller who hung up wasted the request: %v", err)
	}
	p.refused("removed key", old, "failed to wait")
	asked := p.asked.Load()
	for range 100 {
		if _, err := p.Authenticate(t.Context(), p.token(jwt.SigningMethodEdDSA, "ed2", change{"kid": "unknown"}, nil), caller); err == nil {
			t.Fatal("accepted")
		}
	}
	if p.asked.Load() != asked || asked != 2 {
		t.Errorf("asked %d and %d times", asked, p.asked.Load())
	}
}

func TestIssuerAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Close()
	clock := newClock()
	external, err := OpenExternal(t.Context(), ExternalOptions{
		Issuers: []ExternalIssuer{{Issuer: idpIssuer, JWKSURL: server.URL, Algorithms: []string{"RS256"}}},
		Client:  server.Client(), Now: clock.now, Log: slog.New(slog.DiscardHandler),
		Tenant: func(context.Context, string) (*audit.Tenant, error) { return new(tenantA), nil },
	})
	if err != nil || !external.issues(idpIssuer) {
		t.Fatalf("got %v", err)
	}
}

func TestEndlessKeysAreCutOff(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	var sent atomic.Int64
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"`)
		for {
			n, err := io.WriteString(w, strings.Repeat("x", 64<<10))
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})
	p.serve.Store(&endless)
	p.refused("unknown", p.token(jwt.SigningMethodEdDSA, "ed", change{"kid": "unknown"}, nil), "token refused")
	p.principal(p.token(jwt.SigningMethodEdDSA, "ed", nil, nil)) // the keys known before stay
	if sent.Load() > 32<<20 {
		t.Errorf("%d bytes were sent", sent.Load())
	}
}

func TestUnknownTenantOfAnIssuer(t *testing.T) {
	t.Parallel()
	_, err := OpenExternal(t.Context(), ExternalOptions{
		Issuers: []ExternalIssuer{{Issuer: idpIssuer, Tenant: "nobody"}},
		Tenant:  func(context.Context, string) (*audit.Tenant, error) { return nil, audit.ErrNotFound },
	})
	if !errors.Is(err, audit.ErrNotFound) || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), idpIssuer) {
		t.Errorf("got %v", err)
	}
}

func TestExternalIssuerIsNotOurs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{testIssuer, testIssuer + "/"} {
		_, err := New(Options{Issuer: testIssuer, External: &External{issuers: map[string]*issuer{name: nil}}})
		if err == nil {
			t.Errorf("%s was accepted as an external issuer", name)
		}
	}
}

func TestReadIssuers(t *testing.T) {
	t.Parallel()
	right := map[string]any{
		"issuer": idpIssuer, "jwksUrl": "https://idp.example.com/keys", "audience": "annals-api",
		"algorithms": []string{"RS256"}, "tenant": "default", "scopes": []string{"activities:read"}, "maxLife": "PT1H",
	}
	path := filepath.Join(t.TempDir(), "issuers.json")
	write := func(issuers ...map[string]any) {
		content, err := json.Marshal(issuers)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(right)
	got, err := ReadIssuers(path)
	if err != nil || len(got) != 1 || time.Duration(got[0].MaxLife) != time.Hour || got[0].Scopes[0] != audit.ScopeActivitiesRead {
		t.Fatalf("got %+v, %v", got, err)
	}
	for name, tc := range map[string]struct {
		change map[string]any
		want   string
	}{
		"no issuer":           {map[string]any{"issuer": ""}, "[1].issuer"},
		"issuer with #":       {map[string]any{"issuer": "https://idp.example.com#x"}, "[1].issuer"},
		"same issuer":         {map[string]any{"issuer": idpIssuer}, "[1].issuer stands twice"},
		"plain http":          {map[string]any{"jwksUrl": "http://idp.example.com/keys"}, "[1].jwksUrl"},
		"file":                {map[string]any{"jwksUrl": "file:///etc/passwd"}, "[1].jwksUrl"},
		"no JWKS":             {map[string]any{"jwksUrl": ""}, "[1].jwksUrl"},
		"user in the URL":     {map[string]any{"jwksUrl": "https://u:p@idp.example.com/keys"}, "[1].jwksUrl"},
		"no audience":         {map[string]any{"audience": ""}, "[1].audience"},
		"no algorithm":        {map[string]any{"algorithms": []string{}}, "[1].algorithms"},
		"symmetric algorithm": {map[string]any{"algorithms": []string{"RS256", "HS256"}}, "[1].algorithms"},
		"none":                {map[string]any{"algorithms": []string{"none"}}, "[1].algorithms"},
		"no tenant":           {map[string]any{"tenant": ""}, "[1].tenant"},
		"no scope":            {map[string]any{"scopes": []string{}}, "[1].scopes"},
		"unknown scope":       {map[string]any{"scopes": []string{"*"}}, "[1].scopes"},
		"mints viewers":       {map[string]any{"scopes": []string{"viewers:write"}}, "[1].scopes"},
		"no life":             {map[string]any{"maxLife": "PT0S"}, "[1].maxLife"},
		"long life":           {map[string]any{"maxLife": "P91D"}, "[1].maxLife"},
		"odd life":            {map[string]any{"maxLife": "1h"}, "ISO 8601"},
		"unknown field":       {map[string]any{"jwks": "https://idp.example.com/keys"}, "jwks"},
	} {
		wrong := maps.Clone(right)
		wrong["issuer"] = "https://other.example.com"
		maps.Copy(wrong, tc.change)
		write(right, wrong)
		if _, err := ReadIssuers(path); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "ANNALS_ISSUERS_FILE") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	local := maps.Clone(right)
	local["issuer"], local["jwksUrl"] = "http://127.0.0.1:9000", "http://127.0.0.1:9000/keys"
	write(local)
	if _, err := ReadIssuers(path); err != nil {
		t.Errorf("loopback: %v", err)
	}
	for _, content := range []string{"", "{}", "[] []", "nonsense"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadIssuers(path); err == nil {
			t.Errorf("%q: got %v", content, got)
		}
	}
	if _, err := ReadIssuers(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
