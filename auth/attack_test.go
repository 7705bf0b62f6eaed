package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annals/audit"
)

// forger makes tokens of any kind with the deployment's own key: the checks stand alone, without the signature's help.
type forger struct {
	*rig
	token  string // a valid one
	header map[string]any
	claims map[string]any
	key    crypto.PrivateKey
}

func newForger(t testing.TB) *forger {
	r := newRig(t)
	token := r.with(audit.ScopeActivitiesRead, audit.ScopeViewersWrite)
	_, key, err := r.keys.signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &forger{rig: r, token: token, header: segment(t, token, 0), claims: segment(t, token, 1), key: key}
}

// change is what a forged token has otherwise; a nil value takes a name away.
type change map[string]any

func (c change) of(object map[string]any) string {
	object = maps.Clone(object)
	for name, value := range c {
		if object[name] = value; value == nil {
			delete(object, name)
		}
	}
	content, _ := json.Marshal(object)
	return encode(string(content))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func (f *forger) forge(header, claims change) string {
	f.t.Helper()
	return f.sign(jwt.SigningMethodEdDSA, f.key, header.of(f.header)+"."+claims.of(f.claims))
}

func (f *forger) sign(method jwt.SigningMethod, key any, text string) string {
	f.t.Helper()
	signature, err := method.Sign(text, key)
	if err != nil {
		f.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestForgerMakesValidTokens(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	f.principal(f.token)
	f.principal(f.forge(nil, nil)) // otherwise the tests below prove nothing
	f.principal(f.forge(nil, f.viewer(nil)))
	f.principal(f.forge(change{"typ": "AT+JWT"}, nil))
	f.principal(f.forge(change{"typ": "application/at+jwt"}, nil))
	f.principal(f.forge(nil, change{"scope": "activities:read future:scope"}))
	f.principal(f.forge(nil, change{"iat": f.clock.now().Add(29 * time.Second).Unix()}))
}

// viewer changes the claims to those of a viewer token, and then as given.
func (f *forger) viewer(more change) change {
	jti := f.claims["jti"].(string)
	c := change{
		"sub": "viewer:" + jti + "/jane", "par": jti, "jti": "another", "exp": f.clock.now().Add(time.Hour).Unix(),
		"scope": "activities:read",
	}
	maps.Copy(c, more)
	return c
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	public := f.key.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(alg string) string { return change{"alg": alg}.of(f.header) + "." + change(nil).of(f.claims) }
	for name, token := range map[string]string{
		"none":                          with("none") + ".",
		"None":                          with("None") + ".",
		"none with the signature":       with("none") + "." + strings.Split(f.token, ".")[2],
		"no alg":                        change{"alg": nil}.of(f.header) + "." + change(nil).of(f.claims) + ".",
		"signature left out":            f.token[:strings.LastIndex(f.token, ".")+1],
		"HS256 with the public key":     f.sign(jwt.SigningMethodHS256, []byte(public), with("HS256")),
		"HS512 with the public key":     f.sign(jwt.SigningMethodHS512, []byte(public), with("HS512")),
		"HS256 with its text":           f.sign(jwt.SigningMethodHS256, []byte(base64.RawURLEncoding.EncodeToString(public)), with("HS256")),
		"HS256 with an empty key":       f.sign(jwt.SigningMethodHS256, []byte{}, with("HS256")),
		"RS256":                         f.sign(jwt.SigningMethodRS256, other, with("RS256")),
		"PS256":                         f.sign(jwt.SigningMethodPS256, other, with("PS256")),
		"ES256":                         f.sign(jwt.SigningMethodES256, curve, with("ES256")),
		"EdDSA with another key":        f.sign(jwt.SigningMethodEdDSA, foreign, with("EdDSA")),
		"says RS256, signed with EdDSA": f.sign(jwt.SigningMethodEdDSA, f.key, with("RS256")),
		"says Ed25519":                  f.sign(jwt.SigningMethodEdDSA, f.key, with("Ed25519")),
		"says eddsa":                    f.sign(jwt.SigningMethodEdDSA, f.key, with("eddsa")),
	} {
		f.refused(name, token, "token refused")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	for name, header := range map[string]change{
		"jku":                {"jku": "https://example.com/jwks.json"},
		"jwk":                {"jwk": map[string]string{"kty": "oct", "k": "AA"}},
		"x5u":                {"x5u": "https://example.com/cert.pem"},
		"x5c":                {"x5c": []string{"MIIB"}},
		"crit":               {"crit": []string{"exp"}},
		"empty crit":         {"crit": []string{}},
		"zip":                {"zip": "DEF"},
		"nested":             {"cty": "JWT"},
		"anything else":      {"x": 1},
		"typ JWT":            {"typ": "JWT"},
		"no typ":             {"typ": nil},
		"typ of an ID token": {"typ": "id+jwt"},
		"typ with a suffix":  {"typ": "at+jwt;v=1"},
		"typ a number":       {"typ": 1},
		"no kid":             {"kid": nil},
		"kid a number":       {"kid": 1},
		"kid a list":         {"kid": []string{f.header["kid"].(string)}},
	} {
		f.refused(name, f.forge(header, nil), "token refused")
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	kid := f.header["kid"].(string)
	listed := f.mem.listed
	for _, injected := range []string{
		"../../../../dev/null",
		"/proc/self/environ",
		"file:///etc/passwd",
		"https://example.com/jwks.json",
		"' OR '1'='1",
		"'; DROP TABLE signing_keys; --",
		"1 UNION SELECT public FROM signing_keys",
		"$(cat /etc/passwd)",
		"`id`",
		"%2e%2e%2f" + kid,
		kid + "\x00",
		" " + kid,
		strings.ToLower(kid) + strings.ToUpper(kid),
		"{\"$ne\": null}",
		"${jndi:ldap://192.0.2.1/a}",
		strings.Repeat("A", 2000),
	} {
		f.refused(injected[:min(len(injected), 20)], f.forge(change{"kid": injected}, nil), "no such key")
	}
	// Each is 4 s apart, so each may look once; what was asked for never reaches the store.
	if looks := f.mem.listed - listed; looks > 17 {
		t.Errorf("the store was asked %d times", looks)
	}
}

func TestUnknownKeyIDsDoNotFloodTheStore(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	listed := f.mem.listed
	token := f.forge(change{"kid": "unknown"}, nil)
	for range 1000 {
		if _, err := f.Authenticate(t.Context(), token, caller); err == nil {
			t.Fatal("accepted")
		}
	}
	if f.mem.listed != listed {
		t.Errorf("the store was asked %d times right after it was", f.mem.listed-listed)
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	now := f.clock.now()
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	jti := f.claims["jti"].(string)
	for name, tc := range map[string]struct {
		claims change
		reason string
	}{
		"another audience":          {change{"aud": "other"}, "invalid audience"},
		"two audiences":             {change{"aud": []string{"annals", "other"}}, "could not JSON decode claim"},
		"a list of one":             {change{"aud": []string{"annals"}}, "could not JSON decode claim"},
		"audience in another case":  {change{"aud": "Annals"}, "invalid audience"},
		"no audience":               {change{"aud": nil}, "aud claim is required"},
		"another issuer":            {change{"iss": "https://evil.example.com"}, "unknown issuer"},
		"issuer with a slash":       {change{"iss": testIssuer + "/"}, "unknown issuer"},
		"no issuer":                 {change{"iss": nil}, "unknown issuer"},
		"issuer a list":             {change{"iss": []string{testIssuer}}, "iss is no text"},
		"no end":                    {change{"exp": nil}, "exp claim is required"},
		"end a text":                {change{"exp": "tomorrow"}, "could not JSON decode claim"},
		"lives too long":            {change{"exp": in(MaxLife + time.Second)}, "lives too long"},
		"issued long ago":           {change{"iat": in(-MaxLife), "exp": in(time.Hour)}, "lives too long"},
		"no begin":                  {change{"iat": nil}, "no iat"},
		"begins later":              {change{"nbf": in(time.Hour)}, "not valid yet"},
		"issued later":              {change{"iat": in(time.Hour), "exp": in(2 * time.Hour)}, "used before issued"},
		"another tenant":            {change{"tid": "815"}, "no such token"},
		"tenant a number":           {change{"tid": 4711}, "could not JSON decode claim"},
		"tenant by name":            {change{"tid": "default"}, "tid is no number"},
		"no tenant":                 {change{"tid": nil}, "tid is no number"},
		"unknown jti":               {change{"jti": "unknown", "sub": "token:unknown"}, "no such token"},
		"no jti":                    {change{"jti": nil}, "no jti"},
		"another subject":           {change{"sub": "token:another"}, "not the claims of an API token"},
		"no subject":                {change{"sub": nil}, "not the claims of an API token"},
		"no scope":                  {change{"scope": nil}, "no scope"},
		"empty scope":               {change{"scope": ""}, "no scope"},
		"blank scope":               {change{"scope": "  "}, "no scope"},
		"unknown scope":             {change{"scope": "everything:write"}, "no scope"},
		"all scopes":                {change{"scope": "*"}, "no scope"},
		"scope of the API":          {change{"scope": "ACTIVITIES_READ"}, "no scope"},
		"scope not of the entry":    {change{"scope": "tokens:write"}, "no scope"},
		"restricted":                {change{"restriction": github()}, "not the claims of an API token"},
		"viewer of nobody":          {f.viewer(change{"par": "unknown", "sub": "viewer:unknown/jane"}), "no such token"},
		"viewer of another":         {f.viewer(change{"sub": "viewer:unknown/jane"}), "not the subject"},
		"viewer as its parent":      {f.viewer(change{"sub": "token:" + jti}), "not the subject"},
		"viewer that lives long":    {f.viewer(change{"exp": in(time.Hour + time.Second)}), "too long for a viewer"},
		"viewer of another tenant":  {f.viewer(change{"tid": "815"}), "no such token"},
		"viewer that mints":         {f.viewer(change{"scope": "viewers:write"}), "no scope"},
		"unknown restriction":       {f.viewer(change{"restriction": map[string]any{"connectors": 1}}), "unknown field"},
		"unknown condition":         {f.viewer(change{"restriction": map[string]any{"type": map[string]any{"like": "x"}}}), "unknown field"},
		"restriction is a text":     {f.viewer(change{"restriction": "connector:github"}), "reading the restriction"},
		"restriction is a number":   {f.viewer(change{"restriction": 0}), "reading the restriction"},
		"restriction is everything": {f.viewer(change{"restriction": true}), "reading the restriction"},
	} {
		f.refused(name, f.forge(nil, tc.claims), tc.reason)
	}
}

func TestNamesThatStandTwice(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	header, claims := change(nil).of(f.header), change(nil).of(f.claims)
	open := func(encoded string) string {
		content, _ := base64.RawURLEncoding.DecodeString(encoded)
		return strings.TrimSuffix(string(content), "}")
	}
	for name, text := range map[string]string{
		"tid":               header + "." + encode(open(claims)+`,"tid":"815"}`),
		"same tid":          header + "." + encode(open(claims)+`,"tid":"4711"}`),
		"exp in capitals":   header + "." + encode(open(claims)+`,"EXP":99999999999}`),
		"iss with a long s": header + "." + encode(open(claims)+`,"iſs":"https://evil.example.com"}`),
		"escaped scope":     header + "." + encode(open(claims)+`,"sc\u006fpe":"tokens:write"}`),
		"below":             header + "." + encode(open(claims)+`,"more":[{"a":1,"a":2}]}`),
		"alg":               encode(open(header)+`,"alg":"none"}`) + "." + claims,
		"Alg":               encode(open(header)+`,"Alg":"none"}`) + "." + claims,
		"kid":               encode(open(header)+`,"kid":"x"}`) + "." + claims,
	} {
		f.refused(name, f.sign(jwt.SigningMethodEdDSA, f.key, text), "stands twice")
	}
}

func TestMalformedTokens(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	parts := strings.Split(f.token, ".")
	for name, token := range map[string]string{
		"one segment":        parts[0],
		"two segments":       parts[0] + "." + parts[1],
		"four segments":      f.token + ".",
		"five, as a JWE":     f.token + "..",
		"empty segments":     "..",
		"padded":             parts[0] + "=." + parts[1] + "." + parts[2],
		"blanks inside":      parts[0] + ". " + parts[1] + "." + parts[2],
		"line end inside":    parts[0] + ".\n" + parts[1] + "." + parts[2],
		"slack bits":         parts[0] + "." + parts[1] + "." + slack(parts[2]),
		"header no object":   encode("[]") + "." + parts[1] + "." + parts[2],
		"header null":        encode("null") + "." + parts[1] + "." + parts[2],
		"header twice":       encode("{}{}") + "." + parts[1] + "." + parts[2],
		"claims no object":   parts[0] + "." + encode(`"x"`) + "." + parts[2],
		"claims are a token": f.sign(jwt.SigningMethodEdDSA, f.key, parts[0]+"."+encode(f.token)),
		"prefixed":           "annals_" + f.token,
		"another scheme":     "Basic " + f.token,
		"two schemes":        "Bearer Bearer " + f.token,
		"two tokens":         f.token + ", " + f.token,
		"as JSON":            `{"token":"` + f.token + `"}`,
		"not UTF-8":          "\xff\xfe." + parts[1] + "." + parts[2],
	} {
		f.refused(name, token, "token refused")
	}
}

// slack sets the unused bits of the last character: another text for the same bytes.
func slack(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return segment[:len(segment)-1] + string(alphabet[last|1])
}

func TestBigTokensCostLittle(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	for name, token := range map[string]string{
		"1 MiB of dots":  strings.Repeat(".", 1<<20),
		"4 KiB of dots":  strings.Repeat(".", maxTokenBytes),
		"1 MiB of text":  strings.Repeat("A", 1<<20),
		"too long":       f.forge(nil, change{"more": strings.Repeat("x", maxTokenBytes)}),
		"4 KiB of lists": encode(strings.Repeat("[", 3000)) + ".e30.x",
		"lists inside":   encode(`{"a":`+strings.Repeat("[", 1400)+strings.Repeat("]", 1400)+`}`) + ".e30.x",
	} {
		credentials := "Bearer " + token
		f.refused(name, credentials, "token refused")
		fastest := time.Hour // of several, since other tests share the processor
		for range 20 {
			start := time.Now()
			_, _ = f.Authenticate(t.Context(), credentials, caller)
			fastest = min(fastest, time.Since(start))
		}
		if fastest > 2*time.Millisecond {
			t.Errorf("%s: took %v", name, fastest)
		}
		f.clock.advance(failureWindow)
	}
}

func TestFailuresAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.with(audit.ScopeActivitiesRead)
	for range maxFailures {
		if _, err := r.Authenticate(t.Context(), "bad", caller); !errors.Is(err, ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	r.clock.advance(20 * time.Second)
	_, err := r.Authenticate(t.Context(), "bad", caller)
	if limited, ok := errors.AsType[*RateLimitedError](err); !ok || limited.RetryAfter != 40*time.Second {
		t.Fatalf("got %v", err)
	}
	r.principal(good) // a neighbour behind the same address
	if _, err := r.Authenticate(t.Context(), "bad", caller.Next()); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("another address: %v", err)
	}
	for range 100 {
		if _, err := r.Authenticate(t.Context(), " ", caller); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("no token at all counts: %v", err)
		}
	}
	r.clock.advance(40 * time.Second)
	if _, err := r.Authenticate(t.Context(), "bad", caller); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a minute later: %v", err)
	}
}
