package auth

import (
	"slices"
	"strings"

	"annals/audit"
)

// restrictable lists what a token with a restriction can hold (rule R11): with any other scope it would see or change
// what lies outside.
func restrictable() []audit.Scope {
	return []audit.Scope{
		audit.ScopeActivitiesRead, audit.ScopeActivitiesRaw, audit.ScopeActivitiesWrite, audit.ScopeViewersWrite,
		audit.ScopeSchemaRead,
	}
}

// viewable lists what a viewer token can hold.
func viewable() []audit.Scope {
	return []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeActivitiesRaw, audit.ScopeIntegrationsRead}
}

// common gives the scopes that every list has, each once, in the order of audit.Scopes. What is no scope is in none.
func common(lists ...[]audit.Scope) []audit.Scope {
	return slices.DeleteFunc(audit.Scopes(), func(scope audit.Scope) bool {
		return slices.ContainsFunc(lists, func(list []audit.Scope) bool { return !slices.Contains(list, scope) })
	})
}

// beyond gives the first scope that is not among the allowed ones.
func beyond(scopes, allowed []audit.Scope) (audit.Scope, bool) {
	i := slices.IndexFunc(scopes, func(scope audit.Scope) bool { return !slices.Contains(allowed, scope) })
	if i < 0 {
		return "", false
	}
	return scopes[i], true
}

// scopeClaim is the text of scopes in a token: `activities:read activities:raw`.
func scopeClaim(scopes []audit.Scope) string { return strings.Join(texts(scopes), " ") }

// claimedScopes reads the text of scopes in a token.
func claimedScopes(claim string) []audit.Scope {
	var scopes []audit.Scope
	for name := range strings.FieldsSeq(claim) {
		scopes = append(scopes, audit.Scope(name))
	}
	return scopes
}

func texts(scopes []audit.Scope) []string {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	return names
}
