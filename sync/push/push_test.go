package push_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/push"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// ledger is integrations, ledger and recorder of one tenant: it keeps the first content of every key.
type ledger struct {
	own      audit.Integration
	recorded []*audit.Activity
	lost     error // of the database
}

func newLedger() *ledger {
	return &ledger{own: audit.Integration{Tenant: 1, Number: 2, ConnectorName: "push"}}
}

func (l *ledger) BuiltIn(context.Context, audit.TenantID, audit.Connector) (*audit.Integration, error) {
	return &l.own, nil
}

func (l *ledger) Get(_ context.Context, _ audit.View, id audit.ID) (*audit.Integration, error) {
	switch id.Number {
	case 2:
		return &l.own, nil
	case 3:
		return &audit.Integration{Tenant: 1, Number: 3, ConnectorName: "example"}, nil
	}
	return nil, audit.ErrNotFound
}

func (l *ledger) Activities(_ context.Context, view audit.View, seqs []int64) ([]*audit.Activity, error) {
	var found []*audit.Activity
	for _, seq := range seqs {
		if a := l.recorded[seq]; view.Sees(a) {
			found = append(found, a)
		}
	}
	return found, nil
}

func (l *ledger) record(_ context.Context, i *audit.Integration, feed string, path audit.Path, drafts []audit.Draft) (audit.Receipt, error) {
	if l.lost != nil {
		return audit.Receipt{}, l.lost
	}
	var receipt audit.Receipt
	for _, draft := range drafts {
		var result audit.Result
		for _, a := range l.recorded {
			if a.Key == draft.Key {
				same := a.Content == draft.Content
				result = audit.Result{Seq: a.Seq, Repeated: same, Refused: !same}
			}
		}
		if !result.Repeated && !result.Refused {
			result.Seq = int64(len(l.recorded))
			l.recorded = append(l.recorded, &audit.Activity{
				Tenant: i.Tenant, Seq: result.Seq, Draft: draft, IntegrationID: i.Number, Connector: i.ConnectorName, Feed: feed, Path: path,
			})
		}
		receipt.Results = append(receipt.Results, result)
	}
	return receipt, nil
}

func (l *ledger) service() *push.Service {
	return push.New(l, l, func(string, *audit.Draft) {}, l.record, func() time.Time { return noon })
}

func everything() audit.View { return audit.NewView(1, nil, -1, noon) }

func input(key string) *audit.DraftInput {
	return &audit.DraftInput{
		IdempotencyKey: key, Type: "invoice.approve", Action: audit.ActionOther, Category: audit.CategoryOther,
		Outcome: audit.OutcomeSuccess, Actor: audit.ActorInput{Type: audit.ActorUser, Name: "Ann"}, OccurredAt: noon,
	}
}

func changed(key string, change func(*audit.DraftInput)) *audit.DraftInput {
	in := input(key)
	change(in)
	return in
}

func TestKeysStandForOneContent(t *testing.T) {
	t.Parallel()
	l := newLedger()
	other := func(in *audit.DraftInput) { in.Description = "another" }
	results, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{
		input("a"), input("a"), changed("a", other), input("b"), changed("c", func(in *audit.DraftInput) { in.Type = "no type" }),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		status audit.RecordStatus
		seq    int64
		code   audit.UserErrorCode
		field  string
	}{
		{audit.RecordRecorded, 0, "", ""},
		{audit.RecordRepeated, 0, "", ""},
		{audit.RecordRefused, 0, audit.CodeKeyReused, "input.activities.2.idempotencyKey"},
		{audit.RecordRecorded, 1, "", ""},
		{audit.RecordRefused, 0, audit.CodeInvalid, "input.activities.4.type"},
	}
	for i, result := range results {
		switch {
		case result.Status != want[i].status:
			t.Errorf("activity %d is %s, want %s", i, result.Status, want[i].status)
		case result.Status == audit.RecordRefused:
			if result.Seq != nil || result.Activity != nil || result.Error.Code != want[i].code || strings.Join(result.Error.Field, ".") != want[i].field {
				t.Errorf("activity %d: %+v, want %s at %s", i, result.Error, want[i].code, want[i].field)
			}
		case *result.Seq != want[i].seq || result.Activity == nil || result.Error != nil:
			t.Errorf("activity %d: %+v, want it at %d", i, result, want[i].seq)
		}
	}
	all, err := l.service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{changed("b", other)})
	if err != nil || all[0].Status != audit.RecordRefused || len(l.recorded) != 2 {
		t.Errorf("a batch of a reused key alone: %+v, %v, with %d recorded", all[0], err, len(l.recorded))
	}
}

// TestTheRestrictionSeesWhatIsRecorded: a token that sees nothing of a country can record nothing there, though the
// country is only found out on the way.
func TestTheRestrictionSeesWhatIsRecorded(t *testing.T) {
	t.Parallel()
	where, err := (&audit.Filter{Country: &audit.StringFilter{NotIn: []string{"DE"}}}).Normalise("filter", 1, noon)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	located := func(_ string, d *audit.Draft) {
		if d.Origin.IP.IsValid() {
			d.Origin.Location = &audit.Location{Country: "DE", Source: audit.LocationLookup}
		}
	}
	s := push.New(l, l, located, l.record, func() time.Time { return noon })
	results, err := s.Activities(t.Context(), audit.NewView(1, where, -1, noon), nil, []*audit.DraftInput{
		changed("a", func(in *audit.DraftInput) { in.IP = "203.0.113.9" }), input("b"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Error == nil || results[0].Error.Code != audit.CodeWiderThanCaller {
		t.Errorf("an activity in the hidden country: %+v, want %s", results[0], audit.CodeWiderThanCaller)
	}
	if results[1].Status != audit.RecordRecorded || len(l.recorded) != 1 {
		t.Errorf("an activity elsewhere: %+v, with %d recorded", results[1], len(l.recorded))
	}
}

func TestMetadataNumbers(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		`{"n":0}`: true, `{"n":-0.0}`: true, `{"n":0.1}`: true, `{"n":1.50}`: true, `{"n":[1e3,-12.5E-2]}`: true,
		`{"n":9007199254740992}`: true, `{"n":123456789012345680000}`: true, `{"n":0e99999999999999999999}`: true,
		`{"n":9007199254740993}`: false, `{"n":{"m":[12345678901234567890]}}`: false, `{"n":0.1000000000000000055}`: false,
		`{"n":1e400}`: false, `{"n":1e-400}`: false, `{"n":1e-99999999999999999999}`: false, `{"n":}`: false, `{"n":01}`: false,
		`{"n":"9007199254740993"}`: true,
	} {
		results, err := newLedger().service().Activities(t.Context(), everything(), nil, []*audit.DraftInput{
			changed("a", func(in *audit.DraftInput) { in.Metadata = audit.JSON(text) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		problem := results[0].Error
		if (problem == nil) != good {
			t.Errorf("%s: %+v, want it taken: %v", text, problem, good)
		}
		if problem != nil && (problem.Code != audit.CodeInvalid || problem.Field[3] != "metadata") {
			t.Errorf("%s: refused as %s at %v, want INVALID at metadata", text, problem.Code, problem.Field)
		}
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	global := func(number int64) *string {
		return new(audit.ID{Kind: audit.KindIntegration, Tenant: 1, Number: number}.String())
	}
	for name, test := range map[string]struct {
		id              *string
		paused, deleted bool
		code            audit.UserErrorCode
	}{
		"built in":                {},
		"built in, paused":        {paused: true, code: audit.CodeConflict},
		"by id":                   {id: global(2)},
		"by id, paused":           {id: global(2), paused: true, code: audit.CodeConflict},
		"by id, deleted":          {id: global(2), deleted: true, code: audit.CodeNotFound},
		"of another connector":    {id: global(3), code: audit.CodeConflict},
		"an id of nothing":        {id: global(9), code: audit.CodeNotFound},
		"an id that is none":      {id: new("x"), code: audit.CodeNotFound},
		"an empty text for an id": {id: new(""), code: audit.CodeNotFound},
	} {
		l := newLedger()
		if test.paused {
			l.own.PausedAt = &noon
		}
		if test.deleted {
			l.own.DeletedAt = &noon
		}
		_, err := l.service().Activities(t.Context(), everything(), test.id, []*audit.DraftInput{input("a")})
		problems, _ := errors.AsType[audit.UserErrors](err)
		switch {
		case test.code == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.code != "" && (len(problems) != 1 || problems[0].Code != test.code || problems[0].Field[1] != "integrationId"):
			t.Errorf("%s: %v, want %s at integrationId", name, err, test.code)
		case (len(l.recorded) == 1) != (test.code == ""):
			t.Errorf("%s: %d recorded", name, len(l.recorded))
		}
	}
}
