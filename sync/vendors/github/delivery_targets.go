package github

import (
	"iter"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// deliveryPlaces are the members of payloads that hold a target, or a list of them, in the order of the targets. The
// kind is the member's name unless kindsOfMembers has another.
var deliveryPlaces = []string{
	"member", "membership.user", "blocked_user", "invitation", "user", "assignee", "requested_reviewer",
	"requested_team", "team", "rule", "repository_ruleset", "personal_access_token_request", "key", "hook", "label",
	"milestone", "comment", "review", "thread", "answer", "issue", "pull_request", "discussion", "project_card",
	"project_column", "project", "projects_v2", "projects_v2_item", "package", "registry_package", "release", "build",
	"workflow_job", "workflow_run", "workflow", "check_run", "check_suite", "deployment_status", "deployment",
	"merge_group", "alert", "security_advisory", "sponsorship.sponsorable", "marketplace_purchase.account", "forkee", "repositories",
	"repositories_added", "repositories_removed", "repository", "account", "organization", "enterprise",
}

// kindsOfMembers are the kinds of members that are called by their part in the event.
var kindsOfMembers = map[string]string{
	"account":         "user",
	"answer":          "discussion_comment",
	"assignee":        "user",
	"blocked_user":    "user",
	"build":           "page_build",
	"forkee":          "repository",
	"invitation":      "user",
	"key":             "deploy_key",
	"member":          "user",
	"membership.user": "user",

	"marketplace_purchase.account": "organization",
	"sponsorship.sponsorable":      "user",

	"repositories":         "repository",
	"repositories_added":   "repository",
	"repositories_removed": "repository",
	"requested_reviewer":   "user",
	"requested_team":       "team",
	"review":               "pull_request_review",
	"rule":                 "branch_protection_rule",
	"thread":               "pull_request_review_thread",
}

// ownNames are what objects call themselves, best first.
var ownNames = []string{
	"login", "full_name", "name", "title", "tag_name", "summary", "app_slug", "slug", "environment", "email", "token_name",
}

// deliveryTargets reads what an event was about.
func (r record) deliveryTargets(event string) []audit.Target {
	targets, repository := r.refTarget(event), r.peek("repository.full_name")
	repository = repository[:min(len(repository), maxName)]
	for _, path := range deliveryPlaces {
		for object := range objects(r.at(path)) {
			if target, ok := deliveryTarget(event, path, object, repository); ok {
				targets = append(targets, target)
			}
		}
	}
	if installed, ok := r.installationTarget(event); ok {
		targets = append(targets, installed)
	}
	return distinct(targets)
}

// refTarget is the branch or tag of a push, or of one that was made or removed.
func (r record) refTarget(event string) []audit.Target {
	ref := r.peek("ref")
	if ref == "" || !slices.Contains([]string{"push", "create", "delete"}, event) {
		return nil
	}
	kind := string(r.peek("ref_type"))
	if kind == "" {
		kind = "branch"
		if tag, ok := strings.CutPrefix(string(ref), "refs/tags/"); ok {
			kind, ref = "tag", audit.Text(tag)
		}
	}
	return []audit.Target{audit.NewTarget(connectorName, kind, "", branch(ref))}
}

// deliveryTarget makes a target of an object, in an event about a repository.
func deliveryTarget(event, path string, object gjson.Result, repository audit.Text) (audit.Target, bool) {
	kind, ok := kindsOfMembers[path]
	if !ok {
		kind = path
	}
	name, id := nameOf(object), text(object.Get("id"))
	switch path {
	case "alert", "comment":
		kind = event
	}
	if path == "alert" {
		name, id = numbered(object, name, repository), ""
	}
	if path == "security_advisory" {
		id = text(object.Get("ghsa_id"))
	}
	return audit.NewTarget(connectorName, kind, id, name), name != "" || id != ""
}

// numbered names an alert as people do, since its number counts within a repository: example/payments#7.
func numbered(alert gjson.Result, name, repository audit.Text) audit.Text {
	number := text(alert.Get("number"))
	if number == "" {
		number = text(alert.Get("id"))
	}
	if number == "" {
		return name
	}
	return repository + "#" + number
}

// installationTarget is the app of an event about installations. In other events an installation only says for which
// app the webhook was made.
func (r record) installationTarget(event string) (audit.Target, bool) {
	if !strings.HasPrefix(event, "installation") {
		return audit.Target{}, false
	}
	installation := r.Get("installation")
	id, name := text(installation.Get("id")), nameOf(installation)
	if name == "" {
		name = nameOf(installation.Get("account"))
	}
	return audit.NewTarget(connectorName, "installation", id, name), id != ""
}

// objects are an object itself, or the first objects of a list.
func objects(value gjson.Result) iter.Seq[gjson.Result] {
	return func(yield func(gjson.Result) bool) {
		switch {
		case value.IsObject():
			yield(value)
		case value.IsArray():
			count := 0
			value.ForEach(func(_, element gjson.Result) bool {
				if !element.IsObject() {
					return true
				}
				count++
				return yield(element) && count < connector.MaxTargets
			})
		}
	}
}

func nameOf(object gjson.Result) audit.Text {
	for _, name := range ownNames {
		if found := text(object.Get(name)); found != "" {
			return found
		}
	}
	return ""
}
