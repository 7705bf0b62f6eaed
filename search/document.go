package search

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"annals/audit"
)

// Attributes of a document beside those of words and exact values.
const (
	attributeID       = "id"
	attributeTenant   = "tenant"
	attributeSeq      = "seq"
	attributeOccurred = "t"        // microseconds since 1970
	attributeRecorded = "recorded" // microseconds since 1970
)

// attribute is where a document has the exact value of a field.
func attribute(field audit.Field) string {
	switch field {
	case audit.FieldOccurred:
		return attributeOccurred
	case audit.FieldRecorded:
		return attributeRecorded
	}
	return "f_" + strings.ReplaceAll(string(field), ".", "_")
}

// tenantName is how a tenant is called in the index.
func tenantName(tenant audit.TenantID) string { return "t" + strconv.FormatInt(int64(tenant), 16) }

// documentID is the same for every copy of an activity, so that adding it again changes nothing.
func documentID(tenant audit.TenantID, seq int64) string {
	return tenantName(tenant) + "-" + strconv.FormatInt(seq, 10)
}

// document is what the index keeps of an activity. All its text is ASCII: a document that Meilisearch cannot read
// would fail every task that it merges with this one.
type document map[string]any

// husk is a document without content: what is left of an activity that Meilisearch cannot index.
func husk(tenant audit.TenantID, seq int64) document {
	return document{attributeID: documentID(tenant, seq), attributeTenant: tenantName(tenant), attributeSeq: seq}
}

func newDocument(a *audit.Activity) document {
	d := husk(a.Tenant, a.Seq)
	d[attributeOccurred], d[attributeRecorded] = microseconds(a.OccurredAt), microseconds(a.RecordedAt)
	d.addWords(a)
	d.add(audit.FieldType, a.Type)
	d.add(audit.FieldAction, string(a.Action))
	d.add(audit.FieldCategory, string(a.Category))
	d.add(audit.FieldIntegration, a.IntegrationID.String())
	d.add(audit.FieldConnector, a.Connector)
	d.add(audit.FieldOutcome, string(a.Outcome))
	d.add(audit.FieldUserAgent, string(a.Origin.UserAgent))
	d.add(audit.FieldSession, string(a.SessionID))
	d.add(audit.FieldRequest, string(a.RequestID))
	d.add(audit.FieldVendorID, string(a.VendorID))
	d.add(audit.FieldPath, string(a.Path))
	if a.Origin.IP.IsValid() {
		d.add(audit.FieldIP, a.Origin.IP.String())
	}
	if place := a.Origin.Location; place != nil {
		d.add(audit.FieldCountry, string(place.Country))
		d.add(audit.FieldCity, string(place.City))
	}
	if actor := a.Actor; actor != nil {
		d.add(audit.FieldActor, actor.Key)
		d.add(audit.FieldActorType, string(actor.Type))
		d.add(audit.FieldActorID, string(actor.VendorID))
		d.add(audit.FieldActorName, string(actor.Name))
		d.add(audit.FieldActorEmail, string(actor.Email))
	}
	if behalf := a.OnBehalfOf; behalf != nil {
		d.add(audit.FieldBehalf, behalf.Key)
		d.add(audit.FieldBehalfType, string(behalf.Type))
		d.add(audit.FieldBehalfID, string(behalf.VendorID))
		d.add(audit.FieldBehalfName, string(behalf.Name))
		d.add(audit.FieldBehalfEmail, string(behalf.Email))
	}
	d.addTargets(a.Targets)
	return d
}

// add stores one exact value. Absent values are left out, so that EXISTS tells them.
func (d document) add(field audit.Field, value string) {
	if value != "" {
		d[attribute(field)], _ = exact(value)
	}
}

// addTargets stores the values of all targets side by side: which of them belong to one target is lost.
func (d document) addTargets(targets []audit.Target) {
	for _, t := range targets {
		d.addOneOf(audit.FieldTarget, t.Key)
		d.addOneOf(audit.FieldTargetType, t.Type)
		d.addOneOf(audit.FieldTargetID, string(t.VendorID))
		d.addOneOf(audit.FieldTargetName, string(t.Name))
	}
}

func (d document) addOneOf(field audit.Field, value string) {
	list, _ := d[attribute(field)].([]string)
	if form, _ := exact(value); value != "" && !slices.Contains(list, form) {
		d[attribute(field)] = append(list, form)
	}
}

// line is the document as a line of NDJSON.
func (d document) line() ([]byte, error) {
	line, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding document %v: %w", d[attributeID], err)
	}
	return append(line, '\n'), nil
}

// latest is the last microsecond that a number of the index is exact for: they are 64-bit floats.
const latest = 1 << 53

// microseconds is a time as the index has it. Times beyond the years 1684 to 2255 stand at these ends.
func microseconds(t time.Time) int64 { return max(-latest, min(latest, t.UnixMicro())) }
