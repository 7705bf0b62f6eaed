package cloudtrail

import (
	"cmp"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// CloudTrail writes whole seconds in UTC. The second layout is what data lakes make of them.
const (
	timeLayout     = time.RFC3339
	timeLayoutLake = "2006-01-02 15:04:05"
)

// insightType is the eventType of Insights records, which tell of unusual numbers of calls and not of one call.
const insightType = "AwsCloudTrailInsight"

// call is one record while it is translated.
type call struct {
	members *connector.Members
	service string // `iam`, of the eventSource `iam.amazonaws.com`
	name    string // `CreateUser`
	kind    string // the eventType
	params  *connector.Members
}

// translate makes a draft of one record, whatever it holds. raw belongs to the draft from then on.
func translate(raw []byte) audit.Draft {
	content, err := connector.Content(raw)
	if err != nil {
		return unreadable(raw)
	}
	c := newCall(raw)
	draft := audit.Draft{
		Type:       c.draftType(),
		Action:     c.action(),
		Category:   c.category(),
		Origin:     c.origin(),
		RequestID:  c.members.Text("requestID"),
		OccurredAt: c.members.Time("eventTime", timeLayout, timeLayoutLake),
		VendorID:   c.members.Text("eventID"),
		Raw:        raw,
		Content:    content,
	}
	if draft.VendorID != "" {
		draft.Key = string(draft.VendorID) + "/" + c.members.Get("recipientAccountId").String()
	} else {
		draft.Key = connector.DigestKey(content)
	}
	draft.Outcome, draft.OutcomeReason = c.outcome()
	draft.Targets = c.targets()
	draft.Changes = c.changes()
	c.identify(&draft)
	draft.Description = describe(&draft, c)
	draft.Metadata = c.members.Rest()
	return draft
}

// unreadable records what is no JSON: the bytes are kept, and a person sees that they came.
func unreadable(raw []byte) audit.Draft {
	content := sha256.Sum256(raw)
	return audit.Draft{
		Type:        Name + ".unreadable",
		Action:      audit.ActionOther,
		Category:    audit.CategoryOther,
		Description: "CloudTrail delivered a record that is no JSON.",
		Outcome:     audit.OutcomeUnknown,
		Raw:         raw,
		Key:         connector.DigestKey(content),
		Content:     content,
	}
}

func newCall(raw []byte) *call {
	c := &call{members: connector.ReadMembers(string(raw))}
	c.service = strings.TrimSuffix(c.text("eventSource"), ".amazonaws.com")
	c.name = c.text("eventName")
	c.kind = c.text("eventType")
	c.params = c.members.Object("requestParameters")
	return c
}

// text looks at a member that should be a text.
func (c *call) text(name string) string {
	if value := c.members.Get(name); value.Type == gjson.String {
		return value.Str
	}
	return ""
}

// draftType puts the vendor, the service and the call together: `aws_cloudtrail.iam.CreateUser`. Insights records have
// no eventName and are `aws_cloudtrail.insight.ApiCallRateInsight`.
func (c *call) draftType() string {
	parts := []string{Name, c.service, c.name}
	if c.kind == insightType {
		parts = []string{Name, "insight", c.members.Object("insightDetails").Get("insightType").String()}
	}
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	if len(kept) == 1 {
		return Name + ".unknown"
	}
	if c.kind != insightType {
		c.members.Take("eventName")
	}
	return strings.Join(kept, ".")
}

// origin takes the address only where it is one: AWS puts the names of its services there as well.
func (c *call) origin() audit.Origin {
	origin := audit.Origin{UserAgent: c.members.Text("userAgent")}
	if addr, err := netip.ParseAddr(c.text("sourceIPAddress")); err == nil && addr.Zone() == "" {
		origin.IP = addr.Unmap()
		c.members.Take("sourceIPAddress")
	}
	return origin
}

// outcome follows errorCode. Sign-ins have none and say in responseElements how they ended.
func (c *call) outcome() (audit.Outcome, audit.Text) {
	code, message := c.members.Text("errorCode"), c.members.Text("errorMessage")
	reason := code
	switch {
	case code == "":
		reason = message
	case message != "":
		reason = code + ": " + message
	}
	switch {
	case denied(string(code)):
		return audit.OutcomeDenied, reason
	case code != "":
		return audit.OutcomeFailure, reason
	case c.kind == insightType || c.name == "":
		return audit.OutcomeUnknown, reason
	case c.name == "ConsoleLogin" || c.kind == "AwsConsoleSignIn":
		return c.signIn(), reason
	}
	return audit.OutcomeSuccess, reason
}

// denied tells a decision of a policy from other errors. Services put their name in front, as in VpceAccessDenied.
func denied(code string) bool {
	code = strings.TrimSuffix(code, "Exception")
	return strings.HasSuffix(code, "AccessDenied") || strings.HasSuffix(code, "UnauthorizedOperation")
}

// signIn reads `{"ConsoleLogin":"Failure"}`, whose name is that of the call.
func (c *call) signIn() audit.Outcome {
	switch c.members.Object("responseElements").Get(c.name).String() {
	case "Success":
		return audit.OutcomeSuccess
	case "Failure":
		return audit.OutcomeFailure
	}
	if c.text("errorMessage") != "" {
		return audit.OutcomeFailure
	}
	if c.name == "ConsoleLogin" {
		return audit.OutcomeUnknown
	}
	return audit.OutcomeSuccess
}

// describe says what happened in a sentence, since CloudTrail does not: `alice called iam.CreateUser on user bob.`
func describe(draft *audit.Draft, c *call) audit.Text {
	what := strings.TrimPrefix(draft.Type, Name+".")
	switch who := draft.Actor; {
	case c.kind == insightType:
		return audit.Text("CloudTrail noticed " + what + ".")
	case c.name == "":
		return "CloudTrail delivered a record that names no call."
	case who == nil:
		what += " was called"
	default:
		what = string(cmp.Or(who.Name, who.VendorID)) + " called " + what
	}
	if len(draft.Targets) > 0 {
		first := draft.Targets[0]
		what += " on " + first.Type + " " + string(cmp.Or(first.Name, first.VendorID))
	}
	switch draft.Outcome {
	case audit.OutcomeDenied:
		what += ", which was denied"
	case audit.OutcomeFailure:
		what += ", which failed"
	case audit.OutcomeSuccess, audit.OutcomeUnknown:
	}
	if draft.OutcomeReason != "" {
		what += ": " + strings.TrimSuffix(string(draft.OutcomeReason), ".")
	}
	return audit.Text(what + ".")
}
