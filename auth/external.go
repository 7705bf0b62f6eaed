package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"annals/audit"
)

const (
	unknownKIDEvery  = 5 * time.Minute // an issuer is asked for a kid that is not known at most so often
	jwksTimeout      = 5 * time.Second
	jwksRefresh      = time.Hour
	maxJWKSBytes     = 1 << 20
	minRSABits       = 2048
	maxSubjectLength = 255 // OpenID Connect Core 1.0, section 2
)

// External checks tokens of the configured external issuers. A nil External knows none.
type External struct {
	issuers map[string]*issuer
}

type issuer struct {
	ExternalIssuer
	tenant audit.Tenant
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
}

// ExternalOptions are what OpenExternal needs.
type ExternalOptions struct {
	Issuers []ExternalIssuer // as ReadIssuers gives them
	// Tenant gives the tenant of a name.
	Tenant func(ctx context.Context, name string) (*audit.Tenant, error)
	Client *http.Client // for the JWKS URLs; guards where requests may go
	Now    func() time.Time
	Log    *slog.Logger
}

// OpenExternal fetches the issuers' keys and keeps them fresh until the context ends. An issuer that does not answer is
// no error: its tokens are refused until it does.
func OpenExternal(ctx context.Context, o ExternalOptions) (*External, error) {
	external := &External{issuers: make(map[string]*issuer, len(o.Issuers))}
	for _, config := range o.Issuers {
		tenant, err := o.Tenant(ctx, config.Tenant)
		if err != nil {
			return nil, fmt.Errorf("finding the tenant %s of the issuer %s: %w", config.Tenant, config.Issuer, err)
		}
		keys, err := openJWKS(ctx, config.JWKSURL, o)
		if err != nil {
			return nil, fmt.Errorf("reading the keys of the issuer %s: %w", config.Issuer, err)
		}
		external.issuers[config.Issuer] = &issuer{
			ExternalIssuer: config, tenant: *tenant, keys: keys,
			parser: newParser(config.Issuer, config.Audience, config.Algorithms, o.Now),
		}
	}
	return external, nil
}

func openJWKS(ctx context.Context, url string, o ExternalOptions) (keyfunc.Keyfunc, error) {
	client := *o.Client
	client.Transport = boundedBody{client.Transport}
	return keyfunc.NewDefaultOverrideCtx(ctx, []string{url}, keyfunc.Override{
		Client: &client, HTTPTimeout: jwksTimeout, RefreshInterval: jwksRefresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKIDEvery), 1),
		RateLimitWaitMax:  jwksTimeout, // also bounds the request; a longer wait is refused at once
		RefreshErrorHandlerFunc: func(url string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				o.Log.WarnContext(ctx, "keys of an external issuer not read", slog.String("url", url), slog.Any("error", err))
			}
		},
	})
}

// boundedBody cuts long answers off.
type boundedBody struct{ next http.RoundTripper }

func (b boundedBody) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxJWKSBytes), response.Body}
	return response, nil
}

// issues reports whether one of the issuers has this name, but for a slash at the end.
func (e *External) issues(name string) bool {
	if e == nil {
		return false
	}
	for issuer := range e.issuers {
		if strings.TrimSuffix(issuer, "/") == strings.TrimSuffix(name, "/") {
			return true
		}
	}
	return false
}

// externalClaims are those that we read of an external token.
type externalClaims struct {
	jwt.RegisteredClaims
	Scope scopeNames `json:"scope"`
	SCP   scopeNames `json:"scp"`

	Restriction json.RawMessage `json:"restriction"`
}

// scopeNames are scopes as one text separated by spaces, or as a list: issuers differ.
type scopeNames []audit.Scope

// UnmarshalJSON reads either form.
func (s *scopeNames) UnmarshalJSON(value []byte) error {
	var text string
	if json.Unmarshal(value, &text) == nil {
		*s = claimedScopes(text)
		return nil
	}
	return json.Unmarshal(value, (*[]audit.Scope)(s))
}

// check gives the principal of a token.
func (e *External) check(ctx context.Context, s *shape) (*Principal, error) {
	if e == nil || e.issuers[s.issuer] == nil {
		return nil, refuse("unknown issuer")
	}
	if err := plainHeader(s); err != nil {
		return nil, err
	}
	i := e.issuers[s.issuer]
	var c externalClaims
	// A caller who hangs up must not waste the one request that the limit allows.
	if _, err := i.parser.ParseWithClaims(s.text, &c, i.key(context.WithoutCancel(ctx))); err != nil {
		return nil, refuse(err.Error())
	}
	switch {
	case c.IssuedAt == nil || c.ExpiresAt.Sub(c.IssuedAt.Time) > time.Duration(i.MaxLife):
		return nil, refuse("no iat, or lives too long")
	case !plainSubject(c.Subject):
		return nil, refuse("no subject, or an odd one")
	case c.Restriction != nil: // its issuer means the token to see less, and it would see everything
		return nil, refuse("a restriction, which external tokens cannot have")
	}
	scopes := common(append(slices.Clone(c.Scope), c.SCP...), i.Scopes)
	if len(scopes) == 0 {
		return nil, refuse("no scope")
	}
	return &Principal{
		Tenant: i.tenant, Subject: "external:" + i.Issuer + "#" + c.Subject, Kind: audit.TokenExternal, Scopes: scopes,
		ExpiresAt: c.ExpiresAt.UTC(),
	}, nil
}

// plainHeader refuses headers that steer the check or nest tokens, and every typ but those of access tokens. Many
// issuers leave typ out.
func plainHeader(s *shape) error {
	for _, name := range []string{"crit", "jku", "jwk", "x5u", "x5c", "zip", "cty", "enc", "b64"} {
		if _, ok := s.header[name]; ok {
			return refuse("header " + name)
		}
	}
	if !slices.Contains([]string{"", "jwt", tokenType}, s.typ) {
		return refuse("typ is not that of an access token")
	}
	if s.kid == "" {
		return refuse("no kid")
	}
	return nil
}

func plainSubject(subject string) bool {
	return subject != "" && len(subject) <= maxSubjectLength && strings.IndexFunc(subject, unicode.IsControl) < 0
}

// key looks a kid up, and refuses keys that are too short to be safe.
func (i *issuer) key(ctx context.Context) jwt.Keyfunc {
	find := i.keys.KeyfuncCtx(ctx)
	return func(token *jwt.Token) (any, error) {
		key, err := find(token)
		if err != nil {
			return nil, err
		}
		if key, ok := key.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
			return nil, errors.New("key too short")
		}
		return key, nil
	}
}
