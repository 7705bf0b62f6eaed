package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
)

func github() *audit.Filter {
	return &audit.Filter{Connector: &audit.StringFilter{In: []string{"github"}}}
}

func deletions() *audit.Filter {
	return &audit.Filter{Action: &audit.ActionFilter{In: []audit.Action{audit.ActionDelete}}}
}

// segment decodes one segment of a token.
func segment(t testing.TB, token string, i int) map[string]any {
	t.Helper()
	content, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestAPIToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token, entry := r.operator(NewAPIToken{
		Name: "auditor", Scopes: []audit.Scope{audit.ScopeTokensWrite, audit.ScopeActivitiesRead, audit.ScopeTokensWrite},
		ExpiresIn: hours(1),
	})
	wantScopes := []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeTokensWrite}
	now := r.clock.now()
	want := &audit.APIToken{
		Tenant: tenantA.Number, JTI: entry.JTI, Name: "auditor", Hint: token[len(token)-4:], Scopes: wantScopes,
		CreatedAt: now, CreatedBy: "operator", ExpiresAt: now.Add(time.Hour),
	}
	if diff := cmp.Diff(want, entry); diff != "" {
		t.Error(diff)
	}
	header := segment(t, token, 0)
	if header["alg"] != "EdDSA" || header["typ"] != "at+jwt" || len(header) != 3 {
		t.Errorf("header %v", header)
	}
	wantClaims := map[string]any{
		"iss": testIssuer, "aud": "annals", "sub": "token:" + entry.JTI, "client_id": entry.JTI, "jti": entry.JTI,
		"iat": float64(now.Unix()), "exp": float64(now.Add(time.Hour).Unix()), "scope": "activities:read tokens:write",
		"tid": "4711", "tenant": "default",
	}
	if diff := cmp.Diff(wantClaims, segment(t, token, 1)); diff != "" {
		t.Error(diff)
	}
	for _, credentials := range []string{token, "Bearer " + token, "bearer  " + token + " "} {
		p := r.principal(credentials)
		if p.Tenant != tenantA || p.Subject != "token:"+entry.JTI || p.Kind != audit.TokenAPI || p.Name != entry.Name || p.Restriction != nil ||
			!slices.Equal(p.Scopes, wantScopes) || !p.ExpiresAt.Equal(entry.ExpiresAt) {
			t.Errorf("%q: principal %+v", credentials[:10], p)
		}
		if !p.Has(audit.ScopeTokensWrite) || p.Has(audit.ScopeTokensRead) || p.HasAny() ||
			!p.HasAny(audit.ScopeTokensRead, audit.ScopeTokensWrite) || p.HasAny(audit.ScopeTokensRead) {
			t.Error("wrong scopes")
		}
	}
}

func TestViewerToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	parent, entry := r.operator(NewAPIToken{
		Scopes:      []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeActivitiesRaw, audit.ScopeViewersWrite},
		Restriction: github(),
	})
	token, ends, err := r.CreateViewerToken(t.Context(), r.principal(parent), NewViewerToken{
		Subject: "jane/doe", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1), Restriction: deletions(),
	})
	if err != nil || !ends.Equal(r.clock.now().Add(time.Hour)) {
		t.Fatal(ends, err)
	}
	if len(r.mem.tokens) != 1 {
		t.Error("the viewer token is stored")
	}
	p := r.principal(token)
	if p.Subject != "viewer:"+entry.JTI+"/jane/doe" || p.Kind != audit.TokenViewer || !p.ExpiresAt.Equal(ends) ||
		!slices.Equal(p.Scopes, []audit.Scope{audit.ScopeActivitiesRead}) {
		t.Errorf("principal %+v", p)
	}
	if diff := cmp.Diff(&audit.Filter{And: []*audit.Filter{github(), deletions()}}, p.Restriction); diff != "" {
		t.Error(diff)
	}
}

func TestViewSeesTheRestrictionOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	last := audit.Duration(24 * time.Hour)
	restriction := &audit.Filter{
		Connector: &audit.StringFilter{In: []string{"github"}}, OccurredAt: &audit.TimeFilter{Last: &last},
	}
	token, _ := r.operator(NewAPIToken{Scopes: []audit.Scope{audit.ScopeActivitiesRead}, Restriction: restriction})
	now := r.clock.now()
	view, err := r.principal(token).View(9, now)
	if err != nil || view.Tenant() != tenantA.Number || view.AsOf() != 9 || !view.Now().Equal(now) || !view.Restricted() {
		t.Fatalf("view %+v, %v", view, err)
	}
	seen := audit.Activity{
		Tenant: tenantA.Number, Seq: 9, Connector: "github", Draft: audit.Draft{OccurredAt: now.Add(-time.Hour)},
	}
	old, foreign, other, newer := seen, seen, seen, seen
	old.OccurredAt, foreign.Tenant, other.Connector, newer.Seq = now.Add(-25*time.Hour), tenantB.Number, "okta", 10
	if !view.Sees(&seen) || view.Sees(&old) || view.Sees(&foreign) || view.Sees(&other) || view.Sees(&newer) {
		t.Error("the view does not keep to the restriction")
	}
	if view, err := r.principal(r.with(audit.ScopeActivitiesRead)).View(9, now); err != nil || view.Restricted() || !view.Sees(&old) {
		t.Errorf("view without a restriction: %+v, %v", view, err)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	admin := r.with(audit.Scopes()...)
	child, entry, err := r.CreateAPIToken(t.Context(), r.principal(admin), NewAPIToken{
		Name: "child", Scopes: []audit.Scope{audit.ScopeTokensWrite, audit.ScopeViewersWrite, audit.ScopeActivitiesRead}, ExpiresIn: hours(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	grandchild, _, err := r.CreateAPIToken(t.Context(), r.principal(child), NewAPIToken{
		Name: "grandchild", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	viewer, _, err := r.CreateViewerToken(t.Context(), r.principal(child), NewViewerToken{
		Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	principals := []*Principal{r.principal(child), r.principal(grandchild), r.principal(viewer)}

	// Another replica has its own memory of entries.
	replica := newRigAt(t, r.clock, r.mem, r.clock.now, nil)
	replica.principal(viewer)

	revoked, count, err := r.Revoke(t.Context(), r.principal(admin), Revocation{
		ID: entry.ID(), Reason: new("left"), Descendants: true,
	})
	if err != nil || count != 2 || revoked.RevokedAt == nil || Status(revoked, r.clock.now()) != audit.TokenRevoked ||
		!strings.HasPrefix(string(revoked.RevokedBy), "token:") {
		t.Fatalf("revoked %d: %+v, %v", count, revoked, err)
	}
	if log := r.log.String(); !strings.Contains(log, "jti="+entry.JTI) || strings.Contains(log, "left") || strings.Contains(log, "token:") {
		t.Errorf("logged which token is revoked, but not why and by whom:\n%s", log)
	}
	for _, p := range principals {
		if err := r.Alive(t.Context(), p); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s is alive: %v", p.Subject, err)
		}
	}
	r.clock.advance(entryLife)
	for name, token := range map[string]string{"child": child, "grandchild": grandchild, "viewer": viewer} {
		r.refused(name, token, "revoked")
		replica.refused(name+" at another replica", token, "revoked")
	}
	again, count, err := r.Revoke(t.Context(), r.principal(admin), Revocation{ID: entry.ID(), Descendants: true})
	if err != nil || count != 0 || !again.RevokedAt.Equal(*revoked.RevokedAt) {
		t.Errorf("revoked again: %d, %+v, %v", count, again, err)
	}
}

func TestRevocationWithoutDescendants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	admin := r.with(audit.Scopes()...)
	parent, entry, err := r.CreateAPIToken(t.Context(), r.principal(admin), NewAPIToken{
		Name: "parent", Scopes: []audit.Scope{audit.ScopeTokensWrite}, ExpiresIn: hours(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	maker := r.principal(parent)
	child, _, err := r.CreateAPIToken(t.Context(), maker, NewAPIToken{
		Name: "child", Scopes: []audit.Scope{audit.ScopeTokensWrite}, ExpiresIn: hours(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, count, err := r.Revoke(t.Context(), r.principal(admin), Revocation{ID: entry.ID()}); err != nil || count != 1 {
		t.Fatal(count, err)
	}
	r.principal(child)
	_, _, err = r.CreateAPIToken(t.Context(), maker, NewAPIToken{
		Name: "late", Scopes: []audit.Scope{audit.ScopeTokensWrite}, ExpiresIn: audit.Duration(time.Minute),
	})
	if !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a revoked token made a token: %v", err)
	}
}

func TestRevokeKnowsItsTenantOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	admin := r.principal(r.with(audit.ScopeTokensWrite))
	_, foreign, err := r.Bootstrap(t.Context(), tenantB, NewAPIToken{
		Name: "foreign", Scopes: []audit.Scope{audit.ScopeTokensWrite}, ExpiresIn: hours(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"another tenant's": foreign.ID(),
		"unknown":          audit.ID{Kind: audit.KindAPIToken, Tenant: tenantA.Number, Name: "none"}.String(),
		"another kind":     audit.ID{Kind: audit.KindTenant, Tenant: tenantA.Number}.String(),
		"malformed":        "nonsense",
		"empty":            "",
	} {
		_, _, err := r.Revoke(t.Context(), admin, Revocation{ID: id, Descendants: true})
		problem, ok := errors.AsType[*audit.UserError](err)
		if !ok || problem.Code != audit.CodeNotFound || !slices.Equal(problem.Field, []string{"input", "id"}) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if token := r.mem.tokens[entryKey{tenantB.Number, foreign.JTI}]; token.RevokedAt != nil {
		t.Error("another tenant's token is revoked")
	}
	_, _, err = r.Revoke(t.Context(), admin, Revocation{ID: foreign.ID(), Reason: new(strings.Repeat("x", 501))})
	if problem, ok := errors.AsType[*audit.UserError](err); !ok || problem.Code != audit.CodeInvalid {
		t.Errorf("long reason: got %v", err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token, _ := r.operator(NewAPIToken{Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1)})
	p := r.principal(token)
	r.clock.advance(time.Hour - time.Second)
	r.principal(token)
	if err := r.Alive(t.Context(), p); err != nil {
		t.Error(err)
	}
	r.clock.advance(time.Second)
	if err := r.Alive(t.Context(), p); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("alive after its end: %v", err)
	}
	r.refused("expired, within the leeway", token, "expired")
	r.clock.advance(time.Hour)
	r.refused("expired", token, "expired")
}

func TestViewerExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	viewer, _, err := r.CreateViewerToken(t.Context(), r.principal(r.with(audit.ScopeActivitiesRead)), NewViewerToken{
		Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: audit.Duration(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.advance(time.Minute - time.Second)
	r.principal(viewer)
	r.clock.advance(time.Second)
	r.refused("expired, within the leeway", viewer, "expired")
}

func TestViewerEndsWithItsExpiredParent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	parent, entry := r.operator(NewAPIToken{Scopes: []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeViewersWrite}})
	viewer, _, err := r.CreateViewerToken(t.Context(), r.principal(parent), NewViewerToken{
		Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mem.tokens[entryKey{tenantA.Number, entry.JTI}].ExpiresAt = r.clock.now().Add(time.Minute)
	r.clock.advance(time.Minute)
	r.refused("viewer", viewer, "revoked or expired")
}

func TestEntryBoundsTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token, entry := r.operator(NewAPIToken{Scopes: audit.Scopes()})
	stored := r.mem.tokens[entryKey{tenantA.Number, entry.JTI}]
	stored.Scopes = []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeTokensRead}
	stored.Restriction = github()
	p := r.principal(token)
	if !slices.Equal(p.Scopes, []audit.Scope{audit.ScopeActivitiesRead}) || p.Restriction == nil {
		t.Errorf("principal %+v", p)
	}
	stored.Scopes = []audit.Scope{audit.ScopeTokensRead}
	r.clock.advance(entryLife)
	r.refused("no scope left", token, "no scope")
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.with(audit.ScopeActivitiesRead)
	r.mem.setFail(audit.ErrUnavailable)
	if _, err := r.Authenticate(t.Context(), token, caller); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	r.clock.advance(keysFresh) // now the keys cannot be read either
	if _, err := r.Authenticate(t.Context(), token, caller); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	r.mem.setFail(nil)
	r.principal(token)
}

func TestPrincipalInContext(t *testing.T) {
	t.Parallel()
	p := &Principal{Subject: "token:1"}
	if got := FromContext(NewContext(t.Context(), p)); got != p {
		t.Errorf("got %v", got)
	}
	if got := FromContext(t.Context()); got != nil {
		t.Errorf("an empty context carries %v", got)
	}
}

func TestNewRefusesAnEmptyIssuer(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "ANNALS_PUBLIC_URL") {
		t.Errorf("got %v", err)
	}
}
