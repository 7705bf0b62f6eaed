package github

import (
	"net/netip"
	"strings"

	"annals/audit"
	"annals/sync/connector"
)

// translate makes a draft of one record of the audit log, as the API and the streams have it. Whatever the bytes are,
// a draft comes out: what cannot be read stays in raw.
func translate(raw []byte) audit.Draft {
	content, err := connector.Content(raw)
	r, ok := readRecord(raw)
	if err != nil || !ok {
		return unreadable(raw)
	}
	action := string(r.take("action"))
	before, after := r.peek("old_permission", "old_repo_permission"), r.peek("permission", "new_repo_permission")
	draft := audit.Draft{
		Type:          typeOf(action),
		Action:        promotion(verb(action), before, after),
		Category:      category(action),
		Outcome:       outcome(action, r.peek("conclusion")),
		OutcomeReason: r.takeReason(),
		Actor:         r.takeActor(),
		OnBehalfOf:    r.takeOnBehalfOf(),
		Targets:       r.takeTargets(action),
		Origin:        r.takeOrigin(),
		SessionID:     r.take("actor_session", "agent_session_id"),
		RequestID:     r.take("request_id", "workflow_run_id"),
		OccurredAt:    r.takeTime("@timestamp", "created_at"),
		VendorID:      r.take("_document_id"),
		Changes:       r.changes(),
		Description:   r.take("message"),
		Raw:           raw,
		Content:       content,
	}
	draft.Key = keyOf(draft.VendorID, content)
	if draft.Description == "" {
		draft.Description = sentence(&draft)
	}
	draft.Metadata = r.metadata(nothing)
	return draft
}

// unreadable is the draft of what is no object, or no JSON at all.
func unreadable(raw []byte) audit.Draft {
	content := connector.ContentOrBytes(raw)
	return audit.Draft{
		Type:        typePrefix + "unreadable",
		Action:      audit.ActionOther,
		Category:    audit.CategoryOther,
		Outcome:     audit.OutcomeUnknown,
		Description: "GitHub sent a record that is no JSON object.",
		Raw:         raw,
		Content:     content,
		Key:         connector.DigestKey(content),
	}
}

const typePrefix = connectorName + "."

func typeOf(action string) string {
	if action == "" {
		return typePrefix + "unknown"
	}
	return typePrefix + action
}

func keyOf(documentID audit.Text, content [32]byte) string {
	if documentID == "" {
		return connector.DigestKey(content)
	}
	return string(documentID)
}

func (r record) takeActor() *audit.Actor {
	name, id := r.take("actor"), r.take("actor_id")
	service := r.take("actor_is_bot") == "true" || r.peek("actor_is_agent") == "true"
	return audit.NewActor(connectorName, actorType(name, service), id, name, "")
}

// actorType tells apps and agents from GitHub itself and from people.
func actorType(login audit.Text, service bool) audit.ActorType {
	switch {
	case service, strings.HasSuffix(string(login), "[bot]"):
		return audit.ActorService
	case login == "":
		return audit.ActorUnknown
	case login == "github", strings.HasPrefix(string(login), "github-"):
		return audit.ActorSystem
	}
	return audit.ActorUser
}

// takeOnBehalfOf reads for whom an agent acts: `user` is then the person who set it to work
// (docs.github.com, "Audit log events for agents").
func (r record) takeOnBehalfOf() *audit.Actor {
	if r.peek("actor_is_agent") != "true" {
		return nil
	}
	person := audit.NewActor(connectorName, audit.ActorUser, r.peek("user_id"), r.peek("user"), "")
	for _, name := range []string{"user_id", "user"} {
		if r.peek(name) != "" {
			r.Put(name, nil) // it is no target then
		}
	}
	return person
}

func (r record) takeOrigin() audit.Origin {
	origin := audit.Origin{UserAgent: r.take("user_agent"), Location: r.takeLocation()}
	if ip, err := netip.ParseAddr(string(r.peek("actor_ip"))); err == nil {
		origin.IP = ip.Unmap().WithZone("")
		r.Take("actor_ip")
	}
	return origin
}

// takeLocation reads a country code. It takes the member unless that says more.
func (r record) takeLocation() *audit.Location {
	told := r.Get("actor_location")
	code := text(told.Get("country_code"))
	if len(code) != 2 {
		return nil
	}
	if len(told.Map()) == 1 {
		r.Take("actor_location")
	}
	return &audit.Location{Country: audit.Text(strings.ToUpper(string(code))), Source: audit.LocationVendor}
}

// maxNamed is how many targets a sentence names.
const maxNamed = 3

// sentence says what a draft is about where GitHub has no message of its own.
func sentence(d *audit.Draft) audit.Text {
	what, targets := deed(d)
	if len(targets) > 0 {
		what += " on " + named(targets)
	}
	switch {
	case d.Actor == nil:
		return audit.Text("GitHub recorded " + what + ".")
	case d.Outcome == audit.OutcomeDenied:
		return audit.Text(called(d.Actor) + " attempted " + what + ".")
	}
	return audit.Text(called(d.Actor) + " performed " + what + ".")
}

// ofPushes are the pushes that do more than move a branch or tag.
var ofPushes = map[audit.Action]string{
	audit.ActionCreate: "a push that created ",
	audit.ActionDelete: "a push that deleted ",
}

// deed names what happened, and gives the targets that are still to be named.
func deed(d *audit.Draft) (what string, targets []audit.Target) {
	what = strings.TrimPrefix(d.Type, typePrefix)
	if d.Type == typeOf("") {
		what = "something without a name"
	}
	if how, ok := ofPushes[d.Action]; ok && what == "push" && len(d.Targets) > 0 {
		return how + named(d.Targets[:1]), d.Targets[1:]
	}
	return what, d.Targets
}

// named names the first targets with their kinds.
func named(targets []audit.Target) string {
	var names []string
	for _, target := range targets[:min(len(targets), maxNamed)] {
		names = append(names, strings.ReplaceAll(target.Type, "_", " ")+" "+string(label(target)))
	}
	return strings.Join(names, ", ")
}

func called(a *audit.Actor) string {
	if a.Name != "" {
		return string(a.Name)
	}
	return string(a.VendorID)
}

func label(t audit.Target) audit.Text {
	if t.Name != "" {
		return t.Name
	}
	return t.VendorID
}
