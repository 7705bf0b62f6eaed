package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
	"unicode/utf8"
)

// OrderField is a time that activities are sorted by. Ties are broken by seq in the same direction.
type OrderField string

// The sortable times. RecordedAt is the order of seq.
const (
	OrderOccurredAt OrderField = "OCCURRED_AT"
	OrderRecordedAt OrderField = "RECORDED_AT"
)

// Valid reports whether f is one of the fields.
func (f OrderField) Valid() bool { return f == OrderOccurredAt || f == OrderRecordedAt }

// Direction is ascending or descending.
type Direction string

// The directions.
const (
	Ascending  Direction = "ASC"
	Descending Direction = "DESC"
)

// Valid reports whether d is one of the directions.
func (d Direction) Valid() bool { return d == Ascending || d == Descending }

// Order is how activities are sorted.
type Order struct {
	Field     OrderField
	Direction Direction
}

// NewestFirst is the order of a list that asks for none.
func NewestFirst() Order { return Order{Field: OrderOccurredAt, Direction: Descending} }

// Position is a place in an order: between the activity it names and its neighbour.
type Position struct {
	OccurredAt time.Time // not used when the order is that of seq
	Seq        int64
}

// PageQuery asks a store for a page.
type PageQuery struct {
	Where   All
	Order   Order
	Between [2]*Position // exclusive ends in the order's direction: after, before; nil is open
	Last    bool         // the page is at the far end; it is still answered in the order
	Limit   int
}

// PageArgs are the arguments of a connection.
type PageArgs struct {
	First, Last   *int
	After, Before *string
}

// PageInfo says where a page stands.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Page is a page of activities.
type Page struct {
	Edges      []Edge
	PageInfo   PageInfo
	LiveCursor string // where a subscription continues exactly behind this answer
	AsOf       AsOf
	Where      All  // the filter as it was evaluated, for the count
	View       View // what it was evaluated under
}

// Edge is one activity of a page.
type Edge struct {
	Cursor string
	Node   *Activity
}

// AsOf is what an answer rests on.
type AsOf struct {
	Seq  int64 // newest that it knows, -1 of an empty ledger
	Time time.Time
	From *time.Time // start of the time asked for, inclusive; nil if open
	To   *time.Time // its end, exclusive; nil if open
}

// Raw is the vendor's bytes of one activity.
type Raw struct{ Bytes []byte }

// Text is the bytes as text, nil if they are no valid UTF-8.
func (r *Raw) Text() *string {
	if !utf8.Valid(r.Bytes) {
		return nil
	}
	return new(string(r.Bytes))
}

// Base64 is the bytes in standard base64.
func (r *Raw) Base64() string { return base64.StdEncoding.EncodeToString(r.Bytes) }

// SHA256 is the digest in hex.
func (r *Raw) SHA256() string {
	digest := sha256.Sum256(r.Bytes)
	return hex.EncodeToString(digest[:])
}

// Size is the number of bytes.
func (r *Raw) Size() int { return len(r.Bytes) }
