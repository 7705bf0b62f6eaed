package audit

import (
	"encoding/json"
	"time"
)

// Integration is one configured vendor account of a tenant.
type Integration struct {
	Tenant        TenantID
	Number        IntegrationID
	Name          string // unique in the tenant
	ConnectorName string
	Values        map[string]json.RawMessage // plain settings by name
	SecretNames   []string                   // secrets that are set
	Feeds         []Feed
	PausedAt      *time.Time
	DeletedAt     *time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time // last changed by a person
}

// ID is the integration's global id.
func (i *Integration) ID() string {
	return ID{Kind: KindIntegration, Tenant: i.Tenant, Number: int64(i.Number)}.String()
}

// IntegrationStatus is the state of an integration.
type IntegrationStatus string

// The states of an integration.
const (
	IntegrationWorking  IntegrationStatus = "WORKING"
	IntegrationDegraded IntegrationStatus = "DEGRADED"
	IntegrationBroken   IntegrationStatus = "BROKEN"
	IntegrationPaused   IntegrationStatus = "PAUSED"
	IntegrationDeleted  IntegrationStatus = "DELETED"
)

// Status sums up the feeds: broken when none works, degraded when some do not.
func (i *Integration) Status() IntegrationStatus {
	switch {
	case i.DeletedAt != nil:
		return IntegrationDeleted
	case i.PausedAt != nil:
		return IntegrationPaused
	}
	broken, working := 0, 0
	for _, feed := range i.Feeds {
		switch {
		case feed.Reason != "":
			broken++
		case feed.Status != CoverageUnverifiable || feed.LastRecordedAt != nil: // of what was never pushed nobody knows
			working++
		}
	}
	switch {
	case broken == 0:
		return IntegrationWorking
	case working > 0:
		return IntegrationDegraded
	}
	return IntegrationBroken
}

// Reason is why the integration is not well, nil when it is.
func (i *Integration) Reason() *HealthReason {
	if i.DeletedAt != nil {
		return nil
	}
	if i.PausedAt != nil {
		return new(ReasonPausedByPerson)
	}
	for _, feed := range i.Feeds {
		if feed.Reason != "" {
			return &feed.Reason
		}
	}
	return nil
}

// CoverageStatus is the state of a feed's completeness.
type CoverageStatus string

// The states of coverage.
const (
	CoverageComplete     CoverageStatus = "COMPLETE"
	CoverageSettling     CoverageStatus = "SETTLING"
	CoverageBehind       CoverageStatus = "BEHIND"
	CoverageBackfilling  CoverageStatus = "BACKFILLING"
	CoverageBroken       CoverageStatus = "BROKEN"
	CoveragePaused       CoverageStatus = "PAUSED"
	CoverageUnverifiable CoverageStatus = "UNVERIFIABLE"
)

// Feed is one stream of an integration.
type Feed struct {
	Name            string
	Label           string
	Status          CoverageStatus
	Reason          HealthReason // empty when well
	CompleteThrough *time.Time   // the watermark
	LastPollAt      *time.Time
	LastRecordedAt  *time.Time
	NextPollAt      *time.Time
	PollInterval    *Duration
	RecordedCount   int64
	RepeatedCount   int64
}

// BackfillStatus is the state of a backfill.
type BackfillStatus string

// The states of a backfill.
const (
	BackfillWaiting   BackfillStatus = "WAITING"
	BackfillRunning   BackfillStatus = "RUNNING"
	BackfillDone      BackfillStatus = "DONE"
	BackfillFailed    BackfillStatus = "FAILED"
	BackfillCancelled BackfillStatus = "CANCELLED"
)

// Backfill is one bounded fetch of the past, from its newest slice to its oldest.
type Backfill struct {
	Tenant        TenantID
	Number        int64
	IntegrationID IntegrationID
	Feed          string
	From          *time.Time // inclusive; nil: as far as the vendor keeps
	To            time.Time  // exclusive
	ReachedAt     *time.Time // done down to here
	Status        BackfillStatus
	Reason        HealthReason // why it waits or failed, empty when well
	RecordedCount int64
	RepeatedCount int64
}

// ID is the backfill's global id.
func (b *Backfill) ID() string {
	return ID{Kind: KindBackfill, Tenant: b.Tenant, Number: b.Number}.String()
}

// Progress is the part that is done, 0 to 1; nil while the far end is unknown.
func (b *Backfill) Progress() *float64 {
	switch {
	case b.Status == BackfillDone:
		return new(1.0)
	case b.From == nil:
		return nil
	case b.ReachedAt == nil || !b.To.After(*b.From):
		return new(0.0)
	}
	done := float64(b.To.Sub(*b.ReachedAt)) / float64(b.To.Sub(*b.From))
	return new(min(max(done, 0), 1))
}

// WebhookSecret is one secret of a webhook, without its value.
type WebhookSecret struct {
	Hint      string // last four characters
	CreatedAt time.Time
	ExpiresAt *time.Time // nil for the current one
}

// Webhook is where a vendor pushes to.
type Webhook struct {
	URL            string
	Secrets        []WebhookSecret // in force, newest first
	LastAcceptedAt *time.Time
	LastRefusedAt  *time.Time
}
