package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"annals/audit"
)

const tenant audit.TenantID = 5

var cmpPrefix = cmpopts.EquateComparable(netip.Prefix{})

var now = time.Date(2026, time.November, 23, 12, 0, 0, 123456000, time.UTC)

// parse reads a filter as the API takes it.
func parse(t *testing.T, text string) *audit.Filter {
	t.Helper()
	var f *audit.Filter
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func normalise(t *testing.T, text string) audit.All {
	t.Helper()
	where, err := parse(t, text).Normalise("activities.filter", tenant, now)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return where
}

func in(field audit.Field, values ...string) audit.In { return audit.In{Field: field, Values: values} }

func notIn(field audit.Field, values ...string) audit.In {
	return audit.In{Field: field, Values: values, Negated: true}
}

func nets(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func id(number int64) string {
	return audit.ID{Kind: audit.KindIntegration, Tenant: tenant, Number: number}.String()
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want audit.All
	}{
		{`null`, audit.All{}},
		{`{}`, audit.All{}},
		{`{"type":null,"and":null}`, audit.All{}},
		{`{"type":{},"action":{},"ip":{}}`, audit.All{}},
		{`{"actor":{"key":{}},"target":{}}`, audit.All{}},
		{`{"target":{"key":{},"name":{}}}`, audit.All{}},
		{`{"integration":{},"path":{}}`, audit.All{}},
		{`{"occurredAt":{},"seq":{}}`, audit.All{}},
		{`{"type":{"in":null,"notIn":null,"prefix":null,"exists":null}}`, audit.All{}},
		{`{"occurredAt":{"from":null,"to":null,"last":null}}`, audit.All{}},
		{`{"seq":{"min":null,"max":null}}`, audit.All{}},
		{`{"and":[{},{}]}`, audit.All{}},
		{`{"not":{}}`, audit.All{audit.Not{Of: audit.All{}}}},
		{`{"or":[{}]}`, audit.All{audit.Any{audit.All{}}}},
		{`{"type":{"in":["b","a","b"]}}`, audit.All{in(audit.FieldType, "a", "b")}},
		{`{"type":{"in":[""]}}`, audit.All{in(audit.FieldType, "")}},
		{`{"type":{"notIn":["b","a"],"prefix":["x"],"exists":true}}`, audit.All{notIn(audit.FieldType, "a", "b"), audit.Prefix{Field: audit.FieldType, Values: []string{"x"}}, audit.Has{Field: audit.FieldType}}},
		{`{"city":{"exists":false}}`, audit.All{audit.Has{Field: audit.FieldCity, Negated: true}}},
		{`{"action":{"in":["DELETE","CREATE"]},"category":{"notIn":["USER"]}}`, audit.All{in(audit.FieldAction, "CREATE", "DELETE"), notIn(audit.FieldCategory, "USER")}},
		{`{"outcome":{"in":["DENIED"]},"path":{"notIn":["SWEEP","IMPORT"]}}`, audit.All{in(audit.FieldOutcome, "DENIED"), notIn(audit.FieldPath, "IMPORT", "SWEEP")}},
		{`{"connector":{"in":["okta"]},"country":{"in":["DE"]}}`, audit.All{in(audit.FieldConnector, "okta"), in(audit.FieldCountry, "DE")}},
		{`{"userAgent":{"prefix":["curl"]},"sessionId":{"in":["s"]}}`, audit.All{audit.Prefix{Field: audit.FieldUserAgent, Values: []string{"curl"}}, in(audit.FieldSession, "s")}},
		{`{"requestId":{"in":["r"]},"vendorId":{"in":["v"]}}`, audit.All{in(audit.FieldRequest, "r"), in(audit.FieldVendorID, "v")}},
		{`{"actor":{"key":{"in":["k"]},"type":{"in":["USER"]},"vendorId":{"in":["v"]}}}`, audit.All{in(audit.FieldActor, "k"), in(audit.FieldActorType, "USER"), in(audit.FieldActorID, "v")}},
		{`{"actor":{"name":{"in":["n"]},"email":{"in":["e"]}}}`, audit.All{in(audit.FieldActorName, "n"), in(audit.FieldActorEmail, "e")}},
		{`{"onBehalfOf":{"key":{"in":["k"]},"type":{"in":["USER"]}}}`, audit.All{in(audit.FieldBehalf, "k"), in(audit.FieldBehalfType, "USER")}},
		{`{"onBehalfOf":{"vendorId":{"in":["v"]},"name":{"in":["n"]}}}`, audit.All{in(audit.FieldBehalfID, "v"), in(audit.FieldBehalfName, "n")}},
		{`{"onBehalfOf":{"email":{"exists":true}}}`, audit.All{audit.Has{Field: audit.FieldBehalfEmail}}},
		{`{"target":{"key":{"in":["k"]},"type":{"in":["t"]}}}`, audit.All{audit.SomeTarget{Of: audit.All{in(audit.FieldTarget, "k"), in(audit.FieldTargetType, "t")}, Root: true}}},
		{`{"and":[{"target":{"vendorId":{"in":["v"]},"name":{"in":["n"]}}}]}`, audit.All{audit.SomeTarget{Of: audit.All{in(audit.FieldTargetID, "v"), in(audit.FieldTargetName, "n")}}}},
		{`{"integration":{"in":["` + id(9) + `","` + id(7) + `"]}}`, audit.All{audit.InIntegrations{IDs: []audit.IntegrationID{7, 9}}}},
		{`{"integration":{"notIn":["` + id(9) + `"]}}`, audit.All{audit.InIntegrations{IDs: []audit.IntegrationID{9}, Negated: true}}},
		{`{"integration":{"in":["nonsense"]}}`, audit.All{audit.InIntegrations{IDs: []audit.IntegrationID{}}}},
		{`{"ip":{"in":["203.0.113.9","2001:DB8::0:1"],"exists":true}}`, audit.All{audit.InNetworks{Networks: nets("2001:db8::1/128", "203.0.113.9/32")}, audit.Has{Field: audit.FieldIP}}},
		{`{"ip":{"notIn":["203.0.113.0/24","2001:db8::/32"]}}`, audit.All{audit.InNetworks{Networks: nets("2001:db8::/32", "203.0.113.0/24"), Negated: true}}},
		{`{"ip":{"in":["::ffff:203.0.113.9","::ffff:198.51.100.0/120"]}}`, audit.All{audit.InNetworks{Networks: nets("198.51.100.0/24", "203.0.113.9/32")}}},
		{`{"ip":{"in":["::ffff:0.0.0.0/96"]}}`, audit.All{audit.InNetworks{Networks: nets("0.0.0.0/0")}}},
		{`{"occurredAt":{"from":"2026-11-01T00:00:00+01:00"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, From: at("2026-10-31T23:00:00Z")}}},
		{`{"occurredAt":{"from":"2026-11-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, From: at("2026-11-01T00:00:00Z"), To: at("2026-11-01T00:00:00Z")}}},
		{`{"recordedAt":{"to":"2026-11-01T00:00:00.123456Z"}}`, audit.All{audit.Between{Field: audit.FieldRecorded, To: at("2026-11-01T00:00:00.123456Z")}}},
		{`{"occurredAt":{"last":"P7D"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, From: now.AddDate(0, 0, -7)}}},
		{`{"occurredAt":{"last":"PT0S"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, From: now}}},
		{`{"occurredAt":{"to":"9999-12-31T23:59:59.999999Z"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, To: at("9999-12-31T23:59:59.999999Z")}}},
		{`{"occurredAt":{"from":"2026-11-01T00:00:00.0000001Z","to":"2026-11-01T00:00:00.1234567Z"}}`, audit.All{audit.Between{Field: audit.FieldOccurred, From: at("2026-11-01T00:00:00.000001Z"), To: at("2026-11-01T00:00:00.123457Z")}}},
		{`{"seq":{"min":3}}`, audit.All{audit.SeqBetween{Min: new(int64(3))}}},
		{`{"seq":{"min":3,"max":2}}`, audit.All{audit.SeqBetween{Min: new(int64(3)), Max: new(int64(2))}}},
		{`{"type":{"in":["a"]},"and":[{"city":{"in":["b"]}},{"and":[{"city":{"in":["c"]}}]}]}`, audit.All{
			in(audit.FieldType, "a"), in(audit.FieldCity, "b"), in(audit.FieldCity, "c"),
		}},
		{`{"or":[{"type":{"in":["a"]}},{"not":{"city":{"in":["b"]}}}]}`, audit.All{
			audit.Any{audit.All{in(audit.FieldType, "a")}, audit.All{audit.Not{Of: audit.All{in(audit.FieldCity, "b")}}}},
		}},
	}
	for _, tc := range tests {
		if diff := cmp.Diff(tc.want, normalise(t, tc.text), cmpPrefix); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.text, diff)
		}
	}
}

// TestNormaliseLeavesOutForeignIDs: an id of another tenant, kind or shape matches nothing and is no error.
func TestNormaliseLeavesOutForeignIDs(t *testing.T) {
	t.Parallel()
	foreign := []string{
		audit.ID{Kind: audit.KindIntegration, Tenant: tenant + 1, Number: 9}.String(),
		audit.ID{Kind: audit.KindActivity, Tenant: tenant, Number: 9}.String(),
		"", "9", id(9) + "=", id(9) + "\n", "💥",
	}
	filter := &audit.Filter{Integration: &audit.IDFilter{In: append(foreign, id(9)), NotIn: foreign}}
	where, err := filter.Normalise("f", tenant, now)
	want := audit.All{
		audit.InIntegrations{IDs: []audit.IntegrationID{9}}, audit.InIntegrations{IDs: []audit.IntegrationID{}, Negated: true},
	}
	if diff := cmp.Diff(want, where); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestNormaliseRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // filter: argument
		`{"type":{"in":[]}}`:                                          "type.in",
		`{"type":{"notIn":[]}}`:                                       "type.notIn",
		`{"type":{"prefix":[]}}`:                                      "type.prefix",
		`{"action":{"in":[]}}`:                                        "action.in",
		`{"category":{"notIn":[]}}`:                                   "category.notIn",
		`{"outcome":{"in":[]}}`:                                       "outcome.in",
		`{"path":{"in":[]}}`:                                          "path.in",
		`{"integration":{"in":[]}}`:                                   "integration.in",
		`{"integration":{"notIn":[]}}`:                                "integration.notIn",
		`{"connector":{"in":[]}}`:                                     "connector.in",
		`{"actor":{"key":{"in":[]}}}`:                                 "actor.key.in",
		`{"actor":{"type":{"notIn":[]}}}`:                             "actor.type.notIn",
		`{"actor":{"vendorId":{"prefix":[]}}}`:                        "actor.vendorId.prefix",
		`{"onBehalfOf":{"name":{"in":[]}}}`:                           "onBehalfOf.name.in",
		`{"onBehalfOf":{"email":{"in":[]}}}`:                          "onBehalfOf.email.in",
		`{"target":{"key":{"in":[]}}}`:                                "target.key.in",
		`{"target":{"type":{"in":[]}}}`:                               "target.type.in",
		`{"target":{"vendorId":{"in":[]}}}`:                           "target.vendorId.in",
		`{"target":{"name":{"prefix":[]}}}`:                           "target.name.prefix",
		`{"country":{"in":[]}}`:                                       "country.in",
		`{"city":{"in":[]}}`:                                          "city.in",
		`{"userAgent":{"in":[]}}`:                                     "userAgent.in",
		`{"sessionId":{"in":[]}}`:                                     "sessionId.in",
		`{"requestId":{"in":[]}}`:                                     "requestId.in",
		`{"vendorId":{"in":[]}}`:                                      "vendorId.in",
		`{"and":[]}`:                                                  "and",
		`{"or":[]}`:                                                   "or",
		`{"and":[{"ip":{"in":[]}}]}`:                                  "and.ip.in",
		`{"or":[{},{"not":{"and":[{"type":{"in":[]}}]}}]}`:            "or.not.and.type.in",
		`{"not":{"or":[]}}`:                                           "not.or",
		`{"ip":{"in":["203.0.113.1/24"]}}`:                            "ip.in",
		`{"ip":{"in":["2001:db8::1/64"]}}`:                            "ip.in",
		`{"ip":{"in":["::ffff:203.0.113.1/120"]}}`:                    "ip.in",
		`{"ip":{"notIn":["fe80::1%eth0"]}}`:                           "ip.notIn",
		`{"ip":{"notIn":["fe80::%1/64"]}}`:                            "ip.notIn",
		`{"ip":{"in":["203.0.113"]}}`:                                 "ip.in",
		`{"ip":{"in":["203.0.113.0/33"]}}`:                            "ip.in",
		`{"ip":{"in":["203.0.113.0/024"]}}`:                           "ip.in",
		`{"ip":{"in":["203.0.113.009"]}}`:                             "ip.in",
		`{"ip":{"in":[" 203.0.113.9"]}}`:                              "ip.in",
		`{"ip":{"in":[""]}}`:                                          "ip.in",
		`{"ip":{"in":["example.com"]}}`:                               "ip.in",
		`{"ip":{"in":["203.0.113.9:443"]}}`:                           "ip.in",
		`{"occurredAt":{"last":"P1D","from":"2026-11-01T00:00:00Z"}}`: "occurredAt.last",
		`{"occurredAt":{"last":"P1D","to":"2026-11-01T00:00:00Z"}}`:   "occurredAt.last",
		`{"recordedAt":{"last":"P1D","to":"2026-11-01T00:00:00Z"}}`:   "recordedAt.last",
		`{"occurredAt":{"last":"PT0.0000001S"}}`:                      "occurredAt.last",
		`{"occurredAt":{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}}`:        "occurredAt.from",
		`{"recordedAt":{"from":"2026-11-01T00:00:00.000001Z","to":"2026-11-01T00:00:00Z"}}`: "recordedAt.from",
		`{"occurredAt":{"from":"0000-12-31T00:00:00Z"}}`:                                    "occurredAt.from",
		`{"occurredAt":{"to":"0001-01-01T00:00:00Z"}}`:                                      "occurredAt.to",
		`{"occurredAt":{"to":"0001-01-01T00:00:00+00:01"}}`:                                 "occurredAt.to",
		`{"occurredAt":{"to":"9999-12-31T23:59:59-00:01"}}`:                                 "occurredAt.to",
	}
	for text, argument := range tests {
		_, err := parse(t, text).Normalise("activities.filter", tenant, now)
		if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != "activities.filter."+argument {
			t.Errorf("%s: %v, want a mistake of %s", text, err, argument)
		}
	}
	_, err := (&audit.Filter{OccurredAt: &audit.TimeFilter{Last: new(audit.Duration(-1))}}).Normalise("f", tenant, now)
	if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != "f.occurredAt.last" {
		t.Errorf("a negative duration: %v", err)
	}
}

func TestNormaliseBounds(t *testing.T) {
	t.Parallel()
	refused := func(f *audit.Filter) string {
		_, err := f.Normalise("f", tenant, now)
		if err == nil {
			return ""
		}
		bad, ok := errors.AsType[*audit.ArgumentError](err)
		if !ok {
			t.Errorf("%v is no mistake of an argument", err)
		}
		return bad.Argument
	}
	for kind, nest := range map[string]func(*audit.Filter) *audit.Filter{
		"and": func(f *audit.Filter) *audit.Filter { return &audit.Filter{And: []*audit.Filter{f}} },
		"or":  func(f *audit.Filter) *audit.Filter { return &audit.Filter{Or: []*audit.Filter{{}, f}} },
		"not": func(f *audit.Filter) *audit.Filter { return &audit.Filter{Not: f} },
	} {
		f := &audit.Filter{}
		for range audit.MaxFilterDepth - 1 {
			f = nest(f)
		}
		if argument := refused(f); argument != "" {
			t.Errorf("filters 12 deep by %s: a mistake of %s", kind, argument)
		}
		if argument := refused(nest(nest(f))); !strings.HasPrefix(argument, "f"+strings.Repeat("."+kind, audit.MaxFilterDepth)) {
			t.Errorf("13 %s: a mistake of %q", kind, argument)
		}
	}
	values := make([]string, 500)
	for i := range values {
		values[i] = fmt.Sprintf("203.0.113.%d", i%256) // repeats count as well
	}
	f := &audit.Filter{
		IP: &audit.IPFilter{In: values}, Not: &audit.Filter{Target: &audit.TargetFilter{Name: &audit.StringFilter{Prefix: values}}},
	}
	if argument := refused(f); argument != "" {
		t.Errorf("1,000 values: a mistake of %s", argument)
	}
	f.Action = &audit.ActionFilter{In: []audit.Action{audit.ActionRead}}
	if argument := refused(f); argument != "f" {
		t.Errorf("1,001 values: a mistake of %q", argument)
	}
}

// TestNormaliseBoundsConditions: what has no list costs as well, however little of it there is.
func TestNormaliseBoundsConditions(t *testing.T) {
	t.Parallel()
	for _, part := range []string{
		`{}`, `null`, `{"type":{}}`, `{"actor":{"key":{}}}`, `{"seq":{"max":-1}}`, `{"type":{"exists":true}}`, `{"ip":{"exists":false}}`,
		`{"target":{"name":{"exists":true}}}`, `{"occurredAt":{"last":"P1D"}}`, `{"recordedAt":{"to":"2026-11-01T00:00:00Z"}}`,
		`{"not":{}}`, `{"not":{"seq":{"min":1}}}`, `{"or":[{}]}`, `{"ip":{"in":["203.0.113.9"]}}`, `{"integration":{"in":["nonsense"]}}`,
	} {
		for _, list := range []string{"or", "and"} {
			for count, good := range map[int]bool{audit.MaxFilterValues: true, audit.MaxFilterValues + 1: false, 12_000: false} {
				f := parse(t, `{"`+list+`":[`+strings.Repeat(part+",", count-1)+part+`]}`)
				_, err := f.Normalise("f", tenant, now)
				bad, ok := errors.AsType[*audit.ArgumentError](err)
				if (err == nil) != good || !good && (!ok || bad.Argument != "f") {
					t.Errorf("%d %s in %q: %v", count, part, list, err)
				}
			}
		}
	}
	both := parse(t, `{"type":{"exists":true,"in":["a","b"]},"seq":{"min":1,"max":2},"or":[`+strings.Repeat("{},", 995)+`{}]}`)
	if _, err := both.Normalise("f", tenant, now); err != nil {
		t.Errorf("1,000 values and conditions: %v", err)
	}
	both.City = &audit.StringFilter{In: []string{"Berlin"}}
	if _, err := both.Normalise("f", tenant, now); err == nil {
		t.Error("1,001 values and conditions are let in")
	}
}

// TestNormaliseLeavesTheFilter: a filter is part of what a cursor is bound to.
func TestNormaliseLeavesTheFilter(t *testing.T) {
	t.Parallel()
	f := &audit.Filter{Type: &audit.StringFilter{In: []string{"b", "a", "b"}}}
	if _, err := f.Normalise("f", tenant, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "a", "b"}, f.Type.In); diff != "" {
		t.Error(diff)
	}
}
