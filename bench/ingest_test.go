// Package bench measures. Every figure is a ratio to raw SQL on the same data in the same run, or the time of one stage
// of a way; nothing here asserts, since a machine's speed is no property of the code.
//
//	go test -run '^$' -bench . ./bench
package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
	"annals/simulator"
	"annals/sync/connector"
	"annals/sync/engine"
	"annals/sync/vendors/cloudtrail"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
}

// batchSize is how many activities one transaction takes, as in an import.
const batchSize = 1000

// files are a simulated account's log files of some days: tens of thousands of records.
func files(b *testing.B) (contents [][]byte, records int) {
	b.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	account := simulator.NewCloudTrail(simulator.Options{Seed: 1, Now: func() time.Time { return now }, PerHour: 1000})
	account.Generate(now.Add(-48*time.Hour), now)
	for _, file := range account.LogFiles(now.Add(-72*time.Hour), now.Add(time.Hour)) {
		unpacked, err := gzip.NewReader(bytes.NewReader(file.Body))
		if err != nil {
			b.Fatal(err)
		}
		content, err := io.ReadAll(unpacked)
		if err != nil {
			b.Fatal(err)
		}
		contents = append(contents, content)
	}
	return contents, len(account.Items("management"))
}

func reader(b *testing.B) connector.FileReader {
	b.Helper()
	registration := cloudtrail.Registration()
	opened, err := registration.Open(connector.Config{
		Settings: connector.NewSettings(registration.Connector.Settings, nil), Now: time.Now,
		HTTP: connector.NewClient(connector.ClientOptions{Now: time.Now}),
	})
	if err != nil {
		b.Fatal(err)
	}
	return opened.(connector.FileReader)
}

func drafts(b *testing.B) []audit.Draft {
	b.Helper()
	contents, _ := files(b)
	var all []audit.Draft
	read := reader(b)
	for _, content := range contents {
		for draft, err := range read.ReadFile(b.Context(), bytes.NewReader(content)) {
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, draft)
		}
	}
	return all
}

// perSecond reports how many activities a second went through.
func perSecond(b *testing.B, each int) {
	b.ReportMetric(float64(b.N)*float64(each)/b.Elapsed().Seconds(), "activities/s")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(each), "µs/activity")
}

// BenchmarkTranslate is hop 2: a vendor's file to drafts.
func BenchmarkTranslate(b *testing.B) {
	contents, _ := files(b)
	read := reader(b)
	each := 0
	for b.Loop() {
		each = 0
		for _, content := range contents {
			for _, err := range read.ReadFile(b.Context(), bytes.NewReader(content)) {
				if err != nil {
					b.Fatal(err)
				}
				each++
			}
		}
	}
	perSecond(b, each)
}

// nowhere takes batches and keeps nothing.
type nowhere struct{}

func (nowhere) Append(_ context.Context, batch audit.Batch) (audit.Receipt, error) {
	return audit.Receipt{Recorded: len(batch.Drafts)}, nil
}

// BenchmarkFit is hop 3 without the database: drafts made fit to be stored.
func BenchmarkFit(b *testing.B) {
	all := drafts(b)
	recorder := engine.NewRecorder(nowhere{}, nil, time.Now)
	for b.Loop() {
		if _, err := recorder.Record(b.Context(), engine.Source{Connector: "aws_cloudtrail"}, all, nil); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, len(all))
}

// BenchmarkAppend is hops 4 and 5: the whole durable transaction, each time into an empty ledger.
func BenchmarkAppend(b *testing.B) {
	all := drafts(b)
	d, err := db.Open(b.Context(), db.Options{URL: dbtest.New(b).Writer, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	recorder := engine.NewRecorder(d, nil, time.Now)
	for b.Loop() {
		b.StopTimer()
		source := engine.Source{Tenant: tenant(b, d), IntegrationID: 1, Connector: "aws_cloudtrail", Feed: "management", Path: audit.PathImport}
		b.StartTimer()
		if _, err := recorder.Record(b.Context(), source, all, nil); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, len(all))
}

// BenchmarkRepeat is the same transaction for activities that are all recorded already.
func BenchmarkRepeat(b *testing.B) {
	all := drafts(b)
	d, err := db.Open(b.Context(), db.Options{URL: dbtest.New(b).Writer, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	recorder := engine.NewRecorder(d, nil, time.Now)
	source := engine.Source{Tenant: tenant(b, d), IntegrationID: 1, Connector: "aws_cloudtrail", Feed: "management", Path: audit.PathImport}
	if _, err := recorder.Record(b.Context(), source, all, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := recorder.Record(b.Context(), source, all, nil); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, len(all))
}

func tenant(b *testing.B, d *db.DB) audit.TenantID {
	b.Helper()
	made, _, err := d.EnsureTenant(b.Context(), time.Now().Format(time.RFC3339Nano))
	if err != nil {
		b.Fatal(err)
	}
	return made.Number
}

// BenchmarkNarrowCopy is the limit to compare with: COPY of tenant, seq, time and raw bytes into a table without an index.
func BenchmarkNarrowCopy(b *testing.B) {
	all := drafts(b)
	conn, err := pgx.Connect(b.Context(), dbtest.New(b).Owner)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	if _, err := conn.Exec(b.Context(), `CREATE TABLE narrow (tenant_id bigint, seq bigint, occurred_at timestamptz, raw bytea)`); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for from := 0; from < len(all); from += batchSize {
			part := all[from:min(from+batchSize, len(all))]
			_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"narrow"}, []string{"tenant_id", "seq", "occurred_at", "raw"},
				pgx.CopyFromSlice(len(part), func(i int) ([]any, error) {
					return []any{int64(1), int64(from + i), part[i].OccurredAt, part[i].Raw}, nil
				}))
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	perSecond(b, len(all))
}
