package resolvers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"annals/audit"
)

// tokens are those of a tenant, newest first.
type tokens []*audit.APIToken

func (t tokens) Tokens(context.Context, audit.View) ([]*audit.APIToken, error) { return t, nil }

func (t tokens) Token(context.Context, audit.TenantID, string) (*audit.APIToken, error) {
	return nil, audit.ErrNotFound
}

func TestTokensPageBothWays(t *testing.T) {
	t.Parallel()
	r := newRig()
	want := []string{"e", "d", "c", "b", "a"}
	var all tokens
	for _, jti := range want {
		all = append(all, &audit.APIToken{Tenant: ours, JTI: jti})
	}
	r.TokenStore = all
	forward, backward := walkTokens(t, r, true), walkTokens(t, r, false)
	if !slices.Equal(forward, want) || !slices.Equal(backward, want) {
		t.Errorf("forward %v, backward %v, want %v", forward, backward, want)
	}
	page, err := r.Query().APITokens(caller(t), new(0), nil, nil, nil)
	if err != nil || page.TotalCount != 5 || len(page.Edges) != 0 {
		t.Errorf("a page of none: %+v, %v, want the count alone", page, err)
	}
	if _, err := r.Query().APITokens(caller(t), new(2), new("x"), nil, nil); !errors.Is(err, audit.ErrCursor) {
		t.Errorf("a cursor of nothing: %v", err)
	}
	for _, sizes := range [][2]*int{{new(-1), nil}, {new(2), new(2)}} {
		_, err := r.Query().APITokens(caller(t), sizes[0], nil, sizes[1], nil)
		if _, ok := errors.AsType[*audit.ArgumentError](err); !ok {
			t.Errorf("first %v with last %v: %v, want an error of an argument", sizes[0], sizes[1], err)
		}
	}
}

// walkTokens reads all pages of two, in the order of the list.
func walkTokens(t *testing.T, r *rig, forward bool) []string {
	t.Helper()
	var seen []string
	for cursor := (*string)(nil); ; {
		var page *audit.APITokenPage
		var err error
		if forward {
			page, err = r.Query().APITokens(caller(t), new(2), cursor, nil, nil)
		} else {
			page, err = r.Query().APITokens(caller(t), nil, nil, new(2), cursor)
		}
		if err != nil {
			t.Fatal(err)
		}
		var part []string
		for _, edge := range page.Edges {
			part = append(part, edge.Node.JTI)
		}
		more := page.PageInfo.HasNextPage
		if cursor = page.PageInfo.EndCursor; forward {
			seen = append(seen, part...)
		} else {
			seen, cursor, more = append(part, seen...), page.PageInfo.StartCursor, page.PageInfo.HasPreviousPage
		}
		if !more {
			return seen
		}
	}
}

// lists notes how it is asked for a page.
type lists struct {
	Activities

	order audit.Order
	raw   int64 // newest seq that the view of a raw sees
}

func (l *lists) List(_ context.Context, _ audit.View, _ *audit.Filter, order audit.Order, _ audit.PageArgs) (*audit.Page, error) {
	l.order = order
	return &audit.Page{}, nil
}

func (l *lists) Raw(_ context.Context, view audit.View, _ *audit.Activity) (*audit.Raw, error) {
	l.raw = view.AsOf()
	return nil, audit.ErrNotFound
}

func TestActivitiesAreNewestFirstUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	r, l := newRig(), &lists{}
	r.Explorer = l
	other := audit.Order{Field: "RECORDED_AT", Direction: "ASC"}
	for _, test := range []struct {
		given *audit.Order
		want  audit.Order
	}{{nil, audit.NewestFirst()}, {&other, other}} {
		if _, err := r.Query().Activities(caller(t), nil, test.given, nil, nil, nil, nil); err != nil || l.order != test.want {
			t.Errorf("order %+v gives %+v, %v, want %+v", test.given, l.order, err, test.want)
		}
	}
}

// TestRawOfALiveActivity: a subscription's view is older than the activities that it sends, whose bytes are shown all
// the same; and what is older is read as of the view.
func TestRawOfALiveActivity(t *testing.T) {
	t.Parallel()
	r, l := newRig(), &lists{}
	r.Explorer = l
	for seq, want := range map[int64]int64{3: 9, 9: 9, 12: 12} {
		raw, err := r.Activity().Raw(caller(t), &audit.Activity{Tenant: ours, Seq: seq})
		if err != nil || raw != nil || l.raw != want {
			t.Errorf("seq %d: %v, %v, read as of %d, want null as of %d", seq, raw, err, l.raw, want)
		}
	}
}

func TestSentenceOfNoReasonIsNull(t *testing.T) {
	t.Parallel()
	if sentence(nil) != nil || sentence(new(audit.HealthReason(""))) != nil {
		t.Error("no reason has a sentence")
	}
	if text := sentence(new(audit.ReasonRateLimited)); text == nil || *text == "" {
		t.Error("a reason has no sentence")
	}
}

func TestTokenStatusFollowsTheClock(t *testing.T) {
	t.Parallel()
	r := newRig()
	now := r.Now()
	for want, token := range map[audit.TokenStatus]*audit.APIToken{
		audit.TokenActive: {ExpiresAt: now.Add(time.Hour)}, audit.TokenExpired: {ExpiresAt: now.Add(-time.Hour)},
		audit.TokenRevoked: {ExpiresAt: now.Add(time.Hour), RevokedAt: &now},
	} {
		if got, err := r.ApiToken().Status(t.Context(), token); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
