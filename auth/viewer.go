package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"annals/audit"
)

// NewViewerToken asks for a viewer token: the API's CreateViewerTokenInput.
type NewViewerToken struct {
	Subject     string // the front end's user, 1 to 200 characters
	Scopes      []audit.Scope
	ExpiresIn   audit.Duration
	Restriction *audit.Filter // sees only this; nil for all that the caller sees
}

// CreateViewerToken mints a token for one user of a caller's front end, and says when it ends. It is not stored, and ends
// with the caller's token. What the caller can mend is an audit.UserError.
func (a *Authority) CreateViewerToken(ctx context.Context, caller *Principal, in NewViewerToken) (string, time.Time, error) {
	if caller.Kind != audit.TokenAPI {
		return "", time.Time{}, userError(audit.CodeConflict, "", "Only an API token can mint viewer tokens: they end with it.")
	}
	now := a.now()
	if err := checkLife(in.ExpiresIn, time.Second, MaxViewerLife); err != nil {
		return "", time.Time{}, err
	}
	if err := within(caller, in.Scopes, in.ExpiresIn, now); err != nil {
		return "", time.Time{}, err
	}
	if err := checkText("subject", in.Subject, 200); err != nil {
		return "", time.Time{}, err
	}
	own, both, err := narrow(caller.Tenant.Number, caller.Restriction, in.Restriction, now)
	if err != nil {
		return "", time.Time{}, err
	}
	if err := checkScopes(in.Scopes, viewable(), both); err != nil {
		return "", time.Time{}, err
	}
	from := now.UTC().Truncate(time.Second)
	c := a.claims(caller.Tenant, common(in.Scopes), from, from.Add(time.Duration(in.ExpiresIn)), uuid.NewString())
	c.Subject, c.Parent, c.Client = viewerSubject(caller.entry, in.Subject), caller.entry, caller.entry
	if own != nil {
		if c.Restriction, err = json.Marshal(own); err != nil {
			return "", time.Time{}, fmt.Errorf("writing the restriction: %w", err)
		}
	}
	token, err := a.keys.sign(ctx, c)
	if err == nil && len(token) > maxTokenBytes {
		err = userError(audit.CodeInvalid, "restriction", "The restriction is too long for a viewer token, which carries it: "+
			"restrict the token that mints it, or name fewer values.")
	}
	if err != nil {
		return "", time.Time{}, err
	}
	return token, c.ExpiresAt.Time, nil
}
