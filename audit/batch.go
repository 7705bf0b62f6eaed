package audit

import (
	"encoding/json"
	"time"
)

// Batch is what one transaction appends to a tenant's ledger: drafts of one feed that arrived on one path, and with
// them how far the fetch has come.
type Batch struct {
	Tenant        TenantID
	IntegrationID IntegrationID
	Connector     string
	Feed          string
	Path          Path
	ObservedAt    time.Time // when the drafts were first seen
	Drafts        []Draft
	// RefuseVersions refuses a draft whose key was recorded with other content, instead of recording a new version.
	RefuseVersions bool
	Progress       *Progress // nil where nothing was fetched: webhook, import, push
}

// Progress is written in the transaction of its drafts, so that a crash can separate neither from the other.
type Progress struct {
	Fetch     FetchLease
	State     json.RawMessage // where the connector resumes
	Watermark time.Time       // the feed is complete through here; zero leaves it
	ReachedAt time.Time       // a backfill is done down to here; zero leaves it
}

// FetchLease proves that a fetch is held: writes are refused with ErrFenced once another has taken it.
type FetchLease struct {
	ID    int64
	Fence int64
}

// Receipt says what became of a batch.
type Receipt struct {
	Results  []Result // one per draft, in order
	Recorded int
	Repeated int
}

// Result is what became of one draft.
type Result struct {
	Seq      int64
	Repeated bool // the same key and content was there already, at Seq
	Version  bool // the same key was there with other content; recorded as a new version
	Refused  bool // the same key was there with other content; not recorded, since the batch refuses versions
}
