package github

import (
	"slices"
	"strings"

	"annals/audit"
)

// verbsOfActions has the names that their words would mislead about.
var verbsOfActions = map[string]audit.Action{
	"business.sso_response":                 audit.ActionLogin,
	"business.cancel_admin_invitation":      audit.ActionRevoke,
	"external_identity.deprovision":         audit.ActionDisable,
	"git.clone":                             audit.ActionRead,
	"git.fetch":                             audit.ActionRead,
	"git.push":                              audit.ActionUpdate,
	"integration_installation.repositories": audit.ActionUpdate,
	"issues.assigned":                       audit.ActionUpdate,
	"issues.unassigned":                     audit.ActionUpdate,
	"org.cancel_invitation":                 audit.ActionRevoke,
	"org.oauth_app_access_requested":        audit.ActionOther,
	"org.sso_response":                      audit.ActionLogin,
	"protected_branch.policy_override":      audit.ActionUpdate,
	"protected_branch.rejected_ref_update":  audit.ActionUpdate,
	"pull_request.assigned":                 audit.ActionUpdate,
	"pull_request.unassigned":               audit.ActionUpdate,
	"pull_request_review.submit":            audit.ActionCreate,
	"repo.access":                           audit.ActionUpdate,
	"repository_invitation.create":          audit.ActionInvite,
	"repository_invitation.cancel":          audit.ActionRevoke,
	"staff.fake_login":                      audit.ActionLogin,
	"workflows.cancel_workflow_run":         audit.ActionExecute,
	"workflows.completed_workflow_run":      audit.ActionExecute,
	"workflows.created_workflow_run":        audit.ActionExecute,
	"workflows.prepared_workflow_job":       audit.ActionExecute,
	"workflows.rerun_workflow_run":          audit.ActionExecute,
}

// verbsOfEvents has the webhook events that mean one thing whatever their action.
var verbsOfEvents = map[string]audit.Action{
	"check_run":           audit.ActionExecute,
	"check_suite":         audit.ActionExecute,
	"deployment":          audit.ActionExecute,
	"deployment_status":   audit.ActionExecute,
	"fork":                audit.ActionCreate,
	"gollum":              audit.ActionUpdate,
	"merge_group":         audit.ActionExecute,
	"page_build":          audit.ActionExecute,
	"public":              audit.ActionUpdate,
	"repository_dispatch": audit.ActionExecute,
	"status":              audit.ActionExecute,
	"team_add":            audit.ActionGrant,
	"workflow_dispatch":   audit.ActionExecute,
	"workflow_job":        audit.ActionExecute,
	"workflow_run":        audit.ActionExecute,
}

// verbsOfWords reads single words of a name, in both forms that GitHub uses.
var verbsOfWords = map[string]audit.Action{
	"add": audit.ActionCreate, "added": audit.ActionCreate,
	"create": audit.ActionCreate, "created": audit.ActionCreate,
	"generate": audit.ActionCreate, "generated": audit.ActionCreate,
	"open": audit.ActionCreate, "opened": audit.ActionCreate,
	"provision": audit.ActionCreate, "register": audit.ActionCreate, "submitted": audit.ActionCreate,
	"publish": audit.ActionCreate, "published": audit.ActionCreate,

	"clone": audit.ActionRead, "fetch": audit.ActionRead, "read": audit.ActionRead, "view": audit.ActionRead,

	"archive": audit.ActionUpdate, "archived": audit.ActionUpdate,
	"change": audit.ActionUpdate, "changed": audit.ActionUpdate,
	"clear": audit.ActionUpdate, "cleared": audit.ActionUpdate,
	"close": audit.ActionUpdate, "closed": audit.ActionUpdate,
	"convert": audit.ActionUpdate, "converted": audit.ActionUpdate,
	"edit": audit.ActionUpdate, "edited": audit.ActionUpdate,
	"fixed": audit.ActionUpdate, "labeled": audit.ActionUpdate, "unlabeled": audit.ActionUpdate,
	"link": audit.ActionUpdate, "linked": audit.ActionUpdate,
	"unlink": audit.ActionUpdate, "unlinked": audit.ActionUpdate,
	"lock": audit.ActionUpdate, "locked": audit.ActionUpdate,
	"unlock": audit.ActionUpdate, "unlocked": audit.ActionUpdate,
	"merge": audit.ActionUpdate, "merged": audit.ActionUpdate, "milestoned": audit.ActionUpdate,
	"modify": audit.ActionUpdate, "moved": audit.ActionUpdate,
	"pinned": audit.ActionUpdate, "unpinned": audit.ActionUpdate,
	"privatized": audit.ActionUpdate, "publicized": audit.ActionUpdate, "push": audit.ActionUpdate,
	"answered": audit.ActionUpdate, "prereleased": audit.ActionUpdate, "released": audit.ActionUpdate,
	"ready": audit.ActionUpdate, "withdrawn": audit.ActionUpdate,
	"rename": audit.ActionUpdate, "renamed": audit.ActionUpdate,
	"reopen": audit.ActionUpdate, "reopened": audit.ActionUpdate,
	"reordered": audit.ActionUpdate, "reset": audit.ActionUpdate,
	"restore": audit.ActionUpdate, "restored": audit.ActionUpdate,
	"set": audit.ActionUpdate, "synchronize": audit.ActionUpdate,
	"unarchive": audit.ActionUpdate, "unarchived": audit.ActionUpdate,
	"update": audit.ActionUpdate, "updated": audit.ActionUpdate,
	"verify": audit.ActionUpdate, "unverify": audit.ActionUpdate,

	"delete": audit.ActionDelete, "deleted": audit.ActionDelete,
	"deprovision": audit.ActionDelete, "destroy": audit.ActionDelete, "destroyed": audit.ActionDelete,
	"remove": audit.ActionDelete, "removed": audit.ActionDelete,

	"login": audit.ActionLogin, "logout": audit.ActionLogout,

	"assign": audit.ActionGrant, "assigned": audit.ActionGrant, "grant": audit.ActionGrant,
	"granted": audit.ActionGrant, "promote": audit.ActionGrant,
	"demote": audit.ActionRevoke, "revoke": audit.ActionRevoke, "revoked": audit.ActionRevoke,
	"unassign": audit.ActionRevoke, "unassigned": audit.ActionRevoke, "cancelled": audit.ActionRevoke,

	"activate": audit.ActionEnable, "enable": audit.ActionEnable, "enabled": audit.ActionEnable,
	"unblock": audit.ActionEnable, "unblocked": audit.ActionEnable, "unsuspend": audit.ActionEnable,
	"block": audit.ActionDisable, "blocked": audit.ActionDisable,
	"disable": audit.ActionDisable, "disabled": audit.ActionDisable,
	"suspend": audit.ActionDisable, "suspended": audit.ActionDisable,

	"invite": audit.ActionInvite, "invited": audit.ActionInvite,

	"accept": audit.ActionApprove, "accepted": audit.ActionApprove,
	"approve": audit.ActionApprove, "approved": audit.ActionApprove,
	"decline": audit.ActionReject, "denied": audit.ActionReject, "deny": audit.ActionReject,
	"dismiss": audit.ActionReject, "dismissed": audit.ActionReject,
	"reject": audit.ActionReject, "rejected": audit.ActionReject,

	"transfer": audit.ActionTransfer, "transferred": audit.ActionTransfer,

	"download": audit.ActionExport, "export": audit.ActionExport, "exported": audit.ActionExport,

	"dispatch": audit.ActionExecute, "rerun": audit.ActionExecute, "run": audit.ActionExecute,
	"trigger": audit.ActionExecute,
}

// holders are words for what gains or loses access when it is added or removed.
var holders = []string{
	"admin", "collaborator", "maintainer", "manager", "member", "members", "membership", "moderators", "owner",
	"repositories", "repository", "role", "seat", "team", "user", "users",
}

// verb is our verb for one of GitHub's names: by the whole name, by its event, else by the words after the last dot,
// the first word and the last one before those between them. ActionOther when nothing in it is known.
func verb(name string) audit.Action {
	if known, ok := verbsOfActions[name]; ok {
		return known
	}
	subject, deed := "", name
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		subject, deed = name[:dot], name[dot+1:]
	}
	event, _, _ := strings.Cut(name, ".")
	if known, ok := verbsOfEvents[event]; ok {
		return known
	}
	words := strings.Split(deed, "_")
	inOrder := slices.Concat(words[:1], words[len(words)-1:], words)
	for _, word := range inOrder {
		if known, ok := verbsOfWords[word]; ok {
			return ofAccess(known, word, slices.Concat(words, strings.Split(subject, "_")))
		}
	}
	return audit.ActionOther
}

// ofAccess makes a grant of adding a holder of access, and a revocation of removing one.
func ofAccess(known audit.Action, word string, words []string) audit.Action {
	holds := slices.ContainsFunc(words, func(w string) bool { return slices.Contains(holders, w) })
	switch {
	case holds && (word == "add" || word == "added"):
		return audit.ActionGrant
	case holds && (word == "remove" || word == "removed"):
		return audit.ActionRevoke
	}
	return known
}

// ranks orders the permissions of repositories, teams and organizations.
var ranks = map[audit.Text]int{
	"none": 1, "read": 2, "pull": 2, "member": 2, "triage": 3, "write": 4, "push": 4, "maintain": 5, "admin": 6, "owner": 6,
}

// promotion tells an update of somebody's permission from any other: a grant when it rises, a revocation when it falls.
func promotion(known audit.Action, before, after audit.Text) audit.Action {
	from, to := ranks[before], ranks[after]
	switch {
	case known != audit.ActionUpdate || from == 0 || to == 0 || from == to:
		return known
	case to > from:
		return audit.ActionGrant
	}
	return audit.ActionRevoke
}
