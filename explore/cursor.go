package explore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"annals/audit"
)

// Cursors makes and reads cursors. They carry a MAC, so that nobody makes one of another tenant or filter.
type Cursors struct{ key []byte }

// NewCursors takes the key of the MAC; all replicas share it.
func NewCursors(key []byte) Cursors { return Cursors{key: key} }

// The two kinds of cursor are not valid for each other.
const (
	pageCursor byte = 1
	liveCursor byte = 2
)

const (
	macSize    = 16
	pageFields = 3 // occurredAt, seq, the first page's clock
)

// bound is what a page cursor belongs to. The filter has been checked.
func bound(tenant audit.TenantID, filter *audit.Filter, order audit.Order) []byte {
	text, err := json.Marshal(struct {
		Filter *audit.Filter
		Order  audit.Order
	}{filter, order})
	if err != nil {
		panic(err) // a checked filter is made of texts, numbers and times that can be written
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.AppendUint64(sum[:], uint64(tenant)) //nolint:gosec // bits only
}

// page makes the cursor of one activity in a list. now is the first page's clock.
func (c Cursors) page(a *audit.Activity, now time.Time, bound []byte) string {
	return c.seal(pageCursor, []int64{a.OccurredAt.UnixMicro(), a.Seq, now.UnixMicro()}, bound)
}

// openPage reads a page cursor: where it stands and the first page's clock.
func (c Cursors) openPage(text string, bound []byte) (*audit.Position, time.Time, error) {
	numbers, err := c.open(pageCursor, text, pageFields, bound)
	if err != nil {
		return nil, time.Time{}, err
	}
	return &audit.Position{OccurredAt: time.UnixMicro(numbers[0]).UTC(), Seq: numbers[1]}, time.UnixMicro(numbers[2]).UTC(), nil
}

// Live makes the cursor behind which a live feed goes on: everything up to seq has been seen. It is bound to the tenant
// alone and never expires.
func (c Cursors) Live(tenant audit.TenantID, seq int64) string {
	return c.seal(liveCursor, []int64{seq}, tenantBytes(tenant))
}

// OpenLive reads a live cursor: the newest seq that was seen. ErrCursor when it is none of this tenant.
func (c Cursors) OpenLive(tenant audit.TenantID, text string) (int64, error) {
	numbers, err := c.open(liveCursor, text, 1, tenantBytes(tenant))
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

func tenantBytes(tenant audit.TenantID) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(tenant)) //nolint:gosec // bits only
}

func (c Cursors) seal(kind byte, numbers []int64, bound []byte) string {
	b := []byte{kind}
	for _, number := range numbers {
		b = binary.AppendVarint(b, number)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, c.mac(b, bound)...))
}

func (c Cursors) open(kind byte, text string, count int, bound []byte) ([]int64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(b) < 1+macSize || b[0] != kind {
		return nil, audit.ErrCursor
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	if !hmac.Equal(mac, c.mac(body, bound)) {
		return nil, audit.ErrCursor
	}
	numbers := make([]int64, count)
	rest := body[1:]
	for i := range numbers {
		number, n := binary.Varint(rest)
		if n <= 0 {
			return nil, audit.ErrCursor
		}
		numbers[i], rest = number, rest[n:]
	}
	return numbers, nil
}

func (c Cursors) mac(body, bound []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write(body)
	h.Write(bound)
	return h.Sum(nil)[:macSize]
}
