package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"annals/audit"
)

// ExternalIssuer is one issuer of tokens beside ourselves, as the operator configures it.
type ExternalIssuer struct {
	Issuer     string         `json:"issuer"`     // the tokens' iss, exactly
	JWKSURL    string         `json:"jwksUrl"`    // where its public keys are; https
	Audience   string         `json:"audience"`   // what the tokens' aud must contain
	Algorithms []string       `json:"algorithms"` // asymmetric ones: RS256, ES256, EdDSA…
	Tenant     string         `json:"tenant"`     // name of the one tenant that its tokens see
	Scopes     []audit.Scope  `json:"scopes"`     // the most that its tokens may do
	MaxLife    audit.Duration `json:"maxLife"`    // longest exp − iat, PT1M to P90D
}

// algorithms lists the asymmetric algorithms. A symmetric one would let whoever can check a token also make one.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// ReadIssuers reads the file of external issuers, a JSON list. Its errors name the issuer and the field.
func ReadIssuers(path string) ([]ExternalIssuer, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("ANNALS_ISSUERS_FILE: %w", err)
	}
	defer file.Close()
	issuers, err := parseIssuers(file)
	if err != nil {
		return nil, fmt.Errorf("ANNALS_ISSUERS_FILE: %s: %w", path, err)
	}
	return issuers, nil
}

func parseIssuers(r io.Reader) ([]ExternalIssuer, error) {
	var issuers []ExternalIssuer
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&issuers)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, fmt.Errorf("%s cannot be a JSON %s: it must be a list of issuers as docs/operations.md shows", cmp.Or(wrong.Field, "the file"), wrong.Value)
	}
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the end of the list")
	}
	for i, issuer := range issuers {
		if field, problem := issuer.problem(); problem != "" {
			return nil, fmt.Errorf("[%d].%s %s", i, field, problem)
		}
		if slices.ContainsFunc(issuers[:i], func(other ExternalIssuer) bool { return other.Issuer == issuer.Issuer }) {
			return nil, fmt.Errorf("[%d].issuer stands twice", i)
		}
	}
	return issuers, nil
}

// problem gives the first field that is wrong, and what would be right.
func (i *ExternalIssuer) problem() (field, problem string) {
	switch life := time.Duration(i.MaxLife); {
	case i.Issuer == "" || strings.ContainsAny(i.Issuer, "# \t\r\n"):
		return "issuer", "must be the exact iss of the tokens, without # and spaces"
	case !validJWKS(i.JWKSURL):
		return "jwksUrl", "must be an https URL (http for a loopback address only)"
	case i.Audience == "":
		return "audience", "must be the aud of tokens for Annals"
	case len(i.Algorithms) == 0:
		return "algorithms", "must name at least one algorithm"
	case i.Tenant == "":
		return "tenant", "must be the name of a tenant"
	case len(i.Scopes) == 0:
		return "scopes", "must name at least one scope"
	case life < minLife || life > MaxLife:
		return "maxLife", "must be a duration from PT1M to P90D"
	}
	for _, algorithm := range i.Algorithms {
		if !slices.Contains(algorithms(), algorithm) {
			return "algorithms", fmt.Sprintf("has %q: must be of %s", algorithm, strings.Join(algorithms(), ", "))
		}
	}
	for _, scope := range i.Scopes {
		switch {
		case !scope.Valid():
			return "scopes", fmt.Sprintf("has %q: must be of %s", scope, strings.Join(texts(audit.Scopes()), ", "))
		case scope == audit.ScopeViewersWrite:
			return "scopes", fmt.Sprintf("has %q: viewer tokens live by the entry of an API token", scope)
		}
	}
	return "", ""
}

func validJWKS(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}
