package github

import (
	"testing"

	"annals/audit"
)

func TestVerbAndCategory(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		action   audit.Action
		category audit.Category
	}{
		"org.add_member":                              {audit.ActionGrant, audit.CategoryUser},
		"org.remove_member":                           {audit.ActionRevoke, audit.CategoryUser},
		"org.invite_member":                           {audit.ActionInvite, audit.CategoryUser},
		"org.cancel_invitation":                       {audit.ActionRevoke, audit.CategoryUser},
		"org.enable_two_factor_requirement":           {audit.ActionEnable, audit.CategoryPolicy},
		"org.saml_disabled":                           {audit.ActionDisable, audit.CategoryPolicy},
		"org.oauth_app_access_approved":               {audit.ActionApprove, audit.CategoryApplication},
		"org.set_default_workflow_permissions":        {audit.ActionUpdate, audit.CategoryPolicy},
		"org.sso_response":                            {audit.ActionLogin, audit.CategoryAuthentication},
		"organization_moderators.add_user":            {audit.ActionGrant, audit.CategoryPermission},
		"enterprise_role.assign":                      {audit.ActionGrant, audit.CategoryPermission},
		"team.create":                                 {audit.ActionCreate, audit.CategoryGroup},
		"team.destroy":                                {audit.ActionDelete, audit.CategoryGroup},
		"team.add_repository":                         {audit.ActionGrant, audit.CategoryGroup},
		"team.promote_maintainer":                     {audit.ActionGrant, audit.CategoryGroup},
		"team.change_parent_team":                     {audit.ActionUpdate, audit.CategoryGroup},
		"repo.create":                                 {audit.ActionCreate, audit.CategoryConfiguration},
		"repo.destroy":                                {audit.ActionDelete, audit.CategoryConfiguration},
		"repo.access":                                 {audit.ActionUpdate, audit.CategoryConfiguration},
		"repo.add_member":                             {audit.ActionGrant, audit.CategoryPermission},
		"repo.add_topic":                              {audit.ActionCreate, audit.CategoryConfiguration},
		"repo.transfer":                               {audit.ActionTransfer, audit.CategoryConfiguration},
		"repo.archived":                               {audit.ActionUpdate, audit.CategoryConfiguration},
		"repo.download_zip":                           {audit.ActionExport, audit.CategoryData},
		"repo.create_actions_secret":                  {audit.ActionCreate, audit.CategoryCredential},
		"repo.codespaces_trusted_repo_access_granted": {audit.ActionGrant, audit.CategoryData},
		"protected_branch.policy_override":            {audit.ActionUpdate, audit.CategoryPolicy},
		"repository_ruleset.update":                   {audit.ActionUpdate, audit.CategoryPolicy},
		"hook.config_changed":                         {audit.ActionUpdate, audit.CategoryApplication},
		"integration_installation.create":             {audit.ActionCreate, audit.CategoryApplication},
		"public_key.create":                           {audit.ActionCreate, audit.CategoryCredential},
		"personal_access_token.access_granted":        {audit.ActionGrant, audit.CategoryCredential},
		"personal_access_token.request_denied":        {audit.ActionReject, audit.CategoryCredential},
		"ip_allow_list_entry.update":                  {audit.ActionUpdate, audit.CategoryPolicy},
		"business.disable_saml":                       {audit.ActionDisable, audit.CategoryPolicy},
		"secret_scanning_alert.create":                {audit.ActionCreate, audit.CategorySecurity},
		"repository_vulnerability_alert.dismiss":      {audit.ActionReject, audit.CategorySecurity},
		"workflows.completed_workflow_run":            {audit.ActionExecute, audit.CategorySystem},
		"git.clone":                                   {audit.ActionRead, audit.CategoryData},
		"git.push":                                    {audit.ActionUpdate, audit.CategoryData},
		"pull_request.merge":                          {audit.ActionUpdate, audit.CategoryData},
		"user.failed_login":                           {audit.ActionLogin, audit.CategoryAuthentication},
		"user.logout":                                 {audit.ActionLogout, audit.CategorySession},
		"billing.budget_delete":                       {audit.ActionDelete, audit.CategoryBilling},
		"invite_member":                               {audit.ActionInvite, audit.CategoryUser},
		"push":                                        {audit.ActionUpdate, audit.CategoryData},
		"member.added":                                {audit.ActionGrant, audit.CategoryPermission},
		"membership.removed":                          {audit.ActionRevoke, audit.CategoryGroup},
		"organization.member_added":                   {audit.ActionGrant, audit.CategoryUser},
		"repository.publicized":                       {audit.ActionUpdate, audit.CategoryConfiguration},
		"issues.assigned":                             {audit.ActionUpdate, audit.CategoryData},
		"org_block.blocked":                           {audit.ActionDisable, audit.CategoryUser},
		"workflow_job.queued":                         {audit.ActionExecute, audit.CategorySystem},
		"hyperdrive.engaged":                          {audit.ActionOther, audit.CategoryOther},
		"":                                            {audit.ActionOther, audit.CategoryOther},
		"...":                                         {audit.ActionOther, audit.CategoryOther},
		"_":                                           {audit.ActionOther, audit.CategoryOther},
	} {
		if got := verb(name); got != want.action {
			t.Errorf("%s is %s instead of %s", name, got, want.action)
		}
		if got := category(name); got != want.category {
			t.Errorf("%s is of %s instead of %s", name, got, want.category)
		}
	}
}

func TestPromotion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, after audit.Text
		want          audit.Action
	}{
		{"read", "admin", audit.ActionGrant},
		{"admin", "read", audit.ActionRevoke},
		{"read", "read", audit.ActionUpdate},
		{"", "admin", audit.ActionUpdate},
		{"read", "custom", audit.ActionUpdate},
	} {
		if got := promotion(audit.ActionUpdate, test.before, test.after); got != test.want {
			t.Errorf("from %q to %q is %s instead of %s", test.before, test.after, got, test.want)
		}
	}
	if got := promotion(audit.ActionCreate, "read", "admin"); got != audit.ActionCreate {
		t.Errorf("a creation becomes %s", got)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]audit.Outcome{
		"repo.create":                          audit.OutcomeSuccess,
		"user.failed_login":                    audit.OutcomeFailure,
		"external_group.scim_api_failure":      audit.OutcomeFailure,
		"protected_branch.rejected_ref_update": audit.OutcomeDenied,
		"personal_access_token.request_denied": audit.OutcomeDenied,
		"org.oauth_app_access_blocked":         audit.OutcomeDenied,
		"hyperdrive.engaged":                   audit.OutcomeUnknown,
		"":                                     audit.OutcomeUnknown,
	} {
		if got := outcome(action, ""); got != want {
			t.Errorf("%q is %s instead of %s", action, got, want)
		}
	}
	if got := outcome("workflows.completed_workflow_run", "timed_out"); got != audit.OutcomeFailure {
		t.Errorf("a run that timed out is %s", got)
	}
}
