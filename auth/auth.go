// Package auth says who is asking and what they may see: it makes and ends tokens, tells the principal of a token, and
// is the only maker of views.
//
// Annals signs its own tokens (JWT, EdDSA). An API token has an entry in the store, which decides: a token without a
// valid entry is none. A viewer token has no entry and lives by that of the API token that minted it. Tokens of external
// issuers that the operator configured are told apart by their issuer and never share a key with ours.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annals/audit"
)

// ErrUnauthenticated is the one answer to every token that is not accepted. Why not is logged, not told.
var ErrUnauthenticated = errors.New("no token, or one that is not valid")

// RateLimitedError refuses an address that showed too many tokens that are not accepted.
type RateLimitedError struct {
	RetryAfter time.Duration
}

func (e *RateLimitedError) Error() string {
	return "too many tokens that are not valid: wait before you try again"
}

// Store keeps the entries of API tokens.
type Store interface {
	// Token gives an entry as it is now; audit.ErrNotFound when there is none.
	Token(ctx context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error)
	// InsertToken adds an entry, durably. Its parent, when it has one, must be in force until then, else it is
	// audit.ErrNotFound and nothing is added: a token that is revoked at the same moment makes no more tokens.
	InsertToken(ctx context.Context, token *audit.APIToken) error
	// RevokeToken revokes a token and, with descendants, all that it made, down the tree. It returns how many that
	// were: those revoked or expired before stay as they are. Without such an entry it is audit.ErrNotFound.
	RevokeToken(ctx context.Context, tenant audit.TenantID, jti string, descendants bool, by audit.Text, at time.Time) (int, error)
	// TouchTokens sets LastUsedAt and LastUsedIP of entries, found by Tenant and JTI, where that is later.
	TouchTokens(ctx context.Context, used []*audit.APIToken) error
}

// Bounds of tokens.
const (
	MaxLife       = 90 * 24 * time.Hour // of any token
	MaxViewerLife = time.Hour
	minLife       = time.Minute // of a token that a token makes
	maxTokenBytes = 4 << 10     // checked before anything is parsed
	leeway        = 30 * time.Second
	audience      = "annals"
)

// Options are what an Authority needs.
type Options struct {
	Issuer   string // public URL of this deployment
	Keys     *Keys
	Store    Store
	External *External // nil for none
	Now      func() time.Time
	Log      *slog.Logger
}

// Authority makes, checks and ends tokens. It is safe for concurrent use.
type Authority struct {
	issuer   string
	keys     *Keys
	store    Store
	external *External
	now      func() time.Time
	log      *slog.Logger

	parser   *jwt.Parser
	entries  *entries
	uses     *uses
	failures *failures
}

// New makes an Authority. Run writes what it notes of the use of tokens.
func New(o Options) (*Authority, error) {
	if o.Issuer == "" {
		return nil, errors.New("the issuer of tokens is empty: it is the public URL, ANNALS_PUBLIC_URL")
	}
	if o.External.issues(o.Issuer) {
		return nil, fmt.Errorf("the external issuer %s is this deployment itself", o.Issuer)
	}
	return &Authority{
		issuer: o.Issuer, keys: o.Keys, store: o.Store, external: o.External, now: o.Now, log: o.Log,
		parser:   newParser(o.Issuer, audience, []string{jwt.SigningMethodEdDSA.Alg()}, o.Now),
		entries:  newEntries(o.Store, o.Now),
		uses:     newUses(),
		failures: newFailures(),
	}, nil
}

// newParser checks what golang-jwt can check; without these options it accepts tokens that lack the claims.
func newParser(issuer, audience string, algorithms []string, now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods(algorithms), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(now),
	)
}
