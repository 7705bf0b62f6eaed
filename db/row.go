package db

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
)

// columns of an activity, in the order of rowValues and scanActivity.
var columns = []string{
	"tenant_id", "seq", "occurred_at", "observed_at", "recorded_at", "integration_id", "connector", "feed", "path",
	"type", "action", "category", "outcome", "outcome_reason", "description",
	"actor_key", "actor_type", "actor_id", "actor_name", "actor_email", "on_behalf_of", "targets",
	"ip", "user_agent", "country", "city", "location", "session_id", "request_id", "vendor_id", "changes", "metadata",
}

var columnList = strings.Join(columns, ", ")

func copyActivities(ctx context.Context, tx pgx.Tx, p prepared, fresh []int, first int64, recordedAt time.Time) error {
	next := 0
	values := make([]any, len(columns))
	rows, err := tx.CopyFrom(ctx, pgx.Identifier{"activities"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if next == len(fresh) {
			return nil, nil
		}
		err := rowValues(values, p.Batch, &p.Drafts[fresh[next]], first+int64(next), recordedAt)
		next++
		return values, err
	}))
	return taken("recording activities", rows, len(fresh), err)
}

func rowValues(v []any, b audit.Batch, d *audit.Draft, seq int64, recordedAt time.Time) error {
	behalf, err := encode(d.OnBehalfOf, d.OnBehalfOf == nil)
	if err != nil {
		return err
	}
	targets, err := encode(d.Targets, len(d.Targets) == 0)
	if err != nil {
		return err
	}
	changes, err := encode(d.Changes, len(d.Changes) == 0)
	if err != nil {
		return err
	}
	place, err := encode(newPlaceRow(d.Origin.Location), d.Origin.Location == nil)
	if err != nil {
		return err
	}
	var ip *netip.Addr
	if d.Origin.IP.IsValid() {
		ip = &d.Origin.IP
	}
	actor, location := audit.Actor{}, audit.Location{}
	if d.Actor != nil {
		actor = *d.Actor
	}
	if d.Origin.Location != nil {
		location = *d.Origin.Location
	}
	copy(v, []any{
		int64(b.Tenant), seq, d.OccurredAt, b.ObservedAt, recordedAt, int64(b.IntegrationID), b.Connector, b.Feed, string(b.Path),
		d.Type, string(d.Action), string(d.Category), string(d.Outcome), string(d.OutcomeReason), string(d.Description),
		actor.Key, string(actor.Type), string(actor.VendorID), string(actor.Name), string(actor.Email), behalf, targets,
		ip, string(d.Origin.UserAgent), string(location.Country), string(location.City), place,
		string(d.SessionID), string(d.RequestID), string(d.VendorID), changes, string(d.Metadata),
	})
	return nil
}

// encode gives the JSON text of a value, empty for none.
func encode(value any, none bool) (string, error) {
	if none {
		return "", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encoding a row: %w", err)
	}
	return string(text), nil
}

func decode[T any](text string, into *T) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("decoding a row: %w", err)
	}
	return nil
}

// placeRow is what of a location has no column of its own.
type placeRow struct {
	Region         audit.Text           `json:"region,omitempty"`
	Latitude       *float64             `json:"latitude,omitempty"`
	Longitude      *float64             `json:"longitude,omitempty"`
	ASN            *int64               `json:"asn,omitempty"`
	ASOrganization audit.Text           `json:"asOrganization,omitempty"`
	Source         audit.LocationSource `json:"source"`
}

func newPlaceRow(l *audit.Location) placeRow {
	if l == nil {
		return placeRow{}
	}
	return placeRow{
		Region: l.Region, Latitude: l.Latitude, Longitude: l.Longitude, ASN: l.ASN,
		ASOrganization: l.ASOrganization, Source: l.Source,
	}
}

// scanActivity reads one row of columnList.
func scanActivity(row pgx.CollectableRow) (*audit.Activity, error) {
	a, actor := &audit.Activity{}, audit.Actor{}
	var behalf, targets, place, country, city, changes, metadata string
	var ip *netip.Addr
	err := row.Scan(
		&a.Tenant, &a.Seq, &a.OccurredAt, &a.ObservedAt, &a.RecordedAt, &a.IntegrationID, &a.Connector, &a.Feed, &a.Path,
		&a.Type, &a.Action, &a.Category, &a.Outcome, &a.OutcomeReason, &a.Description,
		&actor.Key, &actor.Type, &actor.VendorID, &actor.Name, &actor.Email, &behalf, &targets,
		&ip, &a.Origin.UserAgent, &country, &city, &place, &a.SessionID, &a.RequestID, &a.VendorID, &changes, &metadata,
	)
	if err != nil {
		return nil, fmt.Errorf("reading an activity: %w", err)
	}
	a.OccurredAt, a.ObservedAt, a.RecordedAt = a.OccurredAt.UTC(), a.ObservedAt.UTC(), a.RecordedAt.UTC()
	if actor.Type != "" {
		a.Actor = &actor
	}
	if ip != nil {
		a.Origin.IP = *ip
	}
	a.Metadata = audit.JSON(metadata)
	if err := scanPlace(&a.Origin, place, country, city); err != nil {
		return nil, err
	}
	if err := decode(behalf, &a.OnBehalfOf); err != nil {
		return nil, err
	}
	if err := decode(targets, &a.Targets); err != nil {
		return nil, err
	}
	return a, decode(changes, &a.Changes)
}

func scanPlace(origin *audit.Origin, place, country, city string) error {
	if place == "" {
		return nil
	}
	var row placeRow
	if err := decode(place, &row); err != nil {
		return err
	}
	origin.Location = &audit.Location{
		Country: audit.Text(country), City: audit.Text(city), Region: row.Region, Latitude: row.Latitude,
		Longitude: row.Longitude, ASN: row.ASN, ASOrganization: row.ASOrganization, Source: row.Source,
	}
	return nil
}
