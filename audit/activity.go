package audit

import (
	"encoding/json"
	"net/netip"
	"time"
)

// TenantID identifies an isolation boundary. Random, positive, so that ids tell nothing about other tenants.
type TenantID int64

// IntegrationID identifies one configured vendor account within its tenant. Random and positive.
type IntegrationID int64

// Text is optional text: empty means that the vendor did not say it.
type Text string

// JSON is one JSON document as text; empty means absent.
type JSON []byte

// MarshalJSON gives the document itself, null when absent.
func (j JSON) MarshalJSON() ([]byte, error) { return json.RawMessage(j).MarshalJSON() }

// Activity is one recorded action. It never changes.
type Activity struct {
	Tenant TenantID
	Seq    int64 // position in the tenant's ledger: from 0, gapless, in commit order
	Draft
	IntegrationID IntegrationID
	Connector     string // the integration's connector, `github`
	Feed          string // name of the feed within the integration
	Path          Path
	ObservedAt    time.Time // when it was first seen; microseconds, UTC
	RecordedAt    time.Time // when the ledger committed it; microseconds, UTC, never goes back as seq grows
}

// Draft is a normalised activity that is not yet recorded: what a connector makes of one vendor record.
type Draft struct {
	Type          string // the vendor's name with the vendor in front: `github.repo.create`
	Action        Action
	Category      Category
	Description   Text // one sentence, plain text
	Actor         *Actor
	OnBehalfOf    *Actor
	Targets       []Target // in the vendor's order
	Outcome       Outcome
	OutcomeReason Text
	Origin        Origin
	SessionID     Text
	RequestID     Text
	OccurredAt    time.Time // zero when the vendor's time is absent or unreadable: observedAt stands in
	VendorID      Text
	Changes       []Change
	Metadata      JSON // an object with everything else, under the vendor's names
	// Raw is the vendor's bytes exactly as received.
	Raw []byte
	// Key tells repeats of one activity within its integration: the vendor's id, or what stands for it. Never empty.
	Key string
	// Content is a digest over what the vendor said, equal for all copies of one activity whatever their layout.
	// Same key with other content is a new version, not a repeat.
	Content [32]byte
}

// Actor is who did something, as the vendor named it then.
type Actor struct {
	Key      string // lower-case e-mail, else `<connector>:<vendorId>`, else `<connector>:name:<name>`
	Type     ActorType
	VendorID Text
	Name     Text
	Email    Text
}

// Target is what something was done to.
type Target struct {
	Key      string `json:"key"`  // `<connector>:<type>:<vendorId>`, the name where there is no id
	Type     string `json:"type"` // the vendor's kind, lower case
	VendorID Text   `json:"vendorId,omitempty"`
	Name     Text   `json:"name,omitempty"`
}

// Change is one changed value; a nil side was absent or not told.
type Change struct {
	Field  string  `json:"field"`
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
}

// Origin is from where something was done.
type Origin struct {
	IP        netip.Addr // the zero Addr when there is none; v4-mapped addresses are v4
	UserAgent Text
	Location  *Location
}

// Location is the place of an address.
type Location struct {
	Country        Text // ISO 3166-1 alpha-2
	Region         Text
	City           Text
	Latitude       *float64 // degrees
	Longitude      *float64 // degrees
	ASN            *int64
	ASOrganization Text
	Source         LocationSource
}
