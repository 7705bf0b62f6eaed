package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
)

func TestHeadsAndTenants(t *testing.T) {
	t.Parallel()
	d := open(t)
	one, two := newTenant(t, d, "one"), newTenant(t, d, "two")
	if _, err := d.Append(t.Context(), batch(two, drafts(0, 3)...)); err != nil {
		t.Fatal(err)
	}
	heads, err := d.Heads(t.Context())
	if diff := cmp.Diff(map[audit.TenantID]int64{one: 0, two: 3}, heads); err != nil || diff != "" {
		t.Errorf("heads: %v (-want +got)\n%s", err, diff)
	}
	if _, err := d.Size(t.Context(), two+1); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("the size of no tenant: %v", err)
	}
	again, created, err := d.EnsureTenant(t.Context(), "two")
	if err != nil || created || again.Number != two {
		t.Errorf("the same tenant again: %+v, created %v, %v", again, created, err)
	}
	if _, err := d.Tenant(t.Context(), "ONE"); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("a tenant of another name: %v", err)
	}
	if one <= 0 || two <= 0 {
		t.Errorf("tenants %d, %d, want positive numbers", one, two)
	}
}

func TestSeqSince(t *testing.T) {
	t.Parallel()
	d := open(t)
	tenant := newTenant(t, d, "one")
	if seq, err := d.SeqSince(t.Context(), tenant, noon); err != nil || seq != 0 {
		t.Errorf("of an empty ledger: %d, %v", seq, err)
	}
	for n := range 7 { // of 1 to 7 activities with one moment each
		if _, err := d.Append(t.Context(), batch(tenant, drafts(n*10, n*10+n+1)...)); err != nil {
			t.Fatal(err)
		}
	}
	activities, err := d.Follow(t.Context(), tenant, 0, 1000)
	if err != nil || len(activities) != 28 {
		t.Fatalf("%d activities, %v", len(activities), err)
	}
	first := func(since time.Time) int64 {
		for _, a := range activities {
			if !a.RecordedAt.Before(since) {
				return a.Seq
			}
		}
		return int64(len(activities))
	}
	for _, a := range activities {
		for _, since := range []time.Time{a.RecordedAt, a.RecordedAt.Add(1), a.RecordedAt.Add(time.Microsecond), a.RecordedAt.Add(-time.Microsecond)} {
			if seq, err := d.SeqSince(t.Context(), tenant, since); err != nil || seq != first(since) {
				t.Errorf("since %s: %d, %v, want %d", since, seq, err, first(since))
			}
		}
	}
	for since, want := range map[time.Time]int64{{}: 0, time.Now().Add(time.Hour): 28} {
		if seq, err := d.SeqSince(t.Context(), tenant, since); err != nil || seq != want {
			t.Errorf("since %s: %d, %v, want %d", since, seq, err, want)
		}
	}
	if _, err := d.SeqSince(t.Context(), tenant+1, noon); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("of no tenant: %v", err)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	d := open(t)
	one, two := newTenant(t, d, "one"), newTenant(t, d, "two")
	for n := range 5 {
		for _, tenant := range []audit.TenantID{one, two} {
			if _, err := d.Append(t.Context(), batch(tenant, drafts(n*2, n*2+2)...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		from  int64
		limit int
		want  []int64
	}{{0, 3, []int64{0, 1, 2}}, {3, 3, []int64{3, 4, 5}}, {8, 100, []int64{8, 9}}, {10, 100, []int64{}}, {-5, 2, []int64{0, 1}}} {
		got, err := d.Follow(t.Context(), two, tc.from, tc.limit)
		if diff := cmp.Diff(tc.want, seqs(got)); err != nil || diff != "" {
			t.Errorf("from %d: %v (-want +got)\n%s", tc.from, err, diff)
		}
		for _, a := range got {
			if a.Tenant != two {
				t.Errorf("activity %d of tenant %d, want %d", a.Seq, a.Tenant, two)
			}
		}
	}
}

// running starts something that ends with its context, and stops it with the test.
func running(t *testing.T, run func(context.Context) error) (ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(cancel)
	return done
}

// TestHintsWakeOtherProcesses: what one process appends wakes those that listen in others, as soon as it is committed.
func TestHintsWakeOtherProcesses(t *testing.T) {
	t.Parallel()
	urls := dbtest.New(t)
	var processes [2]*db.DB
	for i := range processes {
		d, err := db.Open(t.Context(), db.Options{URL: urls.Writer, Now: time.Now, MaxConns: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		processes[i] = d
	}
	tenant := newTenant(t, processes[0], "one")
	running(t, processes[0].Hint)
	woken := make(chan struct{}, 100)
	listening := running(t, func(ctx context.Context) error {
		return processes[1].Listen(ctx, func() { woken <- struct{}{} })
	})
	append1 := func(n int) {
		if _, err := processes[0].Append(t.Context(), batch(tenant, draft(n))); err != nil {
			t.Fatal(err)
		}
	}
	wait := func() {
		t.Helper()
		select {
		case <-woken:
		case err := <-listening:
			t.Fatalf("listening ended: %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was woken")
		}
	}
	for n := 0; len(woken) == 0; n++ { // until LISTEN has reached the server
		append1(n)
		time.Sleep(10 * time.Millisecond)
	}
	for range 3 {
		time.Sleep(250 * time.Millisecond) // let the last hints come
		for len(woken) > 0 {
			<-woken
		}
		append1(1000 + int(time.Now().UnixNano()%1e9))
		wait()
	}
	time.Sleep(250 * time.Millisecond)
	before := len(woken)
	append1(0) // a repeat
	time.Sleep(250 * time.Millisecond)
	if len(woken) != before {
		t.Error("a repeat wakes everybody")
	}
}

func TestListenEnds(t *testing.T) {
	t.Parallel()
	urls := dbtest.New(t)
	d, err := db.Open(t.Context(), db.Options{URL: urls.Writer, Now: time.Now, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Listen(ctx, func() {}) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("listening ended with %v", err)
	}
	broken := running(t, func(ctx context.Context) error { return d.Listen(ctx, func() {}) })
	owner, err := pgx.Connect(t.Context(), urls.Owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.Background()) })
	for {
		_, err := owner.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-broken:
			if err == nil {
				t.Error("listening ended without an error")
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestHintEnds(t *testing.T) {
	t.Parallel()
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Hint(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("hinting ended with %v", err)
	}
}
