package audit

import (
	"encoding/json"
	"time"
)

// FetchKind says what a fetch is for.
type FetchKind string

// The kinds of fetch.
const (
	FetchLive     FetchKind = "LIVE"     // forward, on a schedule, for ever
	FetchBackfill FetchKind = "BACKFILL" // a bounded past window, once
)

// Path is how activities of the fetch arrive.
func (k FetchKind) Path() Path {
	if k == FetchBackfill {
		return PathBackfill
	}
	return PathPoll
}

// Fetch is one fetch that has been claimed.
type Fetch struct {
	Lease         FetchLease
	Tenant        TenantID
	IntegrationID IntegrationID
	Connector     string
	Feed          string
	Kind          FetchKind
	State         json.RawMessage // nil at the beginning of a window or of a live feed
	From, To      time.Time       // of a backfill
	ReachedAt     time.Time       // of a backfill: done down to here; To at its beginning
	CreatedAt     time.Time
	Watermark     time.Time // of the feed; zero when there is none yet
	Failures      int       // in a row
	PollInterval  time.Duration
}

// FetchEnd says how a claimed fetch goes on.
type FetchEnd struct {
	Delay        time.Duration // until the next run
	PollInterval time.Duration
	Failures     int
	Reason       HealthReason // empty when well; while it is RATE_LIMITED no fetch of the integration runs
	Done         bool         // a backfill has reached its end
	ForgetState  bool         // the vendor no longer knows the position
}

// NewFetch is a fetch to set up.
type NewFetch struct {
	ID       int64
	Feed     string
	Kind     FetchKind
	From, To time.Time // of a backfill
}

// StoredIntegration is an integration as the database keeps it, with what only the engine may see.
type StoredIntegration struct {
	Integration
	Sealed  []byte    // sealed JSON object of the secrets, nil for none
	Version time.Time // its UpdatedAt when it was read: writing it is refused once somebody has changed it since
}

// NewIntegration is an integration to set up, with all that belongs to it.
type NewIntegration struct {
	StoredIntegration
	FeedNames []string
	Fetches   []NewFetch
	Webhook   StoredWebhook // its path is empty when the vendor does not push
}

// SettingsChange is an integration with other settings, and what follows from them.
type SettingsChange struct {
	StoredIntegration
	Fetches []NewFetch // to add: of feeds that can be fetched now, or of another account
	Moved   bool       // the vendor's address or account is another one: all positions are void
}

// StoredSecret is a webhook's secret as the database keeps it.
type StoredSecret struct {
	WebhookSecret
	ID     int64
	Sealed []byte
}

// StoredWebhook is an integration's webhook as the database keeps it.
type StoredWebhook struct {
	Path           string         // random last part of the current address; empty when the vendor does not push
	Secrets        []StoredSecret // in force, newest first
	LastAcceptedAt *time.Time
	LastRefusedAt  *time.Time
}
