// Package push records activities that clients send through the API.
package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"annals/audit"
	"annals/sync/connector"
)

// Bounds of what clients send.
const (
	maxActivities = 500
	maxTargets    = 50
	maxText       = 4 << 10
	maxMetadata   = 64 << 10
	maxAhead      = 5 * time.Minute
)

const feed = "push"

// Registration is the connector whose activities come through the API alone.
func Registration() connector.Registration {
	return connector.Registration{
		Connector: audit.Connector{
			Name: "push", Label: "Push", Description: "Activities of your own applications, sent through recordActivities.",
			Feeds: []audit.ConnectorFeed{{Name: feed, Label: "Recorded through the API", PushOnly: true}},
		},
		Open: func(connector.Config) (connector.Opened, error) { return struct{}{}, nil },
	}
}

// Integrations finds where the activities belong.
type Integrations interface {
	BuiltIn(ctx context.Context, tenant audit.TenantID, c audit.Connector) (*audit.Integration, error)
	Get(ctx context.Context, view audit.View, id audit.ID) (*audit.Integration, error)
}

// Ledger reads what is recorded.
type Ledger interface {
	// Activities gives those of some positions that are visible.
	Activities(ctx context.Context, view audit.View, seqs []int64) ([]*audit.Activity, error)
}

// Record records drafts of an integration. On PathPush it refuses a draft whose key was recorded with other content.
type Record func(ctx context.Context, i *audit.Integration, feed string, path audit.Path, drafts []audit.Draft) (audit.Receipt, error)

// Fit makes a draft what it will be when it is recorded: its texts cut, its address located.
type Fit func(connector string, d *audit.Draft)

// Service records what clients send.
type Service struct {
	integrations Integrations
	ledger       Ledger
	fit          Fit
	record       Record
	now          func() time.Time
}

// New makes the service. The token's restriction looks at what fit makes of a draft.
func New(integrations Integrations, ledger Ledger, fit Fit, record Record, now func() time.Time) *Service {
	return &Service{integrations: integrations, ledger: ledger, fit: fit, record: record, now: now}
}

// Activities records the good ones of some activities in one transaction; bad ones do not stop them. There is one
// result for each, in order. integrationID is a global id, nil for the tenant's built-in integration. allowed decides
// what the token's restriction lets in. When nothing could be tried the error is UserErrors.
func (s *Service) Activities(ctx context.Context, view audit.View, integrationID *string, inputs []*audit.DraftInput) ([]*audit.RecordResult, error) {
	if len(inputs) == 0 || len(inputs) > maxActivities {
		return nil, audit.Refuse(audit.CodeInvalid, fmt.Sprintf("Must hold 1 to %d activities.", maxActivities), "activities")
	}
	into, err := s.destination(ctx, view, integrationID)
	if err != nil {
		return nil, err
	}
	results := make([]*audit.RecordResult, len(inputs))
	var drafts []audit.Draft
	var places []int // of the drafts in inputs
	for i, input := range inputs {
		results[i] = &audit.RecordResult{IdempotencyKey: input.IdempotencyKey, Status: audit.RecordRefused}
		draft, problem := s.draft(into.ConnectorName, *input, i)
		if problem == nil && !s.allowed(view, into, &draft) {
			problem = refused(i, "", "The token's restriction does not let this activity in.", audit.CodeWiderThanCaller)
		}
		if problem != nil {
			results[i].Error = problem
			continue
		}
		drafts, places = append(drafts, draft), append(places, i)
	}
	if len(drafts) == 0 {
		return results, nil
	}
	receipt, err := s.record(ctx, into, feed, audit.PathPush, drafts)
	if err != nil {
		return nil, err
	}
	return results, s.show(ctx, view, receipt, places, results)
}

// allowed reports whether the activity would be visible to the token that records it. The draft is made fit before:
// the restriction must see the place and the texts that it will be recorded with, not those that were sent.
func (s *Service) allowed(view audit.View, into *audit.Integration, draft *audit.Draft) bool {
	s.fit(into.ConnectorName, draft)
	return view.Until(0).Sees(&audit.Activity{
		Tenant: view.Tenant(), Draft: *draft, IntegrationID: into.Number, Connector: into.ConnectorName, Feed: feed,
		Path: audit.PathPush, ObservedAt: view.Now(), RecordedAt: view.Now(),
	})
}

// destination finds the integration that the activities belong to.
func (s *Service) destination(ctx context.Context, view audit.View, integrationID *string) (*audit.Integration, error) {
	found, err := s.find(ctx, view, integrationID)
	switch {
	case errors.Is(err, audit.ErrNotFound), err == nil && found.DeletedAt != nil:
		return nil, audit.Refuse(audit.CodeNotFound, "There is no integration of this id.", "integrationId")
	case err != nil:
		return nil, err
	case found.ConnectorName != Registration().Connector.Name:
		return nil, audit.Refuse(audit.CodeConflict, "Must be an integration of the connector push.", "integrationId")
	case found.PausedAt != nil:
		return nil, audit.Refuse(audit.CodeConflict, "The integration is paused.", "integrationId")
	}
	return found, nil
}

func (s *Service) find(ctx context.Context, view audit.View, integrationID *string) (*audit.Integration, error) {
	if integrationID == nil {
		return s.integrations.BuiltIn(ctx, view.Tenant(), Registration().Connector)
	}
	parsed, _ := audit.ParseID(*integrationID)
	return s.integrations.Get(ctx, view, parsed)
}

// show adds to the results what became of the drafts.
func (s *Service) show(ctx context.Context, view audit.View, receipt audit.Receipt, places []int, results []*audit.RecordResult) error {
	var seqs []int64
	for n, result := range receipt.Results {
		shown := results[places[n]]
		switch {
		case result.Refused:
			shown.Error = refused(places[n], "idempotencyKey", "This key was used for another content.", audit.CodeKeyReused)
			continue
		case result.Repeated:
			shown.Status = audit.RecordRepeated
		default:
			shown.Status = audit.RecordRecorded
		}
		shown.Seq = new(result.Seq)
		seqs = append(seqs, result.Seq)
	}
	if len(seqs) == 0 {
		return nil
	}
	activities, err := s.ledger.Activities(ctx, view.Until(slices.Max(seqs)), seqs)
	if err != nil {
		return err
	}
	bySeq := map[int64]*audit.Activity{}
	for _, a := range activities {
		bySeq[a.Seq] = a
	}
	for _, shown := range results {
		if shown.Seq != nil {
			shown.Activity = bySeq[*shown.Seq]
		}
	}
	return nil
}

func refused(index int, field, message string, code audit.UserErrorCode) *audit.UserError {
	way := []string{"input", "activities", strconv.Itoa(index)}
	if field != "" {
		way = append(way, strings.Split(field, ".")...)
	}
	return &audit.UserError{Field: way, Message: message, Code: code}
}

var typePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./:-]{0,199}$`)

// draft checks what a client sent and makes a draft of it. Its raw is the canonical JSON of the input.
func (s *Service) draft(connectorName string, in audit.DraftInput, index int) (audit.Draft, *audit.UserError) {
	if field, message := s.check(in); message != "" {
		return audit.Draft{}, refused(index, field, message, audit.CodeInvalid)
	}
	in.OccurredAt = in.OccurredAt.UTC() // one moment is one content, in whatever zone it is told
	plain, err := json.Marshal(in)
	if err == nil {
		plain, err = jcs.Transform(plain)
	}
	if err != nil {
		return audit.Draft{}, refused(index, "metadata", "Must be a JSON object that RFC 8785 can write.", audit.CodeInvalid)
	}
	draft := audit.Draft{
		Type: connectorName + "." + in.Type, Action: in.Action, Category: in.Category, Description: in.Description,
		Actor: actor(connectorName, &in.Actor), OnBehalfOf: actor(connectorName, in.OnBehalfOf), Outcome: in.Outcome,
		OutcomeReason: in.OutcomeReason, SessionID: in.SessionID, RequestID: in.RequestID, OccurredAt: in.OccurredAt,
		VendorID: audit.Text(in.IdempotencyKey), Metadata: in.Metadata, Raw: plain, Key: in.IdempotencyKey,
		Content: sha256.Sum256(plain), Origin: audit.Origin{UserAgent: in.UserAgent},
	}
	if in.IP != "" {
		draft.Origin.IP = netip.MustParseAddr(string(in.IP)).Unmap() // check has read it
	}
	for _, target := range in.Targets {
		draft.Targets = append(draft.Targets, audit.NewTarget(connectorName, target.Type, target.VendorID, target.Name))
	}
	return draft, nil
}

func actor(connectorName string, in *audit.ActorInput) *audit.Actor {
	if in == nil {
		return nil
	}
	if made := audit.NewActor(connectorName, in.Type, in.VendorID, in.Name, in.Email); made != nil {
		return made
	}
	// Nobody is named, but the kind is told.
	return &audit.Actor{Key: connectorName + ":" + strings.ToLower(string(in.Type)), Type: in.Type}
}

// check gives the first field that is wrong, and what would be right.
func (s *Service) check(in audit.DraftInput) (field, message string) {
	texts := []struct {
		field string
		text  audit.Text
	}{
		{"description", in.Description},
		{"outcomeReason", in.OutcomeReason},
		{"userAgent", in.UserAgent},
		{"sessionId", in.SessionID},
		{"requestId", in.RequestID},
	}
	for _, t := range texts {
		if len(t.text) > maxText {
			return t.field, "Must have at most 4096 bytes."
		}
	}
	switch {
	case in.IdempotencyKey == "" || len(in.IdempotencyKey) > 255:
		return "idempotencyKey", "Must have 1 to 255 bytes."
	case !typePattern.MatchString(in.Type):
		return "type", "Must be a name like invoice.approve."
	case len(in.Targets) > maxTargets:
		return "targets", "Must be at most 50."
	case in.OccurredAt.Before(time.Unix(0, 0)):
		return "occurredAt", "Must not be before 1970."
	case in.OccurredAt.After(s.now().Add(maxAhead)):
		return "occurredAt", "Must be at most 5 minutes ahead."
	case len(in.Metadata) > maxMetadata:
		return "metadata", "Must have at most 64 KiB."
	case len(in.Metadata) > 0 && !bytes.HasPrefix(in.Metadata, []byte("{")):
		return "metadata", "Must be an object."
	case in.Metadata.TooDeep():
		return "metadata", fmt.Sprintf("Must nest at most %d deep.", audit.MaxJSONDepth)
	case !exactNumbers(in.Metadata):
		return "metadata", "Has a number that a double does not hold exactly: send it as a string."
	}
	if in.IP != "" {
		if ip, err := netip.ParseAddr(string(in.IP)); err != nil || ip.Zone() != "" {
			return "ip", "Must be an address like 203.0.113.9."
		}
	}
	if field, message := checkActor("actor", &in.Actor); message != "" {
		return field, message
	}
	if field, message := checkActor("onBehalfOf", in.OnBehalfOf); message != "" {
		return field, message
	}
	return checkTargets(in.Targets)
}

func checkActor(at string, in *audit.ActorInput) (field, message string) {
	if in == nil {
		return "", ""
	}
	switch {
	case len(in.VendorID) > maxText:
		return at + ".vendorId", "Must have at most 4096 bytes."
	case len(in.Name) > maxText:
		return at + ".name", "Must have at most 4096 bytes."
	case len(in.Email) > maxText:
		return at + ".email", "Must have at most 4096 bytes."
	}
	if (in.Type == audit.ActorUser || in.Type == audit.ActorService) && in.VendorID == "" && in.Name == "" && in.Email == "" {
		return at, "A USER or SERVICE must have at least one of vendorId, name and email."
	}
	return "", ""
}

func checkTargets(targets []audit.TargetInput) (field, message string) {
	for i, target := range targets {
		at := "targets." + strconv.Itoa(i)
		switch {
		case target.Type == "" || target.Type != strings.ToLower(target.Type) || len(target.Type) > 100:
			return at + ".type", "Must be lower case and have 1 to 100 bytes."
		case len(target.VendorID) > maxText || len(target.Name) > maxText:
			return at, "Must have at most 4096 bytes in each text."
		case target.VendorID == "" && target.Name == "":
			return at, "Must have vendorId or name."
		}
	}
	return "", ""
}
