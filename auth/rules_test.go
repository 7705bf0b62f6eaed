package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"annals/audit"
)

// expectProblem checks a user error: its code, and the input field it names.
func expectProblem(t *testing.T, name string, err error, code audit.UserErrorCode, field ...string) {
	t.Helper()
	problem, ok := errors.AsType[*audit.UserError](err)
	if !ok || problem.Code != code || !slices.Equal(problem.Field, append([]string{"input"}, field...)) || problem.Message == "" {
		t.Errorf("%s: got %T %+v", name, err, err)
	}
}

func TestAPITokenRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maker, _ := r.operator(NewAPIToken{
		Scopes:    []audit.Scope{audit.ScopeTokensWrite, audit.ScopeActivitiesRead, audit.ScopeIntegrationsRead},
		ExpiresIn: hours(10),
	})
	p := r.principal(maker)
	right := NewAPIToken{Name: "right", Scopes: []audit.Scope{audit.ScopeActivitiesRead}, ExpiresIn: hours(10), Restriction: github()}
	if _, _, err := r.CreateAPIToken(t.Context(), p, right); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*NewAPIToken)
		code   audit.UserErrorCode
		field  string
	}{
		"no name":          {func(in *NewAPIToken) { in.Name = "" }, audit.CodeInvalid, "name"},
		"blank name":       {func(in *NewAPIToken) { in.Name = "  " }, audit.CodeInvalid, "name"},
		"long name":        {func(in *NewAPIToken) { in.Name = strings.Repeat("ä", 101) }, audit.CodeInvalid, "name"},
		"line in the name": {func(in *NewAPIToken) { in.Name = "a\nb" }, audit.CodeInvalid, "name"},
		"no scope":         {func(in *NewAPIToken) { in.Scopes = nil }, audit.CodeInvalid, "scopes"},
		"wider scope": {
			func(in *NewAPIToken) { in.Scopes = []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeActivitiesRaw} },
			audit.CodeWiderThanCaller, "scopes",
		},
		"restricted, with a scope that sees more": {
			func(in *NewAPIToken) { in.Scopes = []audit.Scope{audit.ScopeIntegrationsRead} }, audit.CodeInvalid, "scopes",
		},
		"restricted, and makes tokens": {
			func(in *NewAPIToken) { in.Scopes = []audit.Scope{audit.ScopeTokensWrite} }, audit.CodeInvalid, "scopes",
		},
		"too short":     {func(in *NewAPIToken) { in.ExpiresIn = audit.Duration(59 * time.Second) }, audit.CodeInvalid, "expiresIn"},
		"negative":      {func(in *NewAPIToken) { in.ExpiresIn = -hours(1) }, audit.CodeInvalid, "expiresIn"},
		"too long":      {func(in *NewAPIToken) { in.ExpiresIn = audit.Duration(MaxLife) + 1 }, audit.CodeInvalid, "expiresIn"},
		"longest there": {func(in *NewAPIToken) { in.ExpiresIn = 1<<63 - 1 }, audit.CodeInvalid, "expiresIn"},
		"outlives":      {func(in *NewAPIToken) { in.ExpiresIn = hours(10) + 1 }, audit.CodeWiderThanCaller, "expiresIn"},
		"empty list": {
			func(in *NewAPIToken) { in.Restriction = &audit.Filter{IP: &audit.IPFilter{In: []string{}}} },
			audit.CodeInvalid, "restriction.ip.in",
		},
		"too deep": {func(in *NewAPIToken) { in.Restriction = nested(audit.MaxFilterDepth + 2) }, audit.CodeInvalid, "restriction" + strings.Repeat(".not", audit.MaxFilterDepth+1)},
	} {
		in := right
		tc.change(&in)
		token, entry, err := r.CreateAPIToken(t.Context(), p, in)
		expectProblem(t, name, err, tc.code, strings.Split(tc.field, ".")...)
		if token != "" || entry != nil {
			t.Errorf("%s: made a token", name)
		}
	}
	if len(r.mem.tokens) != 2 {
		t.Errorf("%d entries", len(r.mem.tokens))
	}
}

// TestARestrictionThatRestrictsNothingIsRefused: a backend that writes a condition on a value which it does not have,
// `{actor: {email: undefined}}`, means that little is seen, not everything.
func TestARestrictionThatRestrictsNothingIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	scopes := []audit.Scope{audit.ScopeViewersWrite, audit.ScopeActivitiesRead}
	wide, _ := r.operator(NewAPIToken{Scopes: append(scopes, audit.ScopeTokensWrite)})
	narrowed, _ := r.operator(NewAPIToken{Scopes: scopes, Restriction: github()})
	read := scopes[1:]
	for _, text := range []string{
		`{}`, `{"actor":{}}`, `{"actor":{"email":{}}}`, `{"actor":null}`, `{"actor":{"email":{"in":null}}}`, `{"occurredAt":{}}`,
		`{"and":[{}]}`, `{"or":[{"actor":{"email":{}}},{"connector":{"in":["github"]}}]}`, `{"not":{"not":{}}}`,
		`{"type":{"prefix":[""]}}`, `{"integration":{"notIn":["nonsense"]}}`,
	} {
		restriction, err := ParseRestriction(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		made := NewAPIToken{Name: "child", Scopes: read, ExpiresIn: hours(1), Restriction: restriction}
		viewer := NewViewerToken{Subject: "jane", Scopes: read, ExpiresIn: hours(1), Restriction: restriction}
		_, _, byOperator := r.Bootstrap(t.Context(), tenantA, made)
		_, _, byToken := r.CreateAPIToken(t.Context(), r.principal(wide), made)
		_, _, ofWide := r.CreateViewerToken(t.Context(), r.principal(wide), viewer)
		_, _, ofNarrowed := r.CreateViewerToken(t.Context(), r.principal(narrowed), viewer)
		for _, err := range []error{byOperator, byToken, ofWide, ofNarrowed, r.CheckBootstrap(tenantA.Number, made)} {
			expectProblem(t, text, err, audit.CodeInvalid, "restriction")
			if err != nil && !strings.Contains(err.Error(), "restricts nothing") {
				t.Errorf("%s: %v, want that it restricts nothing", text, err)
			}
		}
	}
	if len(r.mem.tokens) != 2 {
		t.Errorf("%d entries, want those of the two makers", len(r.mem.tokens))
	}
}

func nested(depth int) *audit.Filter {
	f := github()
	for range depth - 1 {
		f = &audit.Filter{Not: f}
	}
	return f
}

func TestViewerTokenRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	scopes := []audit.Scope{
		audit.ScopeViewersWrite, audit.ScopeActivitiesRead, audit.ScopeIntegrationsRead, audit.ScopeTokensRead,
	}
	maker, _ := r.operator(NewAPIToken{Scopes: scopes, ExpiresIn: audit.Duration(30 * time.Minute)})
	p := r.principal(maker)
	right := NewViewerToken{
		Subject: "jane", Scopes: []audit.Scope{audit.ScopeActivitiesRead, audit.ScopeIntegrationsRead},
		ExpiresIn: audit.Duration(15 * time.Minute),
	}
	token, _, err := r.CreateViewerToken(t.Context(), p, right)
	if err != nil {
		t.Fatal(err)
	}
	if viewer := r.principal(token); viewer.Restriction != nil || !slices.Equal(viewer.Scopes, right.Scopes) {
		t.Errorf("no restriction restricts: %+v", viewer)
	}
	many := make([]string, 300)
	for i := range many {
		many[i] = strings.Repeat("v", 10) + string(rune('a'+i%26)) + strings.Repeat("x", i%7)
	}
	for name, tc := range map[string]struct {
		change func(*NewViewerToken)
		code   audit.UserErrorCode
		field  string
	}{
		"no subject":   {func(in *NewViewerToken) { in.Subject = "" }, audit.CodeInvalid, "subject"},
		"long subject": {func(in *NewViewerToken) { in.Subject = strings.Repeat("x", 201) }, audit.CodeInvalid, "subject"},
		"odd subject":  {func(in *NewViewerToken) { in.Subject = "a\x00b" }, audit.CodeInvalid, "subject"},
		"no scope":     {func(in *NewViewerToken) { in.Scopes = nil }, audit.CodeInvalid, "scopes"},
		"wider scope": {
			func(in *NewViewerToken) { in.Scopes = []audit.Scope{audit.ScopeActivitiesRaw} }, audit.CodeWiderThanCaller, "scopes",
		},
		"not for viewers": {func(in *NewViewerToken) { in.Scopes = []audit.Scope{audit.ScopeTokensRead} }, audit.CodeInvalid, "scopes"},
		"mints viewers":   {func(in *NewViewerToken) { in.Scopes = []audit.Scope{audit.ScopeViewersWrite} }, audit.CodeInvalid, "scopes"},
		"restricted, with a scope that sees more": {func(in *NewViewerToken) { in.Restriction = github() }, audit.CodeInvalid, "scopes"},
		"too short":    {func(in *NewViewerToken) { in.ExpiresIn = 0 }, audit.CodeInvalid, "expiresIn"},
		"over an hour": {func(in *NewViewerToken) { in.ExpiresIn = hours(1) + 1 }, audit.CodeInvalid, "expiresIn"},
		"outlives":     {func(in *NewViewerToken) { in.ExpiresIn = hours(1) }, audit.CodeWiderThanCaller, "expiresIn"},
		"too much to carry": {func(in *NewViewerToken) {
			in.Scopes = []audit.Scope{audit.ScopeActivitiesRead}
			in.Restriction = &audit.Filter{Type: &audit.StringFilter{In: many}}
		}, audit.CodeInvalid, "restriction"},
	} {
		in := right
		tc.change(&in)
		token, _, err := r.CreateViewerToken(t.Context(), p, in)
		expectProblem(t, name, err, tc.code, tc.field)
		if token != "" {
			t.Errorf("%s: made a token", name)
		}
	}
	_, _, err = r.CreateViewerToken(t.Context(), r.principal(token), right)
	expectProblem(t, "viewer of a viewer", err, audit.CodeConflict)
}

func TestBootstrapRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	right := NewAPIToken{Name: "first", Scopes: []audit.Scope{audit.ScopeTokensWrite}, ExpiresIn: audit.Duration(time.Second)}
	if _, _, err := r.Bootstrap(t.Context(), tenantA, right); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		change func(*NewAPIToken)
		field  string
	}{
		"too long":      {func(in *NewAPIToken) { in.ExpiresIn = audit.Duration(MaxLife) + 1 }, "expiresIn"},
		"no life":       {func(in *NewAPIToken) { in.ExpiresIn = 0 }, "expiresIn"},
		"no name":       {func(in *NewAPIToken) { in.Name = "" }, "name"},
		"unknown scope": {func(in *NewAPIToken) { in.Scopes = []audit.Scope{"all"} }, "scopes"},
		"restricted":    {func(in *NewAPIToken) { in.Restriction = github() }, "scopes"},
	} {
		in := right
		tc.change(&in)
		_, _, err := r.Bootstrap(t.Context(), tenantA, in)
		expectProblem(t, name, err, audit.CodeInvalid, tc.field)
		expectProblem(t, name+", before", r.CheckBootstrap(0, in), audit.CodeInvalid, tc.field)
	}
	before := len(r.mem.tokens)
	if err := r.CheckBootstrap(0, right); err != nil || len(r.mem.tokens) != before {
		t.Errorf("checked beforehand: %v, %d entries, want %d", err, len(r.mem.tokens), before)
	}
}

func TestParseRestriction(t *testing.T) {
	t.Parallel()
	f, err := ParseRestriction(`{"connector": {"in": ["github"]}, "occurredAt": {"last": "P7D"}}`)
	if err != nil || f.Connector.In[0] != "github" || time.Duration(*f.OccurredAt.Last) != 7*24*time.Hour {
		t.Errorf("got %+v, %v", f, err)
	}
	for _, text := range []string{"", " \n", "null", " null ", "github", `{"conector": {"in": ["github"]}}`, `{} {}`, `{"connector": "github"}`, `[]`, `{"and": {}}`} {
		if f, err := ParseRestriction(text); err == nil {
			t.Errorf("%s: got %+v", text, f)
		}
	}
}

func TestRestrictionsJoinDownTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	scopes := []audit.Scope{audit.ScopeActivitiesRead}
	token, _ := r.operator(NewAPIToken{Scopes: scopes, Restriction: github()})
	want := []*audit.Filter{github()}
	for range 3 {
		child, entry, err := r.CreateAPIToken(t.Context(), r.principal(token), NewAPIToken{
			Name: "child", Scopes: scopes, ExpiresIn: hours(1), Restriction: deletions(),
		})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, deletions())
		if diff := cmp.Diff(&audit.Filter{And: want}, entry.Restriction); diff != "" {
			t.Error(diff)
		}
		token = child
	}
	child, entry, err := r.CreateAPIToken(t.Context(), r.principal(token), NewAPIToken{Name: "child", Scopes: scopes, ExpiresIn: hours(1)})
	if diff := cmp.Diff(&audit.Filter{And: want}, entry.Restriction); diff != "" || err != nil {
		t.Error(err, diff)
	}
	many := make([]string, audit.MaxFilterValues)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	_, _, err = r.CreateAPIToken(t.Context(), r.principal(child), NewAPIToken{
		Name: "child", Scopes: scopes, ExpiresIn: hours(1), Restriction: &audit.Filter{Type: &audit.StringFilter{In: many}},
	})
	expectProblem(t, "too much together", err, audit.CodeLimit, "restriction")
}

func TestJoinTakesApartOnlyWhatIsNothingButAnd(t *testing.T) {
	t.Parallel()
	both := github()
	both.And = []*audit.Filter{deletions()}
	want := &audit.Filter{And: []*audit.Filter{both, github()}}
	if diff := cmp.Diff(want, join(both, github())); diff != "" {
		t.Error(diff)
	}
}

// TestChildrenAreNeverWider makes lines of tokens, each by the one before, with any wish. Whatever is granted sees no
// activity, has no scope and lives to no moment that its parent does not.
func TestChildrenAreNeverWider(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	granted, restricted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		root := NewAPIToken{Scopes: anyScopes(rt, audit.Scopes())}
		if rapid.Bool().Draw(rt, "restricted") {
			root = NewAPIToken{Scopes: anyScopes(rt, restrictable()), Restriction: new(anyFilter(1).Filter(restricts).Draw(rt, "root"))}
		}
		token, _ := r.operator(root)
		parent := r.principal(token)
		for range rapid.IntRange(1, 4).Draw(rt, "generations") {
			child := r.child(rt, parent)
			if child == nil {
				continue
			}
			granted++
			if parent.Restriction != nil {
				restricted++
			}
			if scope, ok := beyond(child.Scopes, parent.Scopes); ok {
				rt.Fatalf("the child has %s: %v", scope, parent.Scopes)
			}
			if child.ExpiresAt.After(parent.ExpiresAt) || child.Tenant != parent.Tenant {
				rt.Fatalf("child %+v, parent %+v", child, parent)
			}
			if scope, ok := beyond(child.Scopes, restrictable()); ok && child.Restriction != nil {
				rt.Fatalf("a restricted child has %s", scope)
			}
			checkNarrower(rt, parent, child, r.clock.now())
			if child.Kind == audit.TokenAPI {
				parent = child
			}
		}
	})
	if granted < 30 || restricted < 10 {
		t.Errorf("only %d children were granted, %d of restricted tokens: the wishes are too odd to prove anything", granted, restricted)
	}
}

// child makes an API or viewer token with any wish, nil when it is refused.
func (r *rig) child(rt *rapid.T, parent *Principal) *Principal {
	from := parent.Scopes
	if rapid.IntRange(0, 4).Draw(rt, "greedy") == 0 {
		from = audit.Scopes()
	}
	scopes := anyScopes(rt, from)
	life := rapid.SampledFrom([]audit.Duration{audit.Duration(time.Minute), hours(1), hours(2), hours(24), hours(25)}).Draw(rt, "life")
	restriction := rapid.Ptr(anyFilter(2), true).Draw(rt, "restriction")
	var token string
	var err error
	if rapid.Bool().Draw(rt, "viewer") {
		token, _, err = r.CreateViewerToken(r.t.Context(), parent, NewViewerToken{
			Subject: "jane", Scopes: scopes, ExpiresIn: life, Restriction: restriction,
		})
	} else {
		token, _, err = r.CreateAPIToken(r.t.Context(), parent, NewAPIToken{
			Name: "child", Scopes: scopes, ExpiresIn: life, Restriction: restriction,
		})
	}
	if _, ok := errors.AsType[*audit.UserError](err); ok {
		return nil
	}
	if err != nil {
		rt.Fatal(err)
	}
	p, err := r.Authenticate(r.t.Context(), token, caller)
	if err != nil {
		rt.Fatal(err)
	}
	checkWish(rt, p, restriction, r.clock.now())
	return p
}

// checkWish checks that the restriction that was asked for holds, after its way through JSON.
func checkWish(rt *rapid.T, p *Principal, wish *audit.Filter, now time.Time) {
	where, err := wish.Normalise("wish", p.Tenant.Number, now)
	if err != nil {
		rt.Fatal(err)
	}
	view, err := p.View(1<<40, now)
	if err != nil {
		rt.Fatal(err)
	}
	for _, a := range samples(now) {
		if view.Sees(a) && !audit.Match(where, a) {
			text, _ := json.Marshal(wish)
			rt.Fatalf("sees %+v in spite of %s", a, text)
		}
	}
}

func checkNarrower(rt *rapid.T, parent, child *Principal, now time.Time) {
	wide, errWide := parent.View(1<<40, now)
	narrow, errNarrow := child.View(1<<40, now)
	if err := errors.Join(errWide, errNarrow); err != nil {
		rt.Fatal(err)
	}
	for _, a := range samples(now) {
		if narrow.Sees(a) && !wide.Sees(a) {
			rt.Fatalf("the child sees %+v, its parent does not", a)
		}
	}
}

// samples are activities that differ in what anyFilter asks for.
func samples(now time.Time) []*audit.Activity {
	var list []*audit.Activity
	for _, connector := range []string{"github", "okta"} {
		for _, action := range []audit.Action{audit.ActionDelete, audit.ActionRead} {
			for _, age := range []time.Duration{0, 2 * time.Hour} {
				a := &audit.Activity{Tenant: tenantA.Number, Seq: int64(len(list)), Connector: connector}
				a.Type, a.Action, a.OccurredAt = connector+".x", action, now.Add(-age)
				if len(list)%2 == 0 {
					a.Targets = []audit.Target{{Type: "repo", Key: "k"}}
				}
				list = append(list, a)
			}
		}
	}
	return list
}

func anyScopes(rt *rapid.T, from []audit.Scope) []audit.Scope {
	if modest := common(from, restrictable()); len(modest) > 0 && rapid.Bool().Draw(rt, "modest") {
		from = modest // else hardly any restricted token is granted
	}
	return rapid.SliceOfN(rapid.SampledFrom(from), 1, 4).Draw(rt, "scopes")
}

// restricts reports whether a filter is a restriction at all.
func restricts(f audit.Filter) bool {
	where, err := f.Normalise("f", tenantA.Number, newClock().now())
	return err == nil && !audit.Always(where)
}

func anyFilter(depth int) *rapid.Generator[audit.Filter] {
	return rapid.Custom(func(rt *rapid.T) audit.Filter {
		f := audit.Filter{}
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{"github", "okta", "github.x", "none", "repo"}), 1, 2)
		if rapid.Bool().Draw(rt, "connector") {
			f.Connector = &audit.StringFilter{In: texts.Draw(rt, "in")}
		}
		switch rapid.IntRange(0, 5).Draw(rt, "kind") {
		case 0:
			f.Type = &audit.StringFilter{NotIn: texts.Draw(rt, "notIn"), Exists: new(rapid.Bool().Draw(rt, "exists"))}
		case 1:
			f.Action = &audit.ActionFilter{NotIn: []audit.Action{audit.ActionDelete}}
		case 2:
			f.OccurredAt = &audit.TimeFilter{Last: new(audit.Duration(time.Hour))}
		case 3:
			f.OccurredAt = &audit.TimeFilter{To: new(time.Date(2026, 11, 24, 11, 0, 0, 1, time.UTC))}
		case 4:
			f.Target = &audit.TargetFilter{Type: &audit.StringFilter{In: texts.Draw(rt, "target")}}
		}
		if depth == 0 {
			return f
		}
		switch rapid.IntRange(0, 4).Draw(rt, "nesting") {
		case 0:
			f.Not = new(anyFilter(depth-1).Draw(rt, "not"))
		case 1:
			f.Or = rapid.SliceOfN(rapid.Ptr(anyFilter(depth-1), true), 1, 2).Draw(rt, "or")
		case 2:
			f.And = rapid.SliceOfN(rapid.Ptr(anyFilter(depth-1), true), 1, 2).Draw(rt, "and")
		}
		return f
	})
}
