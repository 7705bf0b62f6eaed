package audit_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
	"annals/audit/audittest"
)

// TestMatchMeansTheFilter compares the tree with a reading of the filter itself.
func TestMatchMeansTheFilter(t *testing.T) {
	t.Parallel()
	activities := recorded(300)
	filters := audittest.Filters{Tenant: tenant, MaxSeq: int64(len(activities))}
	matched, missed := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		f := filters.Filter(3).Draw(rt, "filter")
		where, err := f.Normalise("f", tenant, audittest.Noon)
		if err != nil {
			rt.Fatal(err)
		}
		for _, a := range activities {
			want := holds(f, a)
			if got := audit.Match(where, a); got != want {
				rt.Fatalf("Match(%v, %+v) = %v", where, a, got)
			}
			if want {
				matched++
			} else {
				missed++
			}
		}
	})
	if matched < 1000 || missed < 1000 {
		t.Errorf("%d activities matched, %d did not: the filters are too odd to prove anything", matched, missed)
	}
}

// recorded gives random activities of a ledger.
func recorded(n int) []*audit.Activity {
	activities := audittest.Activities(n)
	for i, a := range activities {
		a.Tenant, a.Seq = tenant, int64(i)
		a.RecordedAt = audittest.Noon.Add(time.Duration(i/50-3) * time.Second)
	}
	return activities
}

// holds reads a filter as the schema describes it.
func holds(f *audit.Filter, a *audit.Activity) bool {
	ok := textHolds(f.Type, a.Type) &&
		(f.Action == nil || listHolds(f.Action.In, f.Action.NotIn, a.Action)) &&
		(f.Category == nil || listHolds(f.Category.In, f.Category.NotIn, a.Category)) &&
		(f.Outcome == nil || listHolds(f.Outcome.In, f.Outcome.NotIn, a.Outcome)) &&
		(f.Path == nil || listHolds(f.Path.In, f.Path.NotIn, a.Path)) &&
		(f.Integration == nil || listHolds(f.Integration.In, f.Integration.NotIn, id(int64(a.IntegrationID)))) &&
		textHolds(f.Connector, a.Connector) &&
		actorHolds(f.Actor, a.Actor) && actorHolds(f.OnBehalfOf, a.OnBehalfOf) && targetHolds(f.Target, a.Targets) &&
		textHolds(f.UserAgent, string(a.Origin.UserAgent)) && textHolds(f.SessionID, string(a.SessionID)) &&
		textHolds(f.RequestID, string(a.RequestID)) && textHolds(f.VendorID, string(a.VendorID)) &&
		addressHolds(f.IP, a.Origin.IP) && timeHolds(f.OccurredAt, a.OccurredAt) && timeHolds(f.RecordedAt, a.RecordedAt)
	place := audit.Location{}
	if a.Origin.Location != nil {
		place = *a.Origin.Location
	}
	ok = ok && textHolds(f.Country, string(place.Country)) && textHolds(f.City, string(place.City))
	if f.Seq != nil {
		ok = ok && (f.Seq.Min == nil || a.Seq >= *f.Seq.Min) && (f.Seq.Max == nil || a.Seq <= *f.Seq.Max)
	}
	for _, part := range f.And {
		ok = ok && holds(part, a)
	}
	if f.Or != nil {
		ok = ok && slices.ContainsFunc(f.Or, func(part *audit.Filter) bool { return holds(part, a) })
	}
	return ok && (f.Not == nil || !holds(f.Not, a))
}

func listHolds[T comparable](in, notIn []T, value T) bool {
	return (in == nil || slices.Contains(in, value)) && !slices.Contains(notIn, value)
}

func textHolds(f *audit.StringFilter, value string) bool {
	if f == nil {
		return true
	}
	begins := func(prefix string) bool { return len(value) >= len(prefix) && value[:len(prefix)] == prefix }
	return listHolds(f.In, f.NotIn, value) &&
		(f.Prefix == nil || slices.ContainsFunc(f.Prefix, begins)) &&
		(f.Exists == nil || *f.Exists == (value != ""))
}

func actorHolds(f *audit.ActorFilter, a *audit.Actor) bool {
	if f == nil {
		return true
	}
	if a == nil {
		a = &audit.Actor{}
	}
	return textHolds(f.Key, a.Key) && (f.Type == nil || listHolds(f.Type.In, f.Type.NotIn, a.Type)) &&
		textHolds(f.VendorID, string(a.VendorID)) && textHolds(f.Name, string(a.Name)) && textHolds(f.Email, string(a.Email))
}

func targetHolds(f *audit.TargetFilter, targets []audit.Target) bool {
	if f == nil {
		return true
	}
	if len(targets) == 0 {
		targets = []audit.Target{{}}
	}
	return slices.ContainsFunc(targets, func(t audit.Target) bool {
		return textHolds(f.Key, t.Key) && textHolds(f.Type, t.Type) &&
			textHolds(f.VendorID, string(t.VendorID)) && textHolds(f.Name, string(t.Name))
	})
}

func addressHolds(f *audit.IPFilter, addr netip.Addr) bool {
	within := func(network string) bool {
		if !addr.IsValid() {
			return false
		}
		ip := net.ParseIP(addr.String())
		if _, of, err := net.ParseCIDR(network); err == nil {
			// Package net reads v4 in v4-mapped networks as we do, but has v4 addresses in ::/0.
			return of.Contains(ip) && (addr.Is4() == (of.IP.To4() != nil) || strings.HasPrefix(network, "::ffff:"))
		}
		return net.ParseIP(network).Equal(ip)
	}
	return f == nil || (f.In == nil || slices.ContainsFunc(f.In, within)) && !slices.ContainsFunc(f.NotIn, within) &&
		(f.Exists == nil || *f.Exists == addr.IsValid())
}

func timeHolds(f *audit.TimeFilter, at time.Time) bool {
	return f == nil || (f.From == nil || at.Compare(*f.From) >= 0) && (f.To == nil || at.Compare(*f.To) < 0) &&
		(f.Last == nil || audittest.Noon.Sub(at) <= time.Duration(*f.Last))
}

// TestMatchTargets holds what one and the same target means, and what an activity without targets fulfils.
func TestMatchTargets(t *testing.T) {
	t.Parallel()
	repo := audit.Target{Key: "r1", Type: "repo", Name: "one"}
	user := audit.Target{Key: "u1", Type: "user"}
	tests := map[string][3]bool{ // of no targets, of both, of the repository alone
		`{"target":{}}`:                       {true, true, true},
		`{"target":{"type":{"in":["repo"]}}}`: {false, true, true},
		`{"target":{"type":{"in":["repo"]},"name":{"exists":false}}}`:                      {false, false, false},
		`{"target":{"type":{"in":["user"]},"name":{"exists":false}}}`:                      {false, true, false},
		`{"target":{"type":{"in":["repo"]}},"and":[{"target":{"name":{"exists":false}}}]}`: {false, true, false},
		`{"target":{"type":{"notIn":["repo"]}}}`:                                           {true, true, false},
		`{"target":{"type":{"notIn":["repo","user"]}}}`:                                    {true, false, false},
		`{"target":{"key":{"exists":false}}}`:                                              {true, false, false},
		`{"target":{"name":{"exists":false}}}`:                                             {true, true, false},
		`{"target":{"name":{"prefix":[""]}}}`:                                              {true, true, true},
		`{"not":{"target":{"type":{"in":["repo"]}}}}`:                                      {true, false, false},
		`{"not":{"target":{"type":{"notIn":["repo"]}}}}`:                                   {false, false, true},
	}
	for text, want := range tests {
		where := normalise(t, text)
		for i, targets := range [][]audit.Target{nil, {repo, user}, {repo}} {
			a := &audit.Activity{Draft: audit.Draft{Targets: targets}}
			if got := audit.Match(where, a); got != want[i] {
				t.Errorf("%s of %v: %v", text, targets, got)
			}
		}
	}
}

func TestMatchNothingAndEverything(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]bool{`null`: true, `{}`: true, `{"not":{}}`: false, `{"or":[{"not":{}},{}]}`: true} {
		if got := audit.Match(normalise(t, where), &audit.Activity{}); got != want {
			t.Errorf("%s: %v", where, got)
		}
	}
	if !audit.Match(nil, &audit.Activity{}) || audit.Match(audit.Any{}, &audit.Activity{}) {
		t.Error("nil does not hold, or Any of nothing does")
	}
}
