package github

import (
	"slices"
	"strings"

	"annals/audit"
	"annals/sync/connector"
)

// places is where a record names targets of one kind: the first place that says something counts, and so for the ids.
type places struct {
	kind  string
	names []string
	ids   []string
}

// targetPlaces is in the order of the targets: what was acted on before what it belongs to. The kinds are those of
// webhooks, so that a repository is the same target in both.
var targetPlaces = []places{
	{"user", []string{"user"}, []string{"user_id"}},
	{"user", []string{"invitee"}, []string{"invitee_id"}},
	{"user", []string{"blocked_user"}, nil},
	{"team", []string{"team", "data.team"}, []string{"team_id", "data.team_id"}},
	{"pull_request", []string{"pull_request_title"}, []string{"pull_request_id"}},
	{"hook", nil, []string{"hook_id", "data.hook_id"}},
	{"ruleset", []string{"ruleset_name"}, []string{"ruleset_id"}},
	{"environment", []string{"environment_name"}, []string{"environment_id"}},
	{"runner", []string{"runner_name"}, []string{"runner_id"}},
	{"runner_group", []string{"runner_group_name"}, []string{"runner_group_id"}},
	{"application", []string{"integration"}, []string{"integration_id"}},
	{"installation", nil, []string{"installation_id"}},
	{"branch", []string{"branch"}, nil},
	{"repository", []string{"repo", "repository"}, []string{"repo_id", "repository_id"}},
	{"organization", []string{"org"}, []string{"org_id"}},
	{"enterprise", []string{"business", "enterprise"}, []string{"business_id", "enterprise_id"}},
}

// kindsOfSubjects are the kinds of what a bare `name` names, by the part of the action before the dot, where the kind
// is not that part itself.
var kindsOfSubjects = map[string]string{
	"business":         "enterprise",
	"codespaces":       "codespace",
	"org":              "organization",
	"protected_branch": "branch",
	"repo":             "repository",
	"workflows":        "workflow",
}

// takeTargets reads what was acted on. Names and ids are taken where both lists pair; ids that do not pair with
// the names stay in the metadata.
func (r record) takeTargets(action string) []audit.Target {
	var targets []audit.Target
	for _, p := range targetPlaces {
		targets = append(targets, r.takePlaces(p)...)
	}
	if own, ok := r.takeOwn(action, targets); ok {
		targets = slices.Insert(targets, 0, own)
	}
	return distinct(targets)
}

func (r record) takePlaces(p places) []audit.Target {
	names, nameAt := r.texts(p.names)
	ids, idAt := r.texts(p.ids)
	switch {
	case len(names) == 0 && len(ids) == 0:
		return nil
	case len(names) == 0:
		names = make([]audit.Text, len(ids))
	case len(ids) != len(names):
		ids, idAt = make([]audit.Text, len(names)), nil
	}
	r.takeAll(nameAt)
	r.takeAll(idAt)
	var targets []audit.Target
	for i, name := range names[:min(len(names), connector.MaxTargets)] {
		if p.kind == "branch" {
			name = branch(name)
		}
		if name != "" || ids[i] != "" {
			targets = append(targets, audit.NewTarget(connectorName, p.kind, ids[i], name))
		}
	}
	return targets
}

// takeOwn reads `name` and its like, which say what the action's own subject is called.
func (r record) takeOwn(action string, others []audit.Target) (audit.Target, bool) {
	if strings.Contains(action, "invit") {
		if email := r.take("email", "invitation_email"); email != "" {
			return audit.NewTarget(connectorName, "user", "", email), true
		}
	}
	subject, deed, ok := strings.Cut(strings.ToLower(action), ".")
	if !ok || subject == "" {
		return audit.Target{}, false
	}
	kind := subject
	if known, ok := kindsOfSubjects[subject]; ok {
		kind = known
	}
	if slices.ContainsFunc(others, func(t audit.Target) bool { return t.Type == kind }) {
		return audit.Target{}, false
	}
	for _, suffix := range []string{"secret", "variable"} {
		if name := r.peek("key"); name != "" && strings.HasSuffix(deed, "_"+suffix) {
			return audit.NewTarget(connectorName, suffix, "", r.take("key")), true
		}
	}
	name, id := r.take("name", "title", "user_programmatic_access_name", "key_name"), r.take(kind+"_id")
	return audit.NewTarget(connectorName, kind, id, name), name != "" || id != ""
}

// texts reads the first of the places that says something, and which places say the same and nothing else.
func (r record) texts(paths []string) (list []audit.Text, same []string) {
	for _, path := range paths {
		found := texts(r.at(path))
		if list == nil && len(found) > 0 {
			list = found
		}
		if len(found) > 0 && slices.Equal(list, found) && !slices.Contains(found, "") {
			same = append(same, path)
		}
	}
	return list, same
}

// branch is the name of a branch without the namespace that some records and webhooks put in front.
func branch(ref audit.Text) audit.Text {
	return audit.Text(strings.TrimPrefix(string(ref), "refs/heads/"))
}

// takeAll takes members; a member of a member stays with it.
func (r record) takeAll(paths []string) {
	for _, path := range paths {
		if !strings.Contains(path, ".") {
			r.Take(path)
		}
	}
}

// distinct keeps the first of the targets with one key.
func distinct(targets []audit.Target) []audit.Target {
	known := make(map[string]bool, len(targets))
	return slices.DeleteFunc(targets, func(t audit.Target) bool {
		again := known[t.Key]
		known[t.Key] = true
		return again
	})
}
