package cloudtrail

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// action finds the verb of a call by its name, and where no table knows the name by whether it only read.
func (c *call) action() audit.Action {
	if c.kind == insightType {
		return audit.ActionOther
	}
	name := plainName(c.name)
	if action := wholeNames(name); action != "" {
		return action
	}
	if action := policyVerbs(name); action != "" {
		return action
	}
	if action := verbs(firstWord(name)); action != "" {
		return action
	}
	if c.members.Get("readOnly").Type == gjson.True {
		return audit.ActionRead
	}
	return audit.ActionOther
}

// plainName drops what some services put around the name: versions (`AddPermission20150331v2`), and Batch and Admin in
// front of the verb.
func plainName(name string) string {
	if last := len(name) - 1; last >= 0 && '0' <= name[last] && name[last] <= '9' {
		name = strings.TrimRight(name, "0123456789_v")
	}
	for _, front := range [...]string{"Batch", "Admin"} {
		if rest := strings.TrimPrefix(name, front); firstWord(rest) != "" {
			name = rest
		}
	}
	return name
}

// firstWord is the capital at the start with the small letters behind it, empty where there are none.
func firstWord(name string) string {
	if name == "" || name[0] < 'A' || name[0] > 'Z' {
		return ""
	}
	end := 1
	for end < len(name) && 'a' <= name[end] && name[end] <= 'z' {
		end++
	}
	if end == 1 {
		return ""
	}
	return name[:end]
}

// wholeNames are the calls that mean something else than their first word says.
func wholeNames(name string) audit.Action {
	switch name {
	case "ConsoleLogin", "SwitchRole", "RenewRole", "Federate", "UserAuthentication", "ExternalIdPDirectoryLogin",
		"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetSessionToken",
		"GetFederationToken", "GetSigninToken":
		return audit.ActionLogin
	case "ExitRole", "Logout":
		return audit.ActionLogout
	case "AddUserToGroup", "AddRoleToInstanceProfile", "AddPermission", "AddLayerVersionPermission", "CreateGrant",
		"CreateGroupMembership", "CreateAccountAssignment":
		return audit.ActionGrant
	case "RemovePermission", "RemoveLayerVersionPermission", "RetireGrant", "DeleteGroupMembership",
		"DeleteAccountAssignment":
		return audit.ActionRevoke
	case "ScheduleKeyDeletion":
		return audit.ActionDelete
	case "RemoveTags", "RemoveTagsFromResource", "LeaveOrganization":
		return audit.ActionUpdate
	case "StartSession", "StartQuery", "StartQueryExecution", "StartExecution", "StartBuild", "StartAutomationExecution":
		return audit.ActionExecute
	}
	return ""
}

// policyVerbs: tying a policy to an identity grants, untying revokes.
func policyVerbs(name string) audit.Action {
	switch name {
	case "PutUserPolicy", "PutRolePolicy", "PutGroupPolicy":
		return audit.ActionGrant
	case "DeleteUserPolicy", "DeleteRolePolicy", "DeleteGroupPolicy":
		return audit.ActionRevoke
	}
	switch {
	case !strings.HasSuffix(name, "Policy"):
		return ""
	case strings.HasPrefix(name, "Attach"):
		return audit.ActionGrant
	case strings.HasPrefix(name, "Detach"):
		return audit.ActionRevoke
	}
	return ""
}

// verbs knows the first words of calls.
func verbs(word string) audit.Action {
	switch word {
	case "Create", "Run", "Launch", "Register", "Allocate", "Import", "Copy", "Restore", "Provision", "Issue", "Add",
		"Upload", "Request", "Purchase", "Clone":
		return audit.ActionCreate
	case "Delete", "Terminate", "Deregister", "Purge", "Release", "Destroy", "Deprovision":
		return audit.ActionDelete
	case "Get", "List", "Describe", "Lookup", "Head", "Scan", "Query", "Select", "Search", "Check", "Simulate",
		"Validate", "View", "Preview", "Discover", "Download", "Decrypt":
		return audit.ActionRead
	case "Put", "Update", "Modify", "Set", "Change", "Edit", "Reset", "Rotate", "Replace", "Configure", "Tag", "Untag",
		"Attach", "Detach", "Associate", "Disassociate", "Assign", "Unassign", "Rename", "Move", "Cancel", "Write":
		return audit.ActionUpdate
	case "Authorize", "Grant", "Share":
		return audit.ActionGrant
	case "Revoke", "Remove", "Unshare":
		return audit.ActionRevoke
	case "Enable", "Start", "Activate", "Resume":
		return audit.ActionEnable
	case "Disable", "Stop", "Deactivate", "Suspend", "Pause":
		return audit.ActionDisable
	case "Invite":
		return audit.ActionInvite
	case "Accept", "Approve":
		return audit.ActionApprove
	case "Reject", "Decline", "Deny":
		return audit.ActionReject
	case "Transfer":
		return audit.ActionTransfer
	case "Export":
		return audit.ActionExport
	case "Invoke", "Execute", "Send", "Publish", "Reboot", "Assume", "Encrypt", "Sign", "Verify":
		return audit.ActionExecute
	}
	return ""
}
