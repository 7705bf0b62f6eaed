package resolvers

import (
	"context"
	"errors"
	"testing"
	"time"

	"annals/audit"
	"annals/auth"
)

const (
	ours   audit.TenantID = 7
	theirs audit.TenantID = 8
)

var errBroken = errors.New("the database is away")

// rig is a resolver over fakes. A fake that a test does not expect to be asked is absent, and panics.
type rig struct {
	*Resolver

	allowed map[string]bool // types that the token covers
	journal []audit.Entry
	ended   []error // with which subscriptions ended
	broken  error   // what the journal answers
}

func newRig(types ...string) *rig {
	r := &rig{allowed: map[string]bool{}}
	for _, name := range types {
		r.allowed[name] = true
	}
	r.Resolver = &Resolver{Operation: r, Journal: r, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	return r
}

// caller is the context of an operation of our tenant.
func caller(t *testing.T) context.Context {
	t.Helper()
	return auth.NewContext(t.Context(), &auth.Principal{Tenant: audit.Tenant{Number: ours, Name: "default"}, Subject: "token:abc", Kind: audit.TokenAPI})
}

func (r *rig) View(context.Context) (audit.View, error) {
	return audit.NewView(ours, nil, 9, time.Unix(1_800_000_000, 0)), nil
}

func (r *rig) TypeAllowed(_ context.Context, name string) bool { return r.allowed[name] }

func (r *rig) End(_ context.Context, err error) { r.ended = append(r.ended, err) }

func (r *rig) Write(_ context.Context, tenant audit.TenantID, entry audit.Entry) error {
	if tenant != ours {
		return errors.New("written into another tenant's journal")
	}
	r.journal = append(r.journal, entry)
	return r.broken
}
