package engine

import (
	"context"
	"crypto/sha256"
	"time"

	"annals/audit"
)

// batchSize is how many drafts one transaction takes: small ones cost commits, large ones hold the head for long.
const batchSize = 1000

// Appender appends a batch to a ledger in one transaction.
type Appender interface {
	Append(ctx context.Context, batch audit.Batch) (audit.Receipt, error)
}

// Locator fills in where an address is, unless the vendor has said it.
type Locator interface {
	Locate(origin *audit.Origin)
}

// Recorder is where all paths meet: poll, backfill, webhook, import and push. It makes drafts fit to be stored, locates
// their addresses, stamps when they were first seen, and appends them.
type Recorder struct {
	ledger  Appender
	locator Locator // nil when there is no database of places
	now     func() time.Time
}

// NewRecorder makes a recorder. locator may be nil.
func NewRecorder(ledger Appender, locator Locator, now func() time.Time) *Recorder {
	return &Recorder{ledger: ledger, locator: locator, now: now}
}

// Fit makes a draft what it will be when it is recorded, so that a caller can look at that before.
func (r *Recorder) Fit(connector string, d *audit.Draft) {
	r.fit(connector, d, r.now().UTC().Truncate(time.Microsecond))
}

// Source is where drafts come from.
type Source struct {
	Tenant        audit.TenantID
	IntegrationID audit.IntegrationID
	Connector     string
	Feed          string
	Path          audit.Path
}

// Record records drafts, and with the last of them how far the fetch has come. What was recorded stays when a later
// batch fails: repeating all of them records nothing twice.
func (r *Recorder) Record(ctx context.Context, source Source, drafts []audit.Draft, progress *audit.Progress) (audit.Receipt, error) {
	observedAt := r.now().UTC().Truncate(time.Microsecond)
	for i := range drafts {
		r.fit(source.Connector, &drafts[i], observedAt)
	}
	var total audit.Receipt
	for first := true; first || len(drafts) > 0; first = false {
		part := drafts[:min(batchSize, len(drafts))]
		drafts = drafts[len(part):]
		batch := audit.Batch{
			Tenant: source.Tenant, IntegrationID: source.IntegrationID, Connector: source.Connector, Feed: source.Feed,
			Path: source.Path, ObservedAt: observedAt, Drafts: part,
			RefuseVersions: source.Path == audit.PathPush, // a client's own key stands for one content
		}
		if len(drafts) == 0 {
			batch.Progress = progress
		}
		receipt, err := r.ledger.Append(ctx, batch)
		if err != nil {
			return total, err
		}
		total.Results = append(total.Results, receipt.Results...)
		total.Recorded += receipt.Recorded
		total.Repeated += receipt.Repeated
	}
	return total, nil
}

// Times that a draft is held to: what the API can print.
var (
	earliest = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// fit makes a draft fit to be stored. Nothing is refused: what the vendor really sent stays in raw.
func (r *Recorder) fit(connector string, d *audit.Draft, observedAt time.Time) {
	fitTexts(d)
	if d.Type == "" {
		d.Type = connector + ".unknown"
	}
	if !d.Action.Valid() {
		d.Action = audit.ActionOther
	}
	if !d.Category.Valid() {
		d.Category = audit.CategoryOther
	}
	if !d.Outcome.Valid() {
		d.Outcome = audit.OutcomeUnknown
	}
	d.Actor, d.OnBehalfOf = fitActor(d.Actor), fitActor(d.OnBehalfOf)
	d.Metadata = fitJSON(d.Metadata)
	d.OccurredAt = d.OccurredAt.UTC().Truncate(time.Microsecond)
	switch {
	case d.OccurredAt.IsZero():
		d.OccurredAt = observedAt
	case d.OccurredAt.Before(earliest):
		d.OccurredAt = earliest
	case d.OccurredAt.After(latest):
		d.OccurredAt = latest
	}
	if d.Content == [32]byte{} {
		d.Content = sha256.Sum256(d.Raw)
	}
	d.Origin.IP = d.Origin.IP.Unmap().WithZone("")
	if r.locator != nil {
		r.locator.Locate(&d.Origin)
	}
}

func fitActor(a *audit.Actor) *audit.Actor {
	if a == nil || a.Key == "" {
		return nil
	}
	if !a.Type.Valid() {
		a.Type = audit.ActorUnknown
	}
	return a
}
