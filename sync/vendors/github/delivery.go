package github

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// translateDelivery makes a draft of a webhook's delivery, whose JSON is raw. Its type is `github.<event>.<action>`, or
// `github.<event>` where the payload has no action.
func translateDelivery(delivery connector.Delivery, raw []byte) audit.Draft {
	content, err := connector.Content(raw)
	r, ok := readRecord(raw)
	if err != nil || !ok {
		draft := unreadable(delivery.Body)
		draft.Key = deliveryKey(delivery.Header, draft.Content)
		return draft
	}
	event := eventOf(delivery.Header.Get(eventHeader))
	name := event
	if deed := r.take("action"); deed != "" {
		name += "." + string(deed)
	}
	object := r.object(event)
	whole := gjson.ParseBytes(raw)
	before, after := r.peek("changes.permission.from"), r.peek("changes.permission.to")
	draft := audit.Draft{
		Type:       typePrefix + name,
		Action:     r.refAction(event, promotion(verb(name), before, after)),
		Category:   category(name),
		Outcome:    deliveryOutcome(object, whole),
		Actor:      r.sender(),
		Targets:    r.deliveryTargets(event),
		OccurredAt: happened(event, name, object, whole, delivery.At),
		VendorID:   audit.Text(delivery.Header.Get(deliveryHeader)),
		Changes:    r.deliveryChanges(event),
		Metadata:   r.metadata(boilerplate),
		Raw:        delivery.Body,
		Key:        deliveryKey(delivery.Header, content),
		Content:    content,
	}
	if draft.Outcome != audit.OutcomeSuccess {
		draft.OutcomeReason = conclusion(object, whole)
	}
	draft.Description = sentence(&draft)
	return draft
}

// maxName is how long a name may be that many targets or changes repeat, in bytes: together they would take many times
// the memory of the delivery. GitHub's names of events and repositories have at most 140.
const maxName = 1 << 10

func eventOf(header string) string {
	if header == "" || len(header) > maxName {
		return "unknown"
	}
	return header
}

// objectsOfEvents names the member that an event is about, where it is not called like the event.
var objectsOfEvents = map[string]string{
	"branch_protection_rule":         "rule",
	"code_scanning_alert":            "alert",
	"commit_comment":                 "comment",
	"dependabot_alert":               "alert",
	"deploy_key":                     "key",
	"discussion_comment":             "comment",
	"fork":                           "forkee",
	"installation_repositories":      "installation",
	"issue_comment":                  "comment",
	"issues":                         "issue",
	"membership":                     "member",
	"meta":                           "hook",
	"org_block":                      "blocked_user",
	"page_build":                     "build",
	"ping":                           "hook",
	"public":                         "repository",
	"pull_request_review":            "review",
	"pull_request_review_comment":    "comment",
	"pull_request_review_thread":     "thread",
	"repository_vulnerability_alert": "alert",
	"secret_scanning_alert":          "alert",
	"team_add":                       "team",
}

// object is what the event is about.
func (r record) object(event string) gjson.Result {
	if name, ok := objectsOfEvents[event]; ok {
		return r.Get(name)
	}
	return r.Get(event)
}

// refAction tells a push that made or removed its branch or tag from one that moved it.
func (r record) refAction(event string, known audit.Action) audit.Action {
	switch {
	case event != "push" || r.peek("ref") == "":
		return known
	case r.Get("deleted").Type == gjson.True:
		return audit.ActionDelete
	case r.Get("created").Type == gjson.True:
		return audit.ActionCreate
	}
	return known
}

// sender is who did it. Some events have none; of a push then the one who pushed.
func (r record) sender() *audit.Actor {
	sender := r.Get("sender")
	login, kind := text(sender.Get("login")), text(sender.Get("type"))
	if login == "" {
		return audit.NewActor(connectorName, audit.ActorUser, "", text(r.Get("pusher").Get("name")), "")
	}
	actor := actorType(login, kind == "Bot")
	if kind == "Organization" && actor == audit.ActorUser {
		actor = audit.ActorUnknown // one of its members, GitHub does not say who
	}
	return audit.NewActor(connectorName, actor, text(sender.Get("id")), login, "")
}

// conclusion is how a run, check, deployment or status ended; empty while it has not.
func conclusion(object, whole gjson.Result) audit.Text {
	for _, value := range []gjson.Result{object.Get("conclusion"), object.Get("state"), object.Get("status"), whole.Get("state")} {
		if _, known := conclusions[text(value)]; known {
			return text(value)
		}
	}
	return ""
}

// deliveryOutcome is the conclusion where there is one: else a webhook tells what took place.
func deliveryOutcome(object, whole gjson.Result) audit.Outcome {
	if known, ok := conclusions[conclusion(object, whole)]; ok {
		return known
	}
	return audit.OutcomeSuccess
}

// boilerplate are members that repeat in every object and only say where the API has it. They are a payload's bulk.
func boilerplate(name string, value gjson.Result) bool {
	switch name {
	case "node_id", "avatar_url", "gravatar_id":
		return true
	}
	if name != "url" && !strings.HasSuffix(name, "_url") {
		return false
	}
	// The API of github.com, and of servers of one's own.
	return strings.Contains(value.Str, "://api.") || strings.Contains(value.Str, "/api/v3/")
}

// redeliverable is how long GitHub lets a delivery be repeated, and so how old a time may be that belongs to it.
// skew is how far GitHub's clock may be ahead of ours.
const (
	redeliverable = 3 * 24 * time.Hour
	skew          = 5 * time.Minute
)

// happened is when it happened: the time that the changed object bears, else that of the delivery. Objects keep old
// times where an action does not touch them, so one that cannot belong to the delivery does not count.
func happened(event, name string, object, whole gjson.Result, at time.Time) time.Time {
	for _, value := range timesOf(event, verb(name), object, whole) {
		if t := moment(value); t.After(at.Add(-redeliverable)) && t.Before(at.Add(skew)) {
			return t
		}
	}
	return at
}

func timesOf(event string, verb audit.Action, object, whole gjson.Result) []gjson.Result {
	switch {
	case event == "push", event == "create", event == "delete":
		return []gjson.Result{whole.Get("repository.pushed_at")}
	case verb == audit.ActionDelete, verb == audit.ActionRevoke:
		return nil // what is gone bears the time of its last change
	case verb == audit.ActionCreate:
		return gather(object, "submitted_at", "published_at", "created_at", "updated_at")
	}
	return append(gather(object, "updated_at", "completed_at", "started_at"), whole.Get("updated_at"), whole.Get("created_at"))
}

func gather(object gjson.Result, names ...string) []gjson.Result {
	values := make([]gjson.Result, len(names))
	for i, name := range names {
		values[i] = object.Get(name)
	}
	return values
}
