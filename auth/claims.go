package auth

import (
	"encoding/json"

	"github.com/golang-jwt/jwt/v5"
)

// tokenType is the typ of our tokens: an access token in the profile of RFC 9068.
const tokenType = "at+jwt"

// claims are those of our own tokens, after RFC 9068. An API token's restriction stands in its entry; a viewer token
// carries its own, which is joined to its parent's.
type claims struct {
	jwt.RegisteredClaims        // iss, sub, exp, iat, jti
	Audience             string `json:"aud"`       // exactly one
	Client               string `json:"client_id"` // jti of the API token behind it: its own, or its parent's
	Scope                string `json:"scope"`     // separated by spaces
	TenantID             string `json:"tid"`       // decimal
	Tenant               string `json:"tenant"`    // name, for people
	Parent               string `json:"par,omitempty"`

	Restriction json.RawMessage `json:"restriction,omitempty"`
}

// GetAudience gives the one audience; golang-jwt asks for it.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return jwt.ClaimStrings{c.Audience}, nil }
