package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// githubDeeds are what happens in the organization, by how often.
var githubDeeds = []struct {
	weight int
	bots   bool // done by apps
	do     func(*githubLife, *githubDeed, *githubPerson)
}{
	{160, false, (*githubLife).useGit},
	{60, true, (*githubLife).useGit},
	{60, true, (*githubLife).runWorkflow},
	{40, false, (*githubLife).changePullRequest},
	{20, false, (*githubLife).signIn},
	{12, false, (*githubLife).grantRepository},
	{10, false, (*githubLife).changeTeam},
	{8, false, (*githubLife).changeMember},
	{8, false, (*githubLife).makeRepository},
	{6, false, (*githubLife).changeRepository},
	{6, false, (*githubLife).protectBranch},
	{6, false, (*githubLife).useToken},
	{4, false, (*githubLife).addHook},
	{4, false, (*githubLife).keepSecret},
	{3, true, (*githubLife).rejectPush},
	{3, true, (*githubLife).findSecret},
	{2, false, (*githubLife).changePolicy},
}

func (d *githubDeed) set(action, operation string, members map[string]any) {
	d.record["action"] = action
	d.record["operation_type"] = operation
	maps.Copy(d.record, members)
}

func (r *githubRepo) members() map[string]any {
	return map[string]any{"repo": r.name, "repo_id": r.id, "visibility": r.visibility, "public_repo": r.visibility == "public"}
}

// hook gives the deed a webhook.
func (d *githubDeed) hook(actor *githubPerson, event, action string, payload map[string]any) {
	d.event, d.payload = event, payload
	if action != "" {
		payload["action"] = action
	}
	payload["sender"] = actor.payload()
	payload["organization"] = map[string]any{"login": GitHubOrganization, "id": githubOrganizationID}
}

func (p *githubPerson) payload() map[string]any {
	kind := "User"
	if strings.HasSuffix(p.login, "[bot]") {
		kind = "Bot"
	}
	return map[string]any{
		"login": p.login, "id": p.id, "type": kind, "site_admin": false,
		"url": "https://api.github.com/users/" + p.login, "html_url": "https://github.com/" + p.login,
	}
}

func (r *githubRepo) payload() map[string]any {
	_, name, _ := strings.Cut(r.name, "/")
	return map[string]any{
		"id": r.id, "name": name, "full_name": r.name, "private": r.visibility != "public", "archived": r.archived,
		"visibility": r.visibility, "default_branch": "main",
		"url": "https://api.github.com/repos/" + r.name, "html_url": "https://github.com/" + r.name,
	}
}

func (t *githubTeam) payload() map[string]any {
	_, slug, _ := strings.Cut(t.name, "/")
	return map[string]any{"id": t.id, "name": slug, "slug": slug, "privacy": "closed", "permission": "pull"}
}

func (l *githubLife) useGit(d *githubDeed, actor *githubPerson) {
	repo := pick(l.rand, l.repos)
	action := pick(l.rand, []string{"git.clone", "git.fetch", "git.fetch", "git.fetch", "git.push"})
	d.feed = "git"
	d.set(action, "access", map[string]any{
		"repo": repo.name, "repository": repo.name, "repository_public": repo.visibility == "public",
		"transport_protocol": 1, "transport_protocol_name": "http", "user": actor.login, "user_id": actor.id,
		"user_agent": "git/2.51.0", "hashed_token": l.documentID() + "0000000000000000000000=", "token_id": 500_000 + actor.id,
		"token_scopes": "repo", "programmatic_access_type": "Personal access token (classic)",
	})
	if action != "git.push" {
		return
	}
	after := l.hash()
	d.hook(actor, "push", "", map[string]any{
		"ref": "refs/heads/main", "before": l.hash(), "after": after, "created": false, "deleted": false, "forced": false,
		"repository": repo.payload(), "pusher": map[string]any{"name": actor.login, "email": actor.login + "@example.com"},
		"commits": []any{map[string]any{"id": after, "message": "Change " + repo.name, "distinct": true}},
	})
}

func (l *githubLife) runWorkflow(d *githubDeed, _ *githubPerson) {
	repo := pick(l.rand, l.repos)
	conclusion := pick(l.rand, []string{"success", "success", "success", "success", "failure", "cancelled"})
	d.set("workflows.completed_workflow_run", "modify", repo.members())
	maps.Copy(d.record, map[string]any{
		"name": "build", "workflow_id": 900_000 + repo.id, "workflow_run_id": 7_000_000 + l.newID(), "event": "push",
		"head_branch": "main", "head_sha": l.hash(), "conclusion": conclusion, "run_attempt": 1,
	})
}

func (l *githubLife) changePullRequest(d *githubDeed, _ *githubPerson) {
	repo := pick(l.rand, l.repos)
	d.set(pick(l.rand, []string{"pull_request.create", "pull_request.merge", "pull_request.close"}), "modify", repo.members())
	number := 1 + l.rand.IntN(900)
	d.record["pull_request_id"] = 2_000_000 + l.newID()
	d.record["pull_request_title"] = fmt.Sprintf("Change %d of %s", number, repo.name)
	d.record["pull_request_url"] = fmt.Sprintf("https://github.com/%s/pull/%d", repo.name, number)
}

func (l *githubLife) signIn(d *githubDeed, actor *githubPerson) {
	d.set("org.sso_response", "authentication", map[string]any{
		"user": actor.login, "user_id": actor.id, "external_identity_nameid": actor.login + "@example.com",
	})
}

func (l *githubLife) grantRepository(d *githubDeed, actor *githubPerson) {
	repo, member := pick(l.rand, l.repos), l.other(actor)
	action, event := "repo.add_member", "added"
	if l.rand.IntN(3) == 0 {
		action, event = "repo.remove_member", "removed"
	}
	d.set(action, "modify", repo.members())
	d.record["user"], d.record["user_id"] = member.login, member.id
	d.hook(actor, "member", event, map[string]any{"member": member.payload(), "repository": repo.payload()})
}

func (l *githubLife) changeTeam(d *githubDeed, actor *githubPerson) {
	team, member := pick(l.rand, l.teams), l.other(actor)
	action, event := "team.add_member", "added"
	if l.rand.IntN(3) == 0 {
		action, event = "team.remove_member", "removed"
	}
	d.set(action, "modify", map[string]any{"team": team.name, "team_id": team.id, "user": member.login, "user_id": member.id})
	d.hook(actor, "membership", event, map[string]any{"scope": "team", "member": member.payload(), "team": team.payload()})
}

// changeMember makes a new member, or changes what one may do.
func (l *githubLife) changeMember(d *githubDeed, actor *githubPerson) {
	if l.rand.IntN(3) > 0 {
		member := l.other(actor)
		former := member.permission
		member.permission = map[string]string{"read": "admin", "admin": "read"}[former]
		d.set("org.update_member", "modify", map[string]any{
			"user": member.login, "user_id": member.id, "permission": member.permission, "old_permission": former,
		})
		return
	}
	role := pick(l.rand, githubRoles)
	member := l.newPerson(fmt.Sprintf("%s-%02d", role, len(l.people)+1))
	l.people = append(l.people, member)
	d.set("org.add_member", "create", map[string]any{"user": member.login, "user_id": member.id, "permission": "read"})
	d.hook(actor, "organization", "member_added", map[string]any{
		"membership": map[string]any{"state": "active", "role": "member", "user": member.payload()},
	})
}

func (l *githubLife) makeRepository(d *githubDeed, actor *githubPerson) {
	repo := l.newRepo()
	l.repos = append(l.repos, repo)
	d.set("repo.create", "create", repo.members())
	d.hook(actor, "repository", "created", map[string]any{"repository": repo.payload()})
}

// changeRepository turns a repository public or private, archives it, or removes one while there are many.
func (l *githubLife) changeRepository(d *githubDeed, actor *githubPerson) {
	repo := pick(l.rand, l.repos)
	event := "archived"
	switch l.rand.IntN(3) {
	case 0:
		former := repo.visibility
		repo.visibility = map[string]string{"private": "public", "public": "private"}[former]
		d.set("repo.access", "modify", repo.members())
		d.record["previous_visibility"] = former
		event = map[string]string{"public": "publicized", "private": "privatized"}[repo.visibility]
	case 1:
		repo.archived = true
		d.set("repo.archived", "modify", repo.members())
	default:
		d.set("repo.update", "modify", repo.members())
		event = "edited"
		if len(l.repos) > len(githubNouns) {
			l.repos = slices.DeleteFunc(l.repos, func(r *githubRepo) bool { return r == repo })
			d.set("repo.destroy", "remove", repo.members())
			event = "deleted"
		}
	}
	d.hook(actor, "repository", event, map[string]any{"repository": repo.payload()})
}

func (l *githubLife) protectBranch(d *githubDeed, actor *githubPerson) {
	repo := pick(l.rand, l.repos)
	action := pick(l.rand, []string{"protected_branch.create", "protected_branch.destroy", "protected_branch.policy_override"})
	d.set(action, "modify", repo.members())
	d.record["name"] = "main"
	event, known := map[string]string{"protected_branch.create": "created", "protected_branch.destroy": "deleted"}[action]
	if known {
		rule := map[string]any{"id": l.newID(), "repository_id": repo.id, "name": "main", "admin_enforced": true}
		d.hook(actor, "branch_protection_rule", event, map[string]any{"rule": rule, "repository": repo.payload()})
	}
}

func (l *githubLife) useToken(d *githubDeed, actor *githubPerson) {
	action := pick(l.rand, []string{
		"personal_access_token.request_created", "personal_access_token.access_granted", "personal_access_token.request_denied",
		"personal_access_token.access_revoked", "public_key.create", "public_key.delete",
	})
	d.set(action, "modify", map[string]any{"user": actor.login, "user_id": actor.id})
	if strings.HasPrefix(action, "personal_access_token") {
		d.record["user_programmatic_access_name"] = "continuous integration"
		d.record["token_id"] = 600_000 + actor.id
		return
	}
	d.record["title"] = actor.login + "@example.com"
	d.record["fingerprint"] = "SHA256:" + l.documentID()
}

func (l *githubLife) addHook(d *githubDeed, _ *githubPerson) {
	d.set(pick(l.rand, []string{"hook.create", "hook.config_changed", "hook.destroy"}), "modify", map[string]any{
		"hook_id": 300_000 + l.rand.IntN(50), "events": []string{"push", "repository"}, "name": "webhook", "active": true,
	})
}

func (l *githubLife) keepSecret(d *githubDeed, _ *githubPerson) {
	repo := pick(l.rand, l.repos)
	d.set(pick(l.rand, []string{"repo.create_actions_secret", "repo.update_actions_secret", "repo.remove_actions_secret"}), "modify", repo.members())
	d.record["key"] = pick(l.rand, []string{"DEPLOY_TOKEN", "REGISTRY_PASSWORD", "SIGNING_KEY"})
}

// rejectPush is one of the records whose organization is a list.
func (l *githubLife) rejectPush(d *githubDeed, _ *githubPerson) {
	repo := pick(l.rand, l.repos)
	d.set("protected_branch.rejected_ref_update", "modify", repo.members())
	d.record["org"] = []string{GitHubOrganization, "example-org-2"}
	d.record["org_id"] = []int{githubOrganizationID, githubOrganizationID + 1}
	d.record["branch"] = "refs/heads/main"
	d.record["reasons"] = []any{map[string]any{"code": "protected_branch_policy", "message": "Cannot update this protected ref."}}
}

func (l *githubLife) findSecret(d *githubDeed, _ *githubPerson) {
	repo := pick(l.rand, l.repos)
	d.set("secret_scanning_alert.create", "create", repo.members())
	d.record["number"] = 1 + l.rand.IntN(200)
}

func (l *githubLife) changePolicy(d *githubDeed, _ *githubPerson) {
	action := pick(l.rand, []string{
		"org.disable_two_factor_requirement", "org.enable_two_factor_requirement", "ip_allow_list.enable",
		"ip_allow_list.disable", "org.disable_oauth_app_restrictions", "org.set_default_workflow_permissions",
	})
	d.set(action, "modify", nil)
}
