package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"annals/audit"
	"annals/sync/connector"
)

// appender keeps the batches that it is given.
type appender struct {
	batches []audit.Batch
	fail    int // the number of the batch that fails, from 1
}

func (a *appender) Append(_ context.Context, batch audit.Batch) (audit.Receipt, error) {
	a.batches = append(a.batches, batch)
	if len(a.batches) == a.fail {
		return audit.Receipt{}, errBroken
	}
	receipt := audit.Receipt{Recorded: len(batch.Drafts)}
	for _, draft := range batch.Drafts {
		receipt.Results = append(receipt.Results, audit.Result{Seq: int64(len(draft.Key))})
	}
	return receipt, nil
}

var errBroken = errors.New("broken")

var noon = time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC)

func atNoon() time.Time { return noon }

func plainDrafts(n int) []audit.Draft {
	drafts := make([]audit.Draft, n)
	for i := range drafts {
		drafts[i] = audit.Draft{Type: "test.done", Key: fmt.Sprint(i), Raw: []byte(fmt.Sprint(i)), OccurredAt: noon}
	}
	return drafts
}

func TestRecordSplitsIntoBatches(t *testing.T) {
	t.Parallel()
	source := Source{Tenant: 1, IntegrationID: 2, Connector: "test", Feed: "main", Path: audit.PathPoll}
	progress := &audit.Progress{Fetch: audit.FetchLease{ID: 3, Fence: 4}}
	tests := []struct {
		drafts int
		want   []int
	}{{0, []int{0}}, {1, []int{1}}, {batchSize, []int{batchSize}}, {batchSize + 1, []int{batchSize, 1}}, {3 * batchSize, []int{batchSize, batchSize, batchSize}}}
	for _, test := range tests {
		ledger := &appender{}
		receipt, err := NewRecorder(ledger, nil, atNoon).Record(t.Context(), source, plainDrafts(test.drafts), progress)
		if err != nil || receipt.Recorded != test.drafts || len(receipt.Results) != test.drafts {
			t.Errorf("%d drafts: %d recorded, %d results, %v", test.drafts, receipt.Recorded, len(receipt.Results), err)
		}
		var sizes []int
		next := 0
		for n, batch := range ledger.batches {
			sizes = append(sizes, len(batch.Drafts))
			last := n == len(ledger.batches)-1
			if (batch.Progress != nil) != last {
				t.Errorf("%d drafts: batch %d of %d with progress %v: it belongs to the last one", test.drafts, n, len(ledger.batches), batch.Progress)
			}
			for _, draft := range batch.Drafts {
				if draft.Key != fmt.Sprint(next) {
					t.Fatalf("%d drafts: %s came where %d should", test.drafts, draft.Key, next)
				}
				next++
			}
			batch.Drafts, batch.Progress = nil, nil
			want := audit.Batch{Tenant: 1, IntegrationID: 2, Connector: "test", Feed: "main", Path: audit.PathPoll, ObservedAt: noon.Truncate(time.Microsecond)}
			if diff := cmp.Diff(want, batch); diff != "" {
				t.Errorf("%d drafts: batch (-want +got):\n%s", test.drafts, diff)
			}
		}
		if !cmp.Equal(sizes, test.want) {
			t.Errorf("%d drafts: batches of %v, want %v", test.drafts, sizes, test.want)
		}
	}
}

func TestRecordStopsAtAFailure(t *testing.T) {
	t.Parallel()
	ledger := &appender{fail: 2}
	receipt, err := NewRecorder(ledger, nil, atNoon).Record(t.Context(), Source{}, plainDrafts(3*batchSize), &audit.Progress{})
	if !errors.Is(err, errBroken) || receipt.Recorded != batchSize {
		t.Errorf("%d recorded, %v, want the first batch and the error", receipt.Recorded, err)
	}
	if len(ledger.batches) != 2 || ledger.batches[1].Progress != nil {
		t.Errorf("%d batches were sent, want none behind the failure and no progress", len(ledger.batches))
	}
}

type everywhere struct{}

func (everywhere) Locate(origin *audit.Origin) {
	if origin.IP.IsValid() && origin.Location == nil {
		origin.Location = &audit.Location{Country: "DE", Source: audit.LocationLookup}
	}
}

func TestRecordMakesDraftsFit(t *testing.T) {
	t.Parallel()
	observed := noon.Truncate(time.Microsecond)
	raw := []byte(`{"id":1}`)
	base := audit.Draft{
		Type: "test.done", Action: audit.ActionCreate, Category: audit.CategoryData, Outcome: audit.OutcomeSuccess,
		OccurredAt: observed, Key: "1", Raw: raw, Content: sha256.Sum256(raw),
	}
	with := func(change func(*audit.Draft)) audit.Draft {
		draft := base
		change(&draft)
		return draft
	}
	tests := []struct {
		what        string
		given, want audit.Draft
	}{
		{"all is well", base, base},
		{"nothing but raw", audit.Draft{Raw: raw, Key: "1"}, with(func(d *audit.Draft) {
			d.Type, d.Action, d.Category, d.Outcome = "test.unknown", audit.ActionOther, audit.CategoryOther, audit.OutcomeUnknown
		})},
		{
			"words that no enum has", with(func(d *audit.Draft) { d.Action, d.Category, d.Outcome = "create", "?", "ok" }),
			with(func(d *audit.Draft) {
				d.Action, d.Category, d.Outcome = audit.ActionOther, audit.CategoryOther, audit.OutcomeUnknown
			}),
		},
		{
			"an actor of an unknown kind", with(func(d *audit.Draft) { d.Actor = &audit.Actor{Key: "test:1", Type: "ALIEN"} }),
			with(func(d *audit.Draft) { d.Actor = &audit.Actor{Key: "test:1", Type: audit.ActorUnknown} }),
		},
		{"an actor whom nothing names", with(func(d *audit.Draft) { d.Actor, d.OnBehalfOf = &audit.Actor{}, &audit.Actor{Name: "x"} }), base},
		{"nanoseconds", with(func(d *audit.Draft) { d.OccurredAt = noon }), base},
		{"another zone", with(func(d *audit.Draft) { d.OccurredAt = noon.In(time.FixedZone("", 9*3600)) }), base},
		{"no time", with(func(d *audit.Draft) { d.OccurredAt = time.Time{} }), base},
		{
			"the year 0", with(func(d *audit.Draft) { d.OccurredAt = time.Date(0, 5, 1, 0, 0, 0, 0, time.UTC) }),
			with(func(d *audit.Draft) { d.OccurredAt = earliest }),
		},
		{
			"the year 294277", with(func(d *audit.Draft) { d.OccurredAt = time.Date(294277, 1, 9, 4, 0, 54, 0, time.UTC) }),
			with(func(d *audit.Draft) { d.OccurredAt = latest }),
		},
		{
			"the year 10000 in a zone where it has not begun", with(func(d *audit.Draft) { d.OccurredAt = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC) }),
			with(func(d *audit.Draft) { d.OccurredAt = latest }),
		},
		{
			"seconds taken for milliseconds", with(func(d *audit.Draft) { d.OccurredAt = time.Unix(noon.UnixMilli(), 0) }),
			with(func(d *audit.Draft) { d.OccurredAt = latest }),
		},
		{
			"ten years ahead stays", with(func(d *audit.Draft) { d.OccurredAt = observed.AddDate(10, 0, 0) }),
			with(func(d *audit.Draft) { d.OccurredAt = observed.AddDate(10, 0, 0) }),
		},
		{
			"1970 stays", with(func(d *audit.Draft) { d.OccurredAt = time.Unix(0, 0) }),
			with(func(d *audit.Draft) { d.OccurredAt = time.Unix(0, 0).UTC() }),
		},
		{"no digest", with(func(d *audit.Draft) { d.Content = [32]byte{} }), base},
		{
			"an IPv4 address in IPv6", with(func(d *audit.Draft) { d.Origin.IP = netip.MustParseAddr("::ffff:192.0.2.1") }),
			with(func(d *audit.Draft) {
				d.Origin = audit.Origin{IP: netip.MustParseAddr("192.0.2.1"), Location: &audit.Location{Country: "DE", Source: audit.LocationLookup}}
			}),
		},
		{
			"an address with a zone", with(func(d *audit.Draft) { d.Origin.IP = netip.MustParseAddr("fe80::1%eth0") }),
			with(func(d *audit.Draft) {
				d.Origin = audit.Origin{IP: netip.MustParseAddr("fe80::1"), Location: &audit.Location{Country: "DE", Source: audit.LocationLookup}}
			}),
		},
		{
			"the vendor's place wins", with(func(d *audit.Draft) {
				d.Origin = audit.Origin{IP: netip.MustParseAddr("192.0.2.1"), Location: &audit.Location{Country: "FR", Source: audit.LocationVendor}}
			}),
			with(func(d *audit.Draft) {
				d.Origin = audit.Origin{IP: netip.MustParseAddr("192.0.2.1"), Location: &audit.Location{Country: "FR", Source: audit.LocationVendor}}
			}),
		},
	}
	for _, test := range tests {
		ledger := &appender{}
		drafts := []audit.Draft{test.given}
		if _, err := NewRecorder(ledger, everywhere{}, atNoon).Record(t.Context(), Source{Connector: "test"}, drafts, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, ledger.batches[0].Drafts[0], cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

// TestRawIsNeverTouched: whatever is made of a draft, the vendor's bytes and the digests of them stay.
func TestRawIsNeverTouched(t *testing.T) {
	t.Parallel()
	raw := []byte("{\"a\":\"\\u0000\xff\",\"n\":9007199254740993}")
	draft := audit.Draft{Key: "k\x00\xff", Raw: raw, Metadata: audit.JSON(raw), Content: connector.ContentOrBytes(raw), OccurredAt: noon}
	want := draft
	before := string(raw)
	ledger := &appender{}
	if _, err := NewRecorder(ledger, nil, atNoon).Record(t.Context(), Source{}, []audit.Draft{draft}, nil); err != nil {
		t.Fatal(err)
	}
	got := ledger.batches[0].Drafts[0]
	if string(got.Raw) != before || string(raw) != before || got.Key != want.Key || got.Content != want.Content {
		t.Errorf("raw %q, key %q, digest %x: want them as given", got.Raw, got.Key, got.Content)
	}
	if string(got.Metadata) != "{\"a\":\"\\ufffd\uFFFD\",\"n\":\"9007199254740993\"}" {
		t.Errorf("metadata %s", got.Metadata)
	}
}

// TestAHugeActivityIsRecorded: bounds are for what is shown, not for what is kept.
func TestAHugeActivityIsRecorded(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte("raw "), 1<<20)
	draft := audit.Draft{Type: "test.done", Key: "k", Raw: raw, Metadata: bytes.Repeat([]byte(" "), 2*maxMetadata)}
	for range 2 * connector.MaxTargets {
		draft.Targets = append(draft.Targets, audit.Target{Key: strings.Repeat("t", 2*maxText)})
		draft.Changes = append(draft.Changes, audit.Change{Field: strings.Repeat("f", 2*maxText)})
	}
	ledger := &appender{}
	if _, err := NewRecorder(ledger, nil, atNoon).Record(t.Context(), Source{}, []audit.Draft{draft}, nil); err != nil {
		t.Fatal(err)
	}
	got := ledger.batches[0].Drafts[0]
	if !bytes.Equal(got.Raw, raw) || got.Content != sha256.Sum256(raw) || got.Key != "k" || got.Type != "test.done" {
		t.Errorf("%d bytes of raw, digest %x, key %q, type %q: want them as given", len(got.Raw), got.Content, got.Key, got.Type)
	}
	size := 0
	got.Raw = nil
	measure(reflect.ValueOf(got), func(text string) { size += len(text) })
	if len(got.Targets) == 0 || len(got.Changes) == 0 || got.Metadata != nil || size > maxTexts+1<<10 {
		t.Errorf("%d targets, %d changes, %d bytes of metadata, %d of texts", len(got.Targets), len(got.Changes), len(got.Metadata), size)
	}
}
