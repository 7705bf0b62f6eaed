package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
}

// TestDatabaseFeeds: two processes on one database, writers on both, clients of either that break off and resume at the
// other: each gets every match once and by seq. Nothing runs on behind it.
func TestDatabaseFeeds(t *testing.T) { //nolint:paralleltest // it looks for goroutines that are left
	urls := dbtest.New(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var processes [2]*process
	for i := range processes {
		processes[i] = start(ctx, t, urls.Writer)
	}
	ledger := processes[0].DB
	owner, _, err := ledger.EnsureTenant(ctx, "one")
	other, _, err2 := ledger.EnsureTenant(ctx, "two")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	const writers, batches = 4, 60
	var written atomic.Int64 // batches
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for n := range batches {
				tenant := []audit.TenantID{owner.Number, owner.Number, owner.Number, other.Number}[random.IntN(4)]
				if _, err := processes[w%2].Append(ctx, batchOf(tenant, w, n, random)); err != nil {
					t.Error(err)
				}
				written.Add(1)
				time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			}
		})
	}
	for i := range 8 {
		c := &databaseClient{processes: processes, tenant: owner.Number, random: rand.New(rand.NewPCG(uint64(i), 2))}
		c.filter = []*audit.Filter{nil, {Connector: okta.Connector}, {Type: &audit.StringFilter{In: []string{"rare"}}}}[i%3]
		reading.Go(func() {
			got := c.run(ctx, t, func() bool { return written.Load() == writers*batches })
			checkAll(ctx, t, ledger, owner.Number, c.filter, got)
		})
	}
	writing.Wait()
	reading.Wait()
	stop()
	for _, p := range processes {
		p.running.Wait()
		p.Close()
	}
}

// process is what of a server feeds need.
type process struct {
	*db.DB
	hub     *Hub
	running sync.WaitGroup
}

func start(ctx context.Context, t *testing.T, url string) *process {
	t.Helper()
	d, err := db.Open(ctx, db.Options{URL: url, Now: time.Now, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{DB: d, hub: NewHub(d, plainCursors{}, time.Now, slog.New(slog.DiscardHandler))}
	p.running.Go(func() { _ = p.hub.Run(ctx) })
	p.running.Go(func() { _ = d.Hint(ctx) })
	return p
}

func batchOf(tenant audit.TenantID, writer, n int, random *rand.Rand) audit.Batch {
	batch := audit.Batch{
		Tenant: tenant, IntegrationID: 7, Connector: []string{"github", "okta"}[random.IntN(2)], Feed: "web", Path: audit.PathPoll,
		ObservedAt: time.Now(),
	}
	for i := range 1 + random.IntN(20) {
		key := fmt.Sprint(writer, n, i)
		draft := audit.Draft{
			Type: "common", Action: audit.ActionRead, Category: audit.CategoryData, Outcome: audit.OutcomeSuccess,
			OccurredAt: time.Now(), Raw: []byte(key), Key: key, Content: sha256.Sum256([]byte(key)),
		}
		if random.IntN(50) == 0 {
			draft.Type = "rare"
		}
		batch.Drafts = append(batch.Drafts, draft)
	}
	return batch
}

// databaseClient follows at one process after the other.
type databaseClient struct {
	processes [2]*process
	tenant    audit.TenantID
	filter    *audit.Filter
	random    *rand.Rand
}

// run gives what the client got until all is written and it has seen it all.
func (c *databaseClient) run(ctx context.Context, t *testing.T, written func() bool) (got []int64) {
	after, seen := plainCursors{}.Live(c.tenant, -1), int64(-1)
	for try := 0; ; try++ {
		size, err := c.processes[0].Size(ctx, c.tenant)
		if err != nil || written() && seen == size-1 {
			return got
		}
		feed, err := c.processes[try%2].hub.Follow(ctx, audit.NewView(c.tenant, nil, size-1, time.Now()), c.filter, &after, nil)
		if err != nil {
			t.Error(err)
			return got
		}
		until, cancel := context.WithTimeout(ctx, time.Duration(c.random.IntN(300))*time.Millisecond)
		for {
			message, err := feed.Next(until)
			if err != nil {
				break // most often the end of its time; in a read of history as well
			}
			for _, edge := range message.Edges {
				got = append(got, edge.Node.Seq)
			}
			after = message.Cursor
			if seen, err = (plainCursors{}).OpenLive(c.tenant, after); err != nil {
				t.Error(err)
			}
		}
		cancel()
		feed.Close()
	}
}

func checkAll(ctx context.Context, t *testing.T, ledger *db.DB, tenant audit.TenantID, filter *audit.Filter, got []int64) {
	all, err := ledger.Follow(ctx, tenant, 0, 1<<20)
	if err != nil {
		t.Error(err)
		return
	}
	where, err := filter.Normalise("f", tenant, time.Now())
	if err != nil {
		t.Error(err)
		return
	}
	matches := 0
	for _, a := range all {
		if !audit.Match(where, a) {
			continue
		}
		if matches >= len(got) || got[matches] != a.Seq {
			t.Errorf("%d activities, wrong at %d, want seq %d", len(got), matches, a.Seq)
			return
		}
		matches++
	}
	if matches != len(got) || matches == 0 {
		t.Errorf("%d activities, want %d", len(got), matches)
	}
}
