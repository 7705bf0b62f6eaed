package audit

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
)

// Kind says what a global id names.
type Kind byte

// The kinds of object that have a global id. Their numbers are part of the ids and never change.
const (
	KindActivity    Kind = 1
	KindIntegration Kind = 2
	KindBackfill    Kind = 3
	KindAPIToken    Kind = 4
	KindTenant      Kind = 5
	KindConnector   Kind = 6
)

// ID is a global id: opaque to clients, stable for ever, without secrets. Whoever resolves one checks the tenant.
type ID struct {
	Kind   Kind
	Tenant TenantID // 0 for a connector, which is the same for all tenants
	Number int64    // seq, integration, backfill; 0 where Name is the key
	Name   string   // jti of a token, key of a connector
}

const idVersion = 1

// String is the id's text: URL-safe base64 of version, kind, tenant, number and name.
func (id ID) String() string {
	b := []byte{idVersion, byte(id.Kind)}
	b = binary.AppendUvarint(b, uint64(id.Tenant)) //nolint:gosec // ids are never negative
	b = binary.AppendUvarint(b, uint64(id.Number)) //nolint:gosec // ids are never negative
	return base64.RawURLEncoding.EncodeToString(append(b, id.Name...))
}

// ParseID reads an id's text. Only what String gives for the parts that a kind has is an id, so that one object has one
// id.
func ParseID(text string) (ID, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 4 || b[0] != idVersion {
		return ID{}, false
	}
	id := ID{Kind: Kind(b[1])}
	b = b[2:]
	for _, field := range []*int64{(*int64)(&id.Tenant), &id.Number} {
		value, n := binary.Uvarint(b)
		if n <= 0 || value > 1<<63-1 {
			return ID{}, false
		}
		*field = int64(value)
		b = b[n:]
	}
	id.Name = string(b)
	if !id.whole() || id.String() != text {
		return ID{}, false // nobody goes on with what is no id
	}
	return id, true
}

// whole reports whether an id has the parts of its kind and no others.
func (id ID) whole() bool {
	switch id.Kind {
	case KindActivity, KindIntegration, KindBackfill:
		return id.Name == ""
	case KindAPIToken:
		return id.Number == 0 && isKey(id.Name)
	case KindTenant:
		return id.Number == 0 && id.Name == ""
	case KindConnector:
		return id.Tenant == 0 && id.Number == 0 && isKey(id.Name)
	}
	return false
}

// isKey reports whether a text can be a token's jti or a connector's key: up to 64 letters, digits, `-` and `_`.
func isKey(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// ID is the activity's global id.
func (a *Activity) ID() string {
	return ID{Kind: KindActivity, Tenant: a.Tenant, Number: a.Seq}.String()
}

// String is the decimal form.
func (id IntegrationID) String() string { return strconv.FormatInt(int64(id), 10) }
