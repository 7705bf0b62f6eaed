package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"annals/audit"
)

const testIssuer = "https://annals.example.com"

var (
	tenantA = audit.Tenant{Number: 4711, Name: "default"}
	tenantB = audit.Tenant{Number: 815, Name: "other"}
	caller  = netip.MustParseAddr("192.0.2.7")
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)} }

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

// memory is a Store and a KeyStore.
type memory struct {
	mu      sync.Mutex
	tokens  map[entryKey]*audit.APIToken
	keys    []*audit.SigningKey
	touched []*audit.APIToken
	asked   int   // calls of Token
	listed  int   // calls of SigningKeys
	fail    error // of every call
}

func newMemory() *memory { return &memory{tokens: map[entryKey]*audit.APIToken{}} }

func (m *memory) Token(_ context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.fail != nil {
		return nil, m.fail
	}
	token := m.tokens[entryKey{tenant, jti}]
	if token == nil {
		return nil, audit.ErrNotFound
	}
	return new(*token), nil
}

func (m *memory) InsertToken(_ context.Context, token *audit.APIToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if parent := m.tokens[entryKey{token.Tenant, token.Parent}]; token.Parent != "" && (parent == nil || parent.RevokedAt != nil) {
		return audit.ErrNotFound
	}
	m.tokens[entryKey{token.Tenant, token.JTI}] = new(*token)
	return m.fail
}

func (m *memory) RevokeToken(
	_ context.Context, tenant audit.TenantID, jti string, descendants bool, by audit.Text, at time.Time,
) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens[entryKey{tenant, jti}] == nil {
		return 0, audit.ErrNotFound
	}
	return m.revoke(tenant, jti, descendants, by, at), m.fail
}

func (m *memory) revoke(tenant audit.TenantID, jti string, descendants bool, by audit.Text, at time.Time) int {
	count := 0
	if token := m.tokens[entryKey{tenant, jti}]; Status(token, at) == audit.TokenActive {
		token.RevokedAt, token.RevokedBy = &at, by
		count++
	}
	for key, token := range m.tokens {
		if descendants && key.tenant == tenant && token.Parent == jti {
			count += m.revoke(tenant, key.jti, true, by, at)
		}
	}
	return count
}

func (m *memory) TouchTokens(_ context.Context, used []*audit.APIToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touched = append(m.touched, used...)
	return m.fail
}

func (m *memory) SigningKeys(context.Context) ([]*audit.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed++
	return slices.Clone(m.keys), m.fail
}

func (m *memory) InsertSigningKey(_ context.Context, key *audit.SigningKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = append(m.keys, key)
	return m.fail
}

func (m *memory) setFail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// labels is a Sealer that only checks the place.
type labels string

func (l labels) label(purpose string, place []string) []byte {
	return fmt.Appendf(nil, "%s %q %q ", string(l), purpose, place)
}

func (l labels) Seal(plain []byte, purpose string, place ...string) ([]byte, error) {
	return append(l.label(purpose, place), plain...), nil
}

func (l labels) Open(sealed []byte, purpose string, place ...string) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, l.label(purpose, place))
	if !ok {
		return nil, errors.New("sealed otherwise")
	}
	return plain, nil
}

// rig is an Authority with everything around it.
type rig struct {
	*Authority
	t     testing.TB
	clock *clock
	mem   *memory
	log   *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newRig(t testing.TB) *rig {
	clock := newClock()
	return newRigAt(t, clock, newMemory(), clock.now, nil)
}

func newRigAt(t testing.TB, clock *clock, mem *memory, now func() time.Time, external *External) *rig {
	t.Helper()
	keys, err := OpenKeys(t.Context(), mem, labels("deployment"), now)
	if err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	authority, err := New(Options{
		Issuer: testIssuer, Keys: keys, Store: mem, External: external, Now: now,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Authority: authority, t: t, clock: clock, mem: mem, log: log}
}

func hours(n int) audit.Duration { return audit.Duration(time.Duration(n) * time.Hour) }

// operator makes a token of the operator.
func (r *rig) operator(in NewAPIToken) (string, *audit.APIToken) {
	r.t.Helper()
	if in.Name == "" {
		in.Name = "test"
	}
	if in.ExpiresIn == 0 {
		in.ExpiresIn = hours(24)
	}
	token, entry, err := r.Bootstrap(r.t.Context(), tenantA, in)
	if err != nil {
		r.t.Fatal(err)
	}
	return token, entry
}

// with makes a token of the operator with scopes.
func (r *rig) with(scopes ...audit.Scope) string {
	r.t.Helper()
	token, _ := r.operator(NewAPIToken{Scopes: scopes})
	return token
}

func (r *rig) principal(token string) *Principal {
	r.t.Helper()
	p, err := r.Authenticate(r.t.Context(), token, caller)
	if err != nil {
		r.t.Fatalf("authenticating: %v, log: %s", err, r.log)
	}
	return p
}

// refused checks that a token is refused with the constant error, for the reason given in the log alone, and that no
// part of the token reaches the log.
func (r *rig) refused(name, token, reason string) {
	r.t.Helper()
	before := len(r.log.String())
	p, err := r.Authenticate(r.t.Context(), token, caller)
	if p != nil || err != ErrUnauthenticated { //nolint:errorlint // the very same error for all
		r.t.Errorf("%s: got %v, %v, want ErrUnauthenticated", name, p, err)
	}
	logged := r.log.String()[before:]
	if !strings.Contains(logged, reason) {
		r.t.Errorf("%s: refused for another reason than %q: %s", name, reason, logged)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 12 && strings.Contains(logged, part) {
			r.t.Errorf("%s: the log has a part of the token: %s", name, logged)
		}
	}
	r.clock.advance(4 * time.Second) // keeps below the limit of failures
}
