package github

import (
	"strings"

	"annals/audit"
)

// categoriesOfSubjects goes by the part before the first dot, which is a webhook's event too.
var categoriesOfSubjects = map[string]audit.Category{
	"account":                      audit.CategoryBilling,
	"branch_protection_rule":       audit.CategoryPolicy,
	"check_run":                    audit.CategorySystem,
	"check_suite":                  audit.CategorySystem,
	"checks":                       audit.CategorySystem,
	"create":                       audit.CategoryData,
	"delete":                       audit.CategoryData,
	"enterprise_installation":      audit.CategoryApplication,
	"environment":                  audit.CategoryConfiguration,
	"external_identity":            audit.CategoryUser,
	"fork":                         audit.CategoryData,
	"git":                          audit.CategoryData,
	"git_signing_ssh_public_key":   audit.CategoryCredential,
	"gollum":                       audit.CategoryData,
	"hook":                         audit.CategoryApplication,
	"installation":                 audit.CategoryApplication,
	"installation_repositories":    audit.CategoryApplication,
	"installation_target":          audit.CategoryApplication,
	"label":                        audit.CategoryData,
	"marketplace_purchase":         audit.CategoryBilling,
	"member":                       audit.CategoryPermission,
	"membership":                   audit.CategoryGroup,
	"merge_group":                  audit.CategorySystem,
	"meta":                         audit.CategoryApplication,
	"milestone":                    audit.CategoryData,
	"org_block":                    audit.CategoryUser,
	"org_credential_authorization": audit.CategoryCredential,
	"page_build":                   audit.CategorySystem,
	"payment_method":               audit.CategoryBilling,
	"ping":                         audit.CategoryApplication,
	"profile_picture":              audit.CategoryUser,
	"public":                       audit.CategoryConfiguration,
	"push":                         audit.CategoryData,
	"repository_dispatch":          audit.CategorySystem,
	"role":                         audit.CategoryPermission,
	"security_advisory":            audit.CategorySecurity,
	"status":                       audit.CategorySystem,
	"team":                         audit.CategoryGroup,
	"team_add":                     audit.CategoryPermission,
	"watch":                        audit.CategoryData,
	"workflow_dispatch":            audit.CategorySystem,
}

// categoryHints are tried in order on the whole name where the subject alone does not tell.
var categoryHints = []struct {
	part     string
	category audit.Category
}{
	{"login", audit.CategoryAuthentication},
	{"logout", audit.CategorySession},
	{"sso_response", audit.CategoryAuthentication},
	{"alert", audit.CategorySecurity},
	{"secret_scanning", audit.CategorySecurity},
	{"code_scanning", audit.CategorySecurity},
	{"dependabot", audit.CategorySecurity},
	{"vulnerabilit", audit.CategorySecurity},
	{"advisory", audit.CategorySecurity},
	{"advanced_security", audit.CategorySecurity},
	{"personal_access_token", audit.CategoryCredential},
	{"public_key", audit.CategoryCredential},
	{"deploy_key", audit.CategoryCredential},
	{"ssh_certificate", audit.CategoryCredential},
	{"_secret", audit.CategoryCredential},
	{"two_factor", audit.CategoryPolicy},
	{"saml", audit.CategoryPolicy},
	{"oauth", audit.CategoryApplication},
	{"integration", audit.CategoryApplication},
	{"ip_allow_list", audit.CategoryPolicy},
	{"protected_branch", audit.CategoryPolicy},
	{"ruleset", audit.CategoryPolicy},
	{"required_status", audit.CategoryPolicy},
	{"policy", audit.CategoryPolicy},
	{"creation_permission", audit.CategoryPolicy},
	{"default_workflow_permissions", audit.CategoryPolicy},
	{"billing", audit.CategoryBilling},
	{"sponsor", audit.CategoryBilling},
	{"_role", audit.CategoryPermission},
	{"moderators", audit.CategoryPermission},
	{"repo.add_member", audit.CategoryPermission},
	{"repo.update_member", audit.CategoryPermission},
	{"repo.remove_member", audit.CategoryPermission},
	{"enterprise_team", audit.CategoryGroup},
	{"external_group", audit.CategoryGroup},
	{"team_", audit.CategoryGroup},
	{"member", audit.CategoryUser},
	{"invitation", audit.CategoryUser},
	{"collaborator", audit.CategoryUser},
	{"user.", audit.CategoryUser},
	{"workflow", audit.CategorySystem},
	{"deployment", audit.CategorySystem},
	{"download", audit.CategoryData},
	{"pull_request", audit.CategoryData},
	{"issue", audit.CategoryData},
	{"discussion", audit.CategoryData},
	{"comment", audit.CategoryData},
	{"commit", audit.CategoryData},
	{"package", audit.CategoryData},
	{"project", audit.CategoryData},
	{"release", audit.CategoryData},
	{"gist", audit.CategoryData},
	{"artifact", audit.CategoryData},
	{"codespaces", audit.CategoryData},
	{"business", audit.CategoryPolicy},
	{"enterprise", audit.CategoryPolicy},
	{"org", audit.CategoryConfiguration},
	{"repo", audit.CategoryConfiguration},
	{"runner", audit.CategoryConfiguration},
	{"copilot", audit.CategoryConfiguration},
}

// category is the area of one of GitHub's names, CategoryOther for what is not known.
func category(name string) audit.Category {
	subject, _, _ := strings.Cut(name, ".")
	if known, ok := categoriesOfSubjects[subject]; ok {
		return known
	}
	for _, hint := range categoryHints {
		if strings.Contains(name, hint.part) {
			return hint.category
		}
	}
	return audit.CategoryOther
}
