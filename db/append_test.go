package db_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
)

const integrationID audit.IntegrationID = 77

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// draft makes the n-th draft of a made-up vendor.
func draft(n int) audit.Draft {
	raw := []byte(fmt.Sprintf(`{"id":%d,"action":"repo.create"}`, n))
	return audit.Draft{
		Type: "github.repo.create", Action: audit.ActionCreate, Category: audit.CategoryConfiguration, Outcome: audit.OutcomeSuccess,
		Actor:      audit.NewActor("github", audit.ActorUser, audit.Text(fmt.Sprint(n%7)), "jane", ""),
		Targets:    []audit.Target{audit.NewTarget("github", "repository", "", audit.Text(fmt.Sprintf("acme/repo-%d", n%5)))},
		OccurredAt: noon.Add(time.Duration(n/3) * time.Second), Raw: raw, Key: fmt.Sprint(n), Content: sha256.Sum256(raw),
	}
}

func drafts(from, to int) []audit.Draft {
	var list []audit.Draft
	for n := from; n < to; n++ {
		list = append(list, draft(n))
	}
	return list
}

func batch(tenant audit.TenantID, drafts ...audit.Draft) audit.Batch {
	return audit.Batch{
		Tenant: tenant, IntegrationID: integrationID, Connector: "github", Feed: "web", Path: audit.PathPoll,
		ObservedAt: noon.Add(time.Hour), Drafts: drafts,
	}
}

func TestAppendKeepsEveryField(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	full := draft(1)
	full.Description, full.OutcomeReason, full.SessionID, full.RequestID, full.VendorID = "did it", "why", "s", "r", "v"
	full.OnBehalfOf = audit.NewActor("github", audit.ActorUser, "9", "boss", "Boss@example.com")
	full.Targets = append(full.Targets, audit.NewTarget("github", "user", "12", "liz"))
	full.Origin = audit.Origin{
		IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "curl",
		Location: &audit.Location{
			Country: "DE", Region: "BE", City: "Berlin", Latitude: new(52.5), Longitude: new(13.4), ASN: new(int64(64496)),
			ASOrganization: "Example", Source: audit.LocationLookup,
		},
	}
	full.Changes = []audit.Change{{Field: "role", Before: new("read"), After: new("admin")}, {Field: "x", After: new("")}}
	full.Metadata = audit.JSON(`{"a":1}`)

	receipt, err := d.Append(t.Context(), batch(tenant, full))
	if err != nil {
		t.Fatal(err)
	}
	if want := []audit.Result{{Seq: 0}}; !cmp.Equal(receipt.Results, want) {
		t.Errorf("results %v, want %v", receipt.Results, want)
	}
	got, err := d.Activity(t.Context(), all(t, d, tenant), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &audit.Activity{
		Tenant: tenant, Seq: 0, Draft: full, IntegrationID: integrationID, Connector: "github", Feed: "web", Path: audit.PathPoll,
		ObservedAt: noon.Add(time.Hour), RecordedAt: got.RecordedAt,
	}
	want.Raw, want.Key, want.Content = nil, "", [32]byte{}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	raw, err := d.Raw(t.Context(), all(t, d, tenant), 0)
	if err != nil || string(raw.Bytes) != string(full.Raw) {
		t.Errorf("raw %q, %v, want %q", raw.Bytes, err, full.Raw)
	}
}

func TestAppendIsIdempotent(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	if _, err := d.Append(t.Context(), batch(tenant, drafts(0, 600)...)); err != nil {
		t.Fatal(err)
	}
	again, err := d.Append(t.Context(), batch(tenant, drafts(300, 900)...))
	if err != nil {
		t.Fatal(err)
	}
	if again.Recorded != 300 || again.Repeated != 300 || again.Results[0].Seq != 300 || again.Results[599].Seq != 899 {
		t.Errorf("recorded %d repeated %d, first seq %d, last %d", again.Recorded, again.Repeated, again.Results[0].Seq, again.Results[599].Seq)
	}
	for _, seq := range []int64{0, 249, 250, 599, 600, 899} {
		raw, err := d.Raw(t.Context(), all(t, d, tenant), seq)
		if want := string(draft(int(seq)).Raw); err != nil || string(raw.Bytes) != want {
			t.Errorf("raw of %d: %v, %v, want %s", seq, raw, err, want)
		}
	}
}

func TestRawOfLargeAndEmptyRecords(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	var list []audit.Draft
	for n, size := range []int{0, 700 << 10, 700 << 10, 3 << 20, 1, 0} {
		one := draft(n)
		one.Raw = bytes.Repeat([]byte{byte('a' + n)}, size)
		list = append(list, one)
	}
	if _, err := d.Append(t.Context(), batch(tenant, list...)); err != nil {
		t.Fatal(err)
	}
	for n, one := range list {
		raw, err := d.Raw(t.Context(), all(t, d, tenant), int64(n))
		if err != nil || !bytes.Equal(raw.Bytes, one.Raw) {
			t.Errorf("raw of %d: %d bytes, %v, want %d", n, len(raw.Bytes), err, len(one.Raw))
		}
	}
}

func TestAppendTellsVersionsFromRepeats(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	first, changed := draft(1), draft(1)
	changed.Content[0]++
	receipt, err := d.Append(t.Context(), batch(tenant, first, first, changed))
	if err != nil {
		t.Fatal(err)
	}
	want := []audit.Result{{Seq: 0}, {Seq: 0, Repeated: true}, {Seq: 1, Version: true}}
	if !cmp.Equal(receipt.Results, want) {
		t.Errorf("results %v, want %v", receipt.Results, want)
	}
	other := batch(tenant, first)
	other.IntegrationID++
	receipt, err = d.Append(t.Context(), other)
	if err != nil || receipt.Recorded != 1 {
		t.Errorf("the same key of another integration: recorded %d, %v, want 1", receipt.Recorded, err)
	}
}

func TestAppendRefusesVersionsWhereAskedTo(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	first, changed, other := draft(1), draft(1), draft(2)
	changed.Content[0]++
	strict := batch(tenant, first, changed, first, other)
	strict.RefuseVersions = true
	receipt, err := d.Append(t.Context(), strict)
	want := []audit.Result{{Seq: 0}, {Refused: true}, {Seq: 0, Repeated: true}, {Seq: 1}}
	if err != nil || !cmp.Equal(receipt.Results, want) || receipt.Recorded != 2 || receipt.Repeated != 1 {
		t.Errorf("receipt %+v, %v, want %v", receipt, err, want)
	}
	var recorded atomic.Int32
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			one := draft(50)
			one.Content[0] = byte(n)
			racing := batch(tenant, one)
			racing.RefuseVersions = true
			receipt, err := d.Append(t.Context(), racing)
			if err != nil {
				t.Error(err)
			}
			recorded.Add(int32(receipt.Recorded))
		})
	}
	writers.Wait()
	if recorded.Load() != 1 {
		t.Errorf("%d of 8 contents of one key were recorded at once, want 1", recorded.Load())
	}
}

func TestAppendIsGaplessUnderConcurrency(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := range 20 {
				// Every draft is sent by two writers.
				from := (w/2)*1000 + n*10
				if _, err := d.Append(t.Context(), batch(tenant, drafts(from, from+10)...)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	activities, err := d.Follow(t.Context(), tenant, 0, 1000)
	if err != nil || len(activities) != 400 {
		t.Fatalf("%d activities, %v, want 400", len(activities), err)
	}
	for n, a := range activities {
		if a.Seq != int64(n) || n > 0 && a.RecordedAt.Before(activities[n-1].RecordedAt) {
			t.Fatalf("activity %d has seq %d, recorded %s", n, a.Seq, a.RecordedAt)
		}
	}
}

func TestAppendRefusesALostLease(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	now := time.Now()
	err := d.CreateIntegration(t.Context(), audit.NewIntegration{
		StoredIntegration: audit.StoredIntegration{Integration: audit.Integration{
			Tenant: tenant, Number: integrationID, Name: "Acme", ConnectorName: "github", CreatedAt: now, UpdatedAt: now,
		}},
		Fetches: []audit.NewFetch{{ID: 5, Feed: "web", Kind: audit.FetchLive}},
	})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := d.ClaimFetches(t.Context(), audit.FetchLive, 10, time.Minute)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v, want one", claimed, err)
	}
	mine := batch(tenant, draft(1))
	mine.Progress = &audit.Progress{Fetch: claimed[0].Lease, State: json.RawMessage(`{"at":1}`), Watermark: noon}
	if _, err := d.Append(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	stale := batch(tenant, draft(2))
	stale.Progress = &audit.Progress{Fetch: audit.FetchLease{ID: 5, Fence: claimed[0].Lease.Fence - 1}}
	if _, err := d.Append(t.Context(), stale); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("a stale fence: %v, want %v", err, audit.ErrFenced)
	}
	if size, _ := d.Size(t.Context(), tenant); size != 1 {
		t.Errorf("size %d after a refused append, want 1", size)
	}
	if err := d.FinishFetch(t.Context(), claimed[0], audit.FetchEnd{}); err != nil {
		t.Fatal(err)
	}
	next, err := d.ClaimFetches(t.Context(), audit.FetchLive, 10, time.Minute)
	if err != nil || len(next) != 1 || string(next[0].State) != `{"at":1}` || !next[0].Watermark.Equal(noon) {
		t.Errorf("claimed again %+v, %v: want the state and watermark that were written", next, err)
	}
}

func TestNobodyChangesWhatIsRecorded(t *testing.T) {
	t.Parallel()
	urls := dbtest.New(t)
	d, err := db.Open(t.Context(), db.Options{URL: urls.Writer, Now: time.Now, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	tenant := newTenant(t, d, "one")
	if _, err := d.Append(t.Context(), batch(tenant, draft(1))); err != nil {
		t.Fatal(err)
	}
	for who, url := range map[string]string{"writer": urls.Writer, "owner": urls.Owner} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		for _, table := range []string{"activities", "raw_blocks", "dedupe_keys"} {
			for _, statement := range []string{"UPDATE %s SET tenant_id = 0", "DELETE FROM %s", "TRUNCATE %s"} {
				_, err := conn.Exec(t.Context(), fmt.Sprintf(statement, table))
				if err == nil || !strings.Contains(err.Error(), "42501") {
					t.Errorf("%s: %s: %v, want insufficient privilege", who, fmt.Sprintf(statement, table), err)
				}
			}
		}
	}
	if size, _ := d.Size(t.Context(), tenant); size != 1 {
		t.Errorf("size %d, want 1", size)
	}
	if _, err := db.Open(t.Context(), db.Options{URL: urls.Owner, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("opening as the owner: %v, want a refusal that names DATABASE_URL", err)
	}
}

func TestAppendNoticesSwallowedRows(t *testing.T) {
	t.Parallel()
	urls := dbtest.New(t)
	d, err := db.Open(t.Context(), db.Options{URL: urls.Writer, Now: time.Now, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	owner, err := pgx.Connect(t.Context(), urls.Owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(t.Context()) })
	_, err = owner.Exec(t.Context(), `CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE TRIGGER swallow BEFORE INSERT ON activities FOR EACH ROW EXECUTE FUNCTION swallow()`)
	if err != nil {
		t.Fatal(err)
	}
	tenant := newTenant(t, d, "one")
	if _, err := d.Append(t.Context(), batch(tenant, drafts(0, 3)...)); !errors.Is(err, db.ErrSwallowed) {
		t.Errorf("appending: %v, want %v", err, db.ErrSwallowed)
	}
	if size, _ := d.Size(t.Context(), tenant); size != 0 {
		t.Errorf("size %d, want 0", size)
	}
}
