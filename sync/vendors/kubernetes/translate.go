package kubernetes

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// maxObject is how many bytes of a request's or response's object metadata takes. What is larger, as the answers to
// lists are, stays in raw alone.
const maxObject = 32 << 10

// event is one audit event while it is translated.
type event struct {
	members *connector.Members
	object  *connector.Members // objectRef
	status  *connector.Members // responseStatus
	verb    string
	stage   string
	// resource and subresource are what the request was about; without them it was about a path.
	resource, subresource string
}

// translate makes a draft of one event, whatever it holds, and gives its stage. raw belongs to the draft from then on.
func translate(raw []byte) (draft audit.Draft, stage string) {
	content, err := connector.Content(raw)
	if err != nil {
		return unreadable(raw), ""
	}
	e := newEvent(raw)
	draft = audit.Draft{
		Type:      e.draftType(),
		Action:    e.action(),
		Category:  e.category(),
		Targets:   e.targets(),
		Origin:    audit.Origin{IP: e.address(), UserAgent: e.members.Text("userAgent")},
		RequestID: e.members.Text("auditID"),
		Raw:       raw,
		Content:   content,
	}
	if draft.VendorID = draft.RequestID; draft.VendorID != "" {
		draft.Key = string(draft.VendorID) + "/" + e.stage
	} else {
		draft.Key = connector.DigestKey(content)
	}
	draft.OccurredAt = e.time()
	draft.Outcome, draft.OutcomeReason = e.outcome()
	e.identify(&draft)
	draft.Description = e.describe(&draft)
	draft.Metadata = e.metadata()
	return draft, e.stage
}

// unreadable records what is no JSON: the bytes are kept, and a person sees that they came.
func unreadable(raw []byte) audit.Draft {
	content := sha256.Sum256(raw)
	return audit.Draft{
		Type:        Name + ".unreadable",
		Action:      audit.ActionOther,
		Category:    audit.CategoryOther,
		Description: "Kubernetes delivered an event that is no JSON.",
		Outcome:     audit.OutcomeUnknown,
		Raw:         raw,
		Key:         connector.DigestKey(content),
		Content:     content,
	}
}

func newEvent(raw []byte) *event {
	e := &event{members: connector.ReadMembers(string(raw))}
	e.object, e.status = e.members.Object("objectRef"), e.members.Object("responseStatus")
	e.verb, e.stage = text(e.members, "verb"), text(e.members, "stage")
	e.resource, e.subresource = text(e.object, "resource"), text(e.object, "subresource")
	return e
}

// text looks at a member that should be a text.
func text(members *connector.Members, name string) string {
	if value := members.Get(name); value.Type == gjson.String {
		return value.Str
	}
	return ""
}

// draftType is `kubernetes.pods/exec.create`, or `kubernetes.nonResource.get` for paths like /healthz.
func (e *event) draftType() string {
	if e.verb == "" {
		return Name + ".unknown"
	}
	e.members.Take("verb")
	return Name + "." + e.about() + "." + e.verb
}

// about names what the request was about.
func (e *event) about() string {
	switch {
	case e.resource == "":
		return "nonResource"
	case e.subresource == "":
		return e.resource
	}
	return e.resource + "/" + e.subresource
}

// time takes the time of the request, the same at every stage, before that of the stage.
func (e *event) time() time.Time {
	for _, name := range []string{"requestReceivedTimestamp", "stageTimestamp", "timestamp"} {
		if at := e.members.Time(name, time.RFC3339Nano); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// address is the last of the source addresses: those before it are what the client says in X-Forwarded-For.
func (e *event) address() netip.Addr {
	var last netip.Addr
	count := 0
	for address := range elements(e.members.Get("sourceIPs")) {
		count++
		if addr, err := netip.ParseAddr(address.String()); err == nil && addr.Zone() == "" {
			last = addr.Unmap()
		}
	}
	if count == 1 && last.IsValid() {
		e.members.Take("sourceIPs")
	}
	return last
}

// elements are those of a list, or what stands in its place.
func elements(list gjson.Result) iter.Seq[gjson.Result] {
	return func(yield func(gjson.Result) bool) {
		switch {
		case list.IsArray():
			list.ForEach(func(_, element gjson.Result) bool { return yield(element) })
		case list.Type != gjson.Null:
			yield(list)
		}
	}
}

// outcome follows the status code and the authorizer's decision. Before the response nobody knows.
func (e *event) outcome() (audit.Outcome, audit.Text) {
	annotations := e.members.Object("annotations")
	code := e.status.Get("code").Int()
	forbidden := text(annotations, "authorization.k8s.io/decision") == "forbid"
	reason := text(e.status, "reason")
	if message := text(e.status, "message"); message != "" {
		reason = strings.TrimPrefix(reason+": "+message, ": ")
	}
	switch {
	case code == 401, code == 403, forbidden:
		return audit.OutcomeDenied, audit.Text(cmp.Or(reason, text(annotations, "authorization.k8s.io/reason")))
	case code >= 400, e.stage == "Panic":
		return audit.OutcomeFailure, audit.Text(reason)
	case code > 0:
		return audit.OutcomeSuccess, audit.Text(reason)
	}
	return audit.OutcomeUnknown, audit.Text(reason)
}

// describe says what happened in a sentence: `alice@example.com called get on secrets prod/db, which was denied.`
func (e *event) describe(draft *audit.Draft) audit.Text {
	if e.verb == "" {
		return "Kubernetes delivered an event that names no verb."
	}
	what := "Somebody"
	if draft.Actor != nil {
		what = string(draft.Actor.Name)
	}
	if draft.OnBehalfOf != nil {
		what += " as " + string(draft.OnBehalfOf.Name)
	}
	what += " called " + e.verb + " on " + e.about()
	if len(draft.Targets) > 0 {
		what += " " + string(cmp.Or(draft.Targets[0].VendorID, draft.Targets[0].Name))
	}
	switch draft.Outcome {
	case audit.OutcomeDenied:
		what += ", which was denied"
	case audit.OutcomeFailure:
		what += ", which failed"
	case audit.OutcomeSuccess, audit.OutcomeUnknown:
		return audit.Text(what + ".")
	}
	if draft.OutcomeReason != "" {
		what += ": " + strings.TrimSuffix(string(draft.OutcomeReason), ".")
	}
	return audit.Text(what + ".")
}

// metadata is the rest, without the objects that hold credentials and those that are too large.
func (e *event) metadata() audit.JSON {
	for _, name := range []string{"requestObject", "responseObject"} {
		object := e.members.Get(name)
		if len(object.Raw) > maxObject || e.credential() || credentialKind(object.Get("kind").String()) {
			e.members.Take(name)
		}
	}
	if text(e.members, "kind") == "Event" {
		e.members.Take("kind")
	}
	return e.members.Rest()
}

// credential reports whether the objects of the request hold a secret, a token, or a token that was asked about.
func (e *event) credential() bool {
	return e.resource == "secrets" || e.resource == "tokenreviews" || e.subresource == "token"
}

// credentialKind knows the kinds of such objects, lists of them included, wherever they come.
func credentialKind(kind string) bool {
	return strings.HasPrefix(kind, "Secret") || strings.HasPrefix(kind, "Token")
}

// path is the request's path without its query.
func (e *event) path() string {
	uri := text(e.members, "requestURI")
	if parsed, err := url.Parse(uri); err == nil {
		return parsed.Path
	}
	return uri
}
