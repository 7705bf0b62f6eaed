package push_test

import (
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

func TestHowManyAtOnce(t *testing.T) {
	t.Parallel()
	for count, good := range map[int]bool{0: false, 1: true, 500: true, 501: false} {
		l := newLedger()
		inputs := make([]*audit.DraftInput, count)
		for n := range inputs {
			inputs[n] = input(fmt.Sprint("key ", n))
		}
		results, err := l.service().Activities(t.Context(), everything(), nil, inputs)
		if !good {
			problems, _ := errors.AsType[audit.UserErrors](err)
			if len(problems) != 1 || problems[0].Code != audit.CodeInvalid || strings.Join(problems[0].Field, ".") != "input.activities" || results != nil {
				t.Errorf("%d: %v, %v, want INVALID at activities", count, results, err)
			}
			continue
		}
		if err != nil || len(l.recorded) != count {
			t.Errorf("%d: %d recorded, %v", count, len(l.recorded), err)
		}
		for n, result := range results {
			if result.IdempotencyKey != inputs[n].IdempotencyKey || result.Status != audit.RecordRecorded || *result.Seq != int64(n) || string(result.Activity.VendorID) != inputs[n].IdempotencyKey {
				t.Fatalf("%d: result %d is %+v, want them in order", count, n, result)
			}
		}
	}
}

// TestBadOnesDoNotStopGoodOnes: every other one is bad, and each result stands where its activity stood.
func TestBadOnesDoNotStopGoodOnes(t *testing.T) {
	t.Parallel()
	l := newLedger()
	var inputs []*audit.DraftInput
	for n := range 20 {
		inputs = append(inputs, changed(fmt.Sprint("key ", n), func(in *audit.DraftInput) {
			if n%2 == 1 {
				in.Type = ""
			}
		}))
	}
	results, err := l.service().Activities(t.Context(), everything(), nil, inputs)
	if err != nil || len(l.recorded) != 10 {
		t.Fatalf("%d recorded, %v, want 10", len(l.recorded), err)
	}
	for n, result := range results {
		if bad := n%2 == 1; bad != (result.Error != nil) || bad != (result.Activity == nil) || result.IdempotencyKey != inputs[n].IdempotencyKey {
			t.Errorf("result %d is %+v", n, result)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	long := audit.Text(strings.Repeat("x", 4097))
	fits := long[1:]
	target := audit.TargetInput{Type: "invoice", Name: "1"}
	targets := func(n int) []audit.TargetInput {
		list := make([]audit.TargetInput, n)
		for i := range list {
			list[i] = target
		}
		return list
	}
	deep := func(depth int) audit.JSON {
		return audit.JSON(`{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}")
	}
	tests := []struct {
		field  string // that is refused, empty for none
		change func(*audit.DraftInput)
	}{
		{"", func(in *audit.DraftInput) {
			in.IdempotencyKey, in.Type = strings.Repeat("k", 255), strings.Repeat("t", 200)
			in.Description, in.OutcomeReason, in.UserAgent, in.SessionID, in.RequestID = fits, fits, fits, fits, fits
			in.Actor = audit.ActorInput{Type: audit.ActorUser, VendorID: fits, Name: fits, Email: fits}
			in.OnBehalfOf, in.Targets, in.IP = &in.Actor, targets(50), "2001:db8::1"
			in.Metadata = audit.JSON(`{"a":"` + strings.Repeat("m", 64<<10-8) + `"}`)
			in.OccurredAt = noon.Add(5 * time.Minute)
		}},
		{"idempotencyKey", func(in *audit.DraftInput) { in.IdempotencyKey = "" }},
		{"idempotencyKey", func(in *audit.DraftInput) { in.IdempotencyKey = strings.Repeat("k", 256) }},
		{"type", func(in *audit.DraftInput) { in.Type = "" }},
		{"type", func(in *audit.DraftInput) { in.Type = strings.Repeat("t", 201) }},
		{"type", func(in *audit.DraftInput) { in.Type = ".hidden" }},
		{"type", func(in *audit.DraftInput) { in.Type = "a b" }},
		{"type", func(in *audit.DraftInput) { in.Type = "a\n" }},
		{"type", func(in *audit.DraftInput) { in.Type = "ä" }},
		{"description", func(in *audit.DraftInput) { in.Description = long }},
		{"outcomeReason", func(in *audit.DraftInput) { in.OutcomeReason = long }},
		{"userAgent", func(in *audit.DraftInput) { in.UserAgent = long }},
		{"sessionId", func(in *audit.DraftInput) { in.SessionID = long }},
		{"requestId", func(in *audit.DraftInput) { in.RequestID = long }},
		{"actor", func(in *audit.DraftInput) { in.Actor = audit.ActorInput{Type: audit.ActorUser} }},
		{"actor", func(in *audit.DraftInput) { in.Actor = audit.ActorInput{Type: audit.ActorService} }},
		{"", func(in *audit.DraftInput) { in.Actor = audit.ActorInput{Type: audit.ActorAnonymous} }},
		{"", func(in *audit.DraftInput) { in.Actor = audit.ActorInput{Type: audit.ActorSystem} }},
		{"actor.vendorId", func(in *audit.DraftInput) { in.Actor.VendorID = long }},
		{"actor.name", func(in *audit.DraftInput) { in.Actor.Name = long }},
		{"actor.email", func(in *audit.DraftInput) { in.Actor.Email = long }},
		{"onBehalfOf", func(in *audit.DraftInput) { in.OnBehalfOf = &audit.ActorInput{Type: audit.ActorUser} }},
		{"onBehalfOf.name", func(in *audit.DraftInput) { in.OnBehalfOf = &audit.ActorInput{Type: audit.ActorUser, Name: long} }},
		{"targets", func(in *audit.DraftInput) { in.Targets = targets(51) }},
		{"targets.1.type", func(in *audit.DraftInput) { in.Targets = []audit.TargetInput{target, {Name: "1"}} }},
		{"targets.0.type", func(in *audit.DraftInput) { in.Targets = []audit.TargetInput{{Type: "Invoice", Name: "1"}} }},
		{"targets.0.type", func(in *audit.DraftInput) {
			in.Targets = []audit.TargetInput{{Type: strings.Repeat("t", 101), Name: "1"}}
		}},
		{"targets.0", func(in *audit.DraftInput) { in.Targets = []audit.TargetInput{{Type: "invoice"}} }},
		{"targets.0", func(in *audit.DraftInput) { in.Targets = []audit.TargetInput{{Type: "invoice", Name: long}} }},
		{"ip", func(in *audit.DraftInput) { in.IP = "203.0.113.256" }},
		{"ip", func(in *audit.DraftInput) { in.IP = "203.0.113.0/24" }},
		{"ip", func(in *audit.DraftInput) { in.IP = "fe80::1%eth0" }},
		{"occurredAt", func(in *audit.DraftInput) { in.OccurredAt = noon.Add(5*time.Minute + time.Microsecond) }},
		{"occurredAt", func(in *audit.DraftInput) {
			in.OccurredAt = time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("", 14*3600))
		}},
		{"occurredAt", func(in *audit.DraftInput) { in.OccurredAt = time.Time{} }},
		{"", func(in *audit.DraftInput) { in.OccurredAt = time.Unix(0, 0) }},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`{"a":"` + strings.Repeat("m", 64<<10-7) + `"}`) }},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`[1]`) }},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`"a"`) }},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`{"a":1,"a":2}`) }},
		{"", func(in *audit.DraftInput) { in.Metadata = deep(audit.MaxJSONDepth) }},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = deep(audit.MaxJSONDepth + 1) }},
		{"metadata", func(in *audit.DraftInput) {
			in.Metadata = audit.JSON(strings.Repeat(`{"a":`, audit.MaxJSONDepth+1) + "1" + strings.Repeat("}", audit.MaxJSONDepth+1))
		}},
		{"metadata", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`{"a`) }},
		{"", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`{"a":"` + strings.Repeat("[", 100) + `"}`) }},
		{"", func(in *audit.DraftInput) { in.Metadata = nil }},
		{"", func(in *audit.DraftInput) { in.Metadata = audit.JSON(`{}`) }},
	}
	for n, test := range tests {
		l := newLedger()
		results, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{changed("a", test.change)})
		if err != nil {
			t.Fatal(err)
		}
		field, code := "", audit.UserErrorCode("")
		if problem := results[0].Error; problem != nil {
			field, code = strings.TrimPrefix(strings.Join(problem.Field, "."), "input.activities.0."), problem.Code
		}
		if field != test.field || code != "" && code != audit.CodeInvalid || (test.field == "") != (len(l.recorded) == 1) {
			t.Errorf("%d: %s refused as %s with %d recorded, want %s", n, field, code, len(l.recorded), test.field)
		}
	}
}

func TestWhatADraftBecomes(t *testing.T) {
	t.Parallel()
	l := newLedger()
	in := &audit.DraftInput{
		IdempotencyKey: "inv-7/approve", Type: "invoice.approve", Action: audit.ActionApprove, Category: audit.CategoryBilling,
		Description: "Approved <7> & sent", Actor: audit.ActorInput{Type: audit.ActorUser, VendorID: "9", Email: "Jane@Example.com"},
		OnBehalfOf: &audit.ActorInput{Type: audit.ActorSystem},
		Targets:    []audit.TargetInput{{Type: "invoice", VendorID: "7"}, {Type: "customer", Name: "Acme"}},
		Outcome:    audit.OutcomeSuccess, OutcomeReason: "limit", IP: "::ffff:203.0.113.9", UserAgent: "app/1", SessionID: "s", RequestID: "r",
		OccurredAt: noon.Add(-time.Second), Metadata: audit.JSON(`{"z":1.50,"a":[1e2,"\u00e9\u2028"],"amount":-0.0}`),
	}
	if _, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{in}); err != nil || len(l.recorded) != 1 {
		t.Fatalf("%d recorded, %v", len(l.recorded), err)
	}
	const raw = `{"action":"APPROVE","actor":{"email":"Jane@Example.com","type":"USER","vendorId":"9"},"category":"BILLING",` +
		`"description":"Approved <7> & sent","idempotencyKey":"inv-7/approve","ip":"::ffff:203.0.113.9",` +
		`"metadata":{"a":[100,"é` + "\u2028" + `"],"amount":0,"z":1.5},"occurredAt":"2026-03-01T11:59:59Z","onBehalfOf":{"type":"SYSTEM"},` +
		`"outcome":"SUCCESS","outcomeReason":"limit","requestId":"r","sessionId":"s",` +
		`"targets":[{"type":"invoice","vendorId":"7"},{"name":"Acme","type":"customer"}],"type":"invoice.approve","userAgent":"app/1"}`
	got := l.recorded[0]
	want := &audit.Activity{
		Tenant: 1, IntegrationID: 2, Connector: "push", Feed: "push", Path: audit.PathPush,
		Draft: audit.Draft{
			Type: "push.invoice.approve", Action: audit.ActionApprove, Category: audit.CategoryBilling, Description: "Approved <7> & sent",
			Actor:      &audit.Actor{Key: "jane@example.com", Type: audit.ActorUser, VendorID: "9", Email: "Jane@Example.com"},
			OnBehalfOf: &audit.Actor{Key: "push:system", Type: audit.ActorSystem},
			Targets: []audit.Target{
				{Key: "push:invoice:7", Type: "invoice", VendorID: "7"}, {Key: "push:customer:Acme", Type: "customer", Name: "Acme"},
			},
			Outcome: audit.OutcomeSuccess, OutcomeReason: "limit", Origin: audit.Origin{IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "app/1"},
			SessionID: "s", RequestID: "r", OccurredAt: noon.Add(-time.Second), VendorID: "inv-7/approve", Metadata: in.Metadata,
			Raw: []byte(raw), Key: "inv-7/approve", Content: got.Content,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}

// TestSpellingIsNoContent: what says the same is a repeat, whatever it looks like; what says something else is not.
func TestSpellingIsNoContent(t *testing.T) {
	t.Parallel()
	with := func(metadata string) *audit.DraftInput {
		return changed("a", func(in *audit.DraftInput) { in.Metadata = audit.JSON(metadata) })
	}
	first := with(`{"a":1,"b":[1.5,"é"]}`)
	for metadata, want := range map[string]audit.RecordStatus{
		`{"b":[1.50,"\u00e9"],"a":1.0}`: audit.RecordRepeated,
		`{"a":1,"b":["é",1.5]}`:         audit.RecordRefused,
		`{"a":2,"b":[1.5,"é"]}`:         audit.RecordRefused,
		`{"a":"1","b":[1.5,"é"]}`:       audit.RecordRefused,
		`{"a":1,"b":[1.5,"e\u0301"]}`:   audit.RecordRefused,
	} {
		l := newLedger()
		results, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{first, with(metadata)})
		if err != nil || results[0].Status != audit.RecordRecorded || results[1].Status != want {
			t.Errorf("%s: %s, %v, want %s", metadata, results[1].Status, err, want)
		}
	}
	zone := changed("a", func(in *audit.DraftInput) { in.OccurredAt = noon.In(time.FixedZone("", 3600)) })
	l := newLedger()
	results, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{input("a"), zone})
	if err != nil || results[1].Status != audit.RecordRepeated {
		t.Errorf("the same time in another zone: %s, %v, want REPEATED", results[1].Status, err)
	}
}

func TestAFailureToRecordIsOurs(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.lost = audit.ErrUnavailable
	results, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{input("a")})
	if _, theirs := errors.AsType[audit.UserErrors](err); !errors.Is(err, audit.ErrUnavailable) || theirs || results != nil {
		t.Errorf("%v, %v, want %v and no results", results, err, audit.ErrUnavailable)
	}
}
