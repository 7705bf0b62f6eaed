package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"annals/audit"
)

// within checks that a token is not wider than its maker's, but for the restriction, which joins the maker's.
func within(caller *Principal, scopes []audit.Scope, life audit.Duration, now time.Time) error {
	if now.Add(time.Duration(life)).After(caller.ExpiresAt) {
		return userError(audit.CodeWiderThanCaller, "expiresIn", "A token cannot outlive the token that makes it, which ends at %s.",
			caller.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if scope, ok := beyond(scopes, caller.Scopes); ok {
		return userError(audit.CodeWiderThanCaller, "scopes", "The token that makes it does not have %s.", scope)
	}
	return nil
}

func checkLife(life audit.Duration, least, most time.Duration) error {
	if life < audit.Duration(least) || life > audit.Duration(most) {
		return userError(audit.CodeInvalid, "expiresIn", "A token of this kind lives from %s to %s.",
			audit.Duration(least), audit.Duration(most))
	}
	return nil
}

func checkText(field, text string, most int) error {
	if n := utf8.RuneCountInString(text); n == 0 || n > most || !utf8.ValidString(text) ||
		strings.TrimSpace(text) == "" || strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return userError(audit.CodeInvalid, field, "The %s has 1 to %d characters, and no control characters.", field, most)
	}
	return nil
}

func checkScopes(scopes, kind []audit.Scope, restriction *audit.Filter) error {
	if len(scopes) == 0 {
		return userError(audit.CodeInvalid, "scopes", "A token needs at least one scope.")
	}
	if scope, ok := beyond(scopes, kind); ok && !scope.Valid() {
		return userError(audit.CodeInvalid, "scopes", "There is no scope %s: there are %s.", scope, scopeList(kind))
	} else if ok {
		return userError(audit.CodeInvalid, "scopes", "A token of this kind cannot have %s, only %s.", scope, scopeList(kind))
	}
	if restriction == nil {
		return nil
	}
	if scope, ok := beyond(scopes, restrictable()); ok {
		return userError(audit.CodeInvalid, "scopes", "A token with a restriction cannot have %s, only %s.", scope,
			scopeList(restrictable()))
	}
	return nil
}

func scopeList(scopes []audit.Scope) string { return strings.Join(texts(scopes), ", ") }

// narrow checks a restriction, and joins it to its maker's. One that is given and restricts nothing is a mistake: a value
// of it was not there, perhaps, and the token would see everything.
func narrow(tenant audit.TenantID, outer, inner *audit.Filter, now time.Time) (own, both *audit.Filter, err error) {
	if inner == nil {
		return nil, outer, nil
	}
	where, err := inner.Normalise("restriction", tenant, now)
	if argument, ok := errors.AsType[*audit.ArgumentError](err); ok {
		return nil, nil, userError(audit.CodeInvalid, argument.Argument, "%s", argument)
	}
	if err != nil {
		return nil, nil, err
	}
	if audit.Always(where) {
		return nil, nil, userError(audit.CodeInvalid, "restriction", "It restricts nothing: give a condition, or leave it out.")
	}
	both = join(outer, inner)
	if _, err := both.Normalise("restriction", tenant, now); err != nil {
		return nil, nil, userError(audit.CodeLimit, "restriction",
			"Together with the restriction of the token that makes it, it is too long or too deep.")
	}
	return inner, both, nil
}

// userError names a field of the mutation's input by its dotted path, or the whole input.
func userError(code audit.UserErrorCode, field, format string, args ...any) error {
	path := []string{"input"}
	if field != "" {
		path = append(path, strings.Split(field, ".")...)
	}
	return &audit.UserError{Field: path, Code: code, Message: fmt.Sprintf(format, args...)}
}
