package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"annals/audit"
)

// Revocation asks for the end of a token: the API's RevokeApiTokenInput.
type Revocation struct {
	ID          string  // global id
	Reason      *string // at most 500 characters; for who records the revocation
	Descendants bool    // also the tokens that it made, all the way down
}

// Revoke ends a token of the caller's tenant. All replicas refuse it, its viewer tokens and their subscriptions within
// 5 s. It returns the entry as it is now, and how many tokens were revoked: none when it had been before. What the caller
// can mend is an audit.UserError.
func (a *Authority) Revoke(ctx context.Context, caller *Principal, in Revocation) (*audit.APIToken, int, error) {
	if in.Reason != nil && utf8.RuneCountInString(*in.Reason) > 500 {
		return nil, 0, userError(audit.CodeInvalid, "reason", "The reason has at most 500 characters.")
	}
	id, ok := audit.ParseID(in.ID)
	if !ok || id.Kind != audit.KindAPIToken || id.Tenant != caller.Tenant.Number {
		return nil, 0, noSuchToken()
	}
	at := a.now().UTC().Truncate(time.Microsecond)
	count, err := a.store.RevokeToken(ctx, id.Tenant, id.Name, in.Descendants, audit.Text(caller.Subject), at)
	if errors.Is(err, audit.ErrNotFound) {
		return nil, 0, noSuchToken()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("revoking a token: %w", err)
	}
	a.entries.forget()
	// Who did it and why is recorded, not logged: both are what people wrote.
	a.log.InfoContext(ctx, "token revoked", slog.String("jti", id.Name), slog.Int("count", count))
	entry, err := a.store.Token(ctx, id.Tenant, id.Name)
	if err != nil {
		return nil, 0, fmt.Errorf("reading a revoked token: %w", err)
	}
	return entry, count, nil
}

func noSuchToken() error {
	return userError(audit.CodeNotFound, "id", "There is no such token.")
}
