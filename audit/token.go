package audit

import "time"

// TokenKind is the kind of a token.
type TokenKind string

// The kinds of token.
const (
	TokenAPI      TokenKind = "API"
	TokenViewer   TokenKind = "VIEWER"
	TokenExternal TokenKind = "EXTERNAL"
)

// TokenStatus is the state of a token.
type TokenStatus string

// The states of a token.
const (
	TokenActive  TokenStatus = "ACTIVE"
	TokenExpired TokenStatus = "EXPIRED"
	TokenRevoked TokenStatus = "REVOKED"
)

// APIToken is the entry of a token that programs use. The token itself is stored nowhere.
type APIToken struct {
	Tenant      TenantID
	JTI         string
	Name        string
	Hint        string // last four characters of the token
	Scopes      []Scope
	Restriction *Filter // sees only this; nil for everything
	Parent      string  // jti of the token that made it, empty for one made by the operator
	CreatedAt   time.Time
	CreatedBy   string // subject
	ExpiresAt   time.Time
	LastUsedAt  *time.Time // exact to a minute
	LastUsedIP  Text
	RevokedAt   *time.Time
	RevokedBy   Text
}

// ID is the token's global id.
func (t *APIToken) ID() string { return ID{Kind: KindAPIToken, Tenant: t.Tenant, Name: t.JTI}.String() }

// APITokenPage is a page of tokens.
type APITokenPage struct {
	Edges      []*APITokenEdge
	PageInfo   PageInfo
	TotalCount int64
}

// APITokenEdge is one token of a page.
type APITokenEdge struct {
	Cursor string
	Node   *APIToken
}

// Nodes are the page's tokens without their cursors.
func (p *APITokenPage) Nodes() []*APIToken {
	nodes := make([]*APIToken, len(p.Edges))
	for i, edge := range p.Edges {
		nodes[i] = edge.Node
	}
	return nodes
}

// SigningKey is a key that signs tokens, or signed them.
type SigningKey struct {
	KID       string
	Public    []byte // Ed25519
	Sealed    []byte // the private key
	CreatedAt time.Time
	RetiredAt *time.Time // signs no more, still verifies
}
