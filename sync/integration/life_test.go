package integration_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/journal"
	"annals/sync/push"
)

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme")
	due := func() int {
		t.Helper()
		fetches, err := r.db.ClaimFetches(t.Context(), audit.FetchLive, 10, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return len(fetches)
	}
	for range 2 { // pausing what is paused changes nothing
		paused, err := r.Pause(t.Context(), r.view, i.ID())
		if err != nil || paused.Status() != audit.IntegrationPaused || paused.PausedAt == nil {
			t.Fatalf("paused: %+v, %v", paused, err)
		}
		for _, feed := range paused.Feeds {
			if feed.Status != audit.CoveragePaused || feed.NextPollAt != nil {
				t.Errorf("feed %s is %s, next poll at %v", feed.Name, feed.Status, feed.NextPollAt)
			}
		}
	}
	if n := due(); n != 0 {
		t.Errorf("%d fetches of a paused integration are due", n)
	}
	for range 2 {
		resumed, err := r.Resume(t.Context(), r.view, i.ID())
		if err != nil || resumed.Status() != audit.IntegrationWorking || resumed.PausedAt != nil {
			t.Fatalf("resumed: %+v, %v", resumed, err)
		}
	}
	if n := due(); n != 2 {
		t.Errorf("%d fetches are due after resuming, want both live ones", n)
	}
}

func TestDeleteForgetsAndStops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme", "token", canary)
	webhook, err := r.Webhook(t.Context(), r.view, i)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Open(t.Context(), i.Tenant, i.Number); err != nil {
		t.Fatal(err)
	}
	_, err = r.Delete(t.Context(), r.view, i.ID(), "acme")
	r.expect("another name", err, "confirmName INVALID")
	deleted, err := r.Delete(t.Context(), r.view, i.ID(), "Acme")
	if err != nil || deleted.Status() != audit.IntegrationDeleted || deleted.DeletedAt == nil {
		t.Fatalf("deleted: %+v, %v", deleted, err)
	}
	if row := r.stored(i); len(row.Sealed) != 0 || len(row.SecretNames) != 0 {
		t.Errorf("the row keeps secrets: %v", row.SecretNames)
	}
	if r.owner(webhook.URL) != 0 {
		t.Error("its webhook still takes deliveries")
	}
	if secrets, err := r.WebhookSecrets(t.Context(), i); err != nil || len(secrets) != 0 {
		t.Errorf("%d secrets of its webhook are in force, %v", len(secrets), err)
	}
	if _, _, err := r.Open(t.Context(), i.Tenant, i.Number); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("opening it: %v, want %v", err, audit.ErrNotFound)
	}
	backfills, err := r.Backfills(t.Context(), r.view, i)
	if err != nil || len(backfills) != 2 {
		t.Fatalf("%d backfills, %v", len(backfills), err)
	}
	for _, backfill := range backfills {
		if backfill.Status != audit.BackfillCancelled {
			t.Errorf("the backfill of %s is %s, want CANCELLED", backfill.Feed, backfill.Status)
		}
	}
	if all, err := r.All(t.Context(), r.view); err != nil || len(all) != 1 {
		t.Errorf("%d integrations, %v, want it to be shown still", len(all), err)
	}
}

// TestWhatIsNotThereIsRefusedAlike: a stranger's integration, a deleted one, and texts that are no ids.
func TestWhatIsNotThereIsRefusedAlike(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deleted := r.create("deleted")
	if _, err := r.Delete(t.Context(), r.view, deleted.ID(), "deleted"); err != nil {
		t.Fatal(err)
	}
	stranger := r.tenant("two")
	foreign, _, err := r.Create(t.Context(), stranger, "foreign", "example", valid(), nil)
	if err != nil {
		t.Fatal(err)
	}
	backfills, err := r.Backfills(t.Context(), stranger, foreign)
	if err != nil || len(backfills) == 0 {
		t.Fatalf("%d backfills, %v", len(backfills), err)
	}
	var sameNumber string
	for _, view := range []audit.View{r.view, stranger} { // what is built in has the same number everywhere
		pushed, err := r.BuiltIn(t.Context(), view.Tenant(), push.Registration().Connector)
		if err != nil {
			t.Fatal(err)
		}
		sameNumber = pushed.ID()
	}
	ids := map[string]string{
		"a foreign one": foreign.ID(),
		"a foreign one of a number that we have too": sameNumber,
		"a foreign number of ours":                   audit.ID{Kind: audit.KindIntegration, Tenant: r.view.Tenant(), Number: int64(foreign.Number)}.String(),
		"a deleted one":                              deleted.ID(),
		"an activity":                                audit.ID{Kind: audit.KindActivity, Tenant: r.view.Tenant(), Number: int64(foreign.Number)}.String(),
		"a backfill":                                 backfills[0].ID(),
		"no id":                                      "no id",
		"nothing":                                    "",
	}
	ctx := t.Context()
	operations := []struct {
		what, field string
		do          func(id string) error
	}{
		{"update", "id", func(id string) error { _, err := r.Update(ctx, r.view, id, new("x"), nil); return err }},
		{"pause", "id", func(id string) error { _, err := r.Pause(ctx, r.view, id); return err }},
		{"resume", "id", func(id string) error { _, err := r.Resume(ctx, r.view, id); return err }},
		{"delete", "id", func(id string) error { _, err := r.Delete(ctx, r.view, id, "foreign"); return err }},
		{"cancel", "id", func(id string) error { _, err := r.CancelBackfill(ctx, r.view, id); return err }},
		{"test", "id", func(id string) error { _, err := r.Test(ctx, r.view, &id, nil, nil); return err }},
		{"backfill", "integrationId", func(id string) error {
			_, err := r.StartBackfill(ctx, r.view, id, nil, time.Now().Add(-day), time.Time{})
			return err
		}},
		{"rotate", "integrationId", func(id string) error {
			_, _, err := r.RotateWebhookSecret(ctx, r.view, id, 0, false)
			return err
		}},
	}
	for _, operation := range operations {
		messages := map[string]bool{}
		for what, id := range ids {
			err := operation.do(id)
			r.expect(operation.what+" of "+what, err, operation.field+" NOT_FOUND")
			messages[fmt.Sprint(err)] = true
		}
		if len(messages) != 1 {
			t.Errorf("%s tells misses apart: %q", operation.what, slices.Collect(maps.Keys(messages)))
		}
	}
	if found, err := r.Get(ctx, stranger, audit.ID{Kind: audit.KindIntegration, Tenant: stranger.Tenant(), Number: int64(foreign.Number)}); err != nil || found.Name != "foreign" || found.PausedAt != nil {
		t.Errorf("the foreign one is %+v, %v", found, err)
	}
}

func TestStartBackfill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, _, err := r.Create(t.Context(), r.view, "Acme", "example", valid(), new(audit.Duration(0)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	from, to := now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	tests := []struct {
		what     string
		feeds    []string
		from, to time.Time
		want     []string
	}{
		{"backwards", nil, to, from, []string{"from INVALID"}},
		{"nothing", nil, to, to, []string{"from INVALID"}},
		{"the future", nil, from, now.Add(time.Hour), []string{"to INVALID"}},
		{"the year 1", nil, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), to, []string{"from INVALID"}},
		{"no feed", []string{}, from, to, []string{"feeds INVALID"}},
		{"an unknown feed", []string{"web", "none"}, from, to, []string{"feeds INVALID"}},
		{"what is only pushed", []string{"hook"}, from, to, []string{"feeds INVALID"}},
	}
	for _, test := range tests {
		_, err := r.StartBackfill(t.Context(), r.view, i.ID(), test.feeds, test.from, test.to)
		r.expect(test.what, err, test.want...)
	}
	all, err := r.StartBackfill(t.Context(), r.view, i.ID(), nil, from, time.Time{})
	if err != nil || len(all) != 2 || time.Since(all[0].To) > time.Minute {
		t.Errorf("all feeds until now: %v, %v", all, err)
	}
	one, err := r.StartBackfill(t.Context(), r.view, i.ID(), []string{"web", "web"}, from, to)
	if err != nil || len(one) != 1 {
		t.Fatalf("one feed, named twice: %v, %v", one, err)
	}
	if b := one[0]; b.Feed != "web" || !b.From.Equal(from) || !b.To.Equal(to) || b.Status != audit.BackfillWaiting {
		t.Errorf("the backfill is %+v", b)
	}
	cancelled, err := r.CancelBackfill(t.Context(), r.view, one[0].ID())
	if err != nil || cancelled.Status != audit.BackfillCancelled {
		t.Errorf("cancelled: %+v, %v", cancelled, err)
	}
	_, err = r.CancelBackfill(t.Context(), r.view, one[0].ID())
	r.expect("cancelling once more", err, "id CONFLICT")
}

func TestWhatIsBuiltInStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	own, err := r.BuiltIn(ctx, r.view.Tenant(), journal.Connector())
	if err != nil {
		t.Fatal(err)
	}
	for operation, do := range map[string]func() error{
		"update": func() error { _, err := r.Update(ctx, r.view, own.ID(), new("x"), nil); return err },
		"pause":  func() error { _, err := r.Pause(ctx, r.view, own.ID()); return err },
		"resume": func() error { _, err := r.Resume(ctx, r.view, own.ID()); return err },
		"delete": func() error { _, err := r.Delete(ctx, r.view, own.ID(), "Annals"); return err },
	} {
		r.expect(operation, do(), "id CONFLICT")
	}
	if _, err := r.BuiltIn(ctx, r.view.Tenant(), audit.Connector{Name: "example"}); err == nil {
		t.Error("a connector that has no integration by itself got one")
	}
}

// TestBuiltInIsMadeOnce: many first uses at once, and the same integration for ever, whatever it is called.
func TestBuiltInIsMadeOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	described := push.Registration().Connector
	var mu sync.Mutex
	numbers := map[audit.IntegrationID]bool{}
	var uses sync.WaitGroup
	for range 8 {
		uses.Go(func() {
			made, err := r.BuiltIn(context.Background(), r.view.Tenant(), described)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			numbers[made.Number] = true
		})
	}
	uses.Wait()
	if len(numbers) != 1 {
		t.Fatalf("made %d of them", len(numbers))
	}
	made, err := r.BuiltIn(t.Context(), r.view.Tenant(), described)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), r.view, made.ID(), new("Our applications"), nil); err != nil {
		t.Fatal(err)
	}
	if again, err := r.BuiltIn(t.Context(), r.view.Tenant(), described); err != nil || again.Number != made.Number || again.Name != "Our applications" {
		t.Errorf("found %+v, %v, want the same under its new name", again, err)
	}
	_, err = r.Delete(t.Context(), r.view, made.ID(), "Our applications")
	r.expect("deleting it", err, "id CONFLICT")
	other, err := r.BuiltIn(t.Context(), r.tenant("two").Tenant(), described)
	if err != nil || other.Tenant == made.Tenant {
		t.Errorf("another tenant's is %+v, %v", other, err)
	}
}

func TestOpenedStaysOpenUntilItChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme")
	before := len(r.vendors.tokens)
	first, described, err := r.Open(t.Context(), i.Tenant, i.Number)
	if err != nil || described.Name != "example" {
		t.Fatalf("opened %s, %v", described.Name, err)
	}
	again, _, err := r.Open(t.Context(), i.Tenant, i.Number)
	if err != nil || again != first || len(r.vendors.tokens) != before+1 {
		t.Errorf("opened %d times, %v, want once: the vendor's limits are kept in it", len(r.vendors.tokens)-before, err)
	}
	if _, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("token", "another")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Open(t.Context(), i.Tenant, i.Number); err != nil || r.vendors.tokens[len(r.vendors.tokens)-1] != "another" {
		t.Errorf("opened with %q, %v, want the new token", r.vendors.tokens[len(r.vendors.tokens)-1], err)
	}
}

// What is deleted at another replica is not asked for again, so it is what nobody uses that is let go of.
func TestWhatNobodyUsesIsLetGoOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	used, left := r.create("used"), r.create("left")
	open := func(i *audit.Integration) {
		t.Helper()
		if _, _, err := r.Open(t.Context(), i.Tenant, i.Number); err != nil {
			t.Fatal(err)
		}
	}
	open(used)
	open(left)
	before := len(r.vendors.tokens)
	for range 4 {
		r.ahead.Add(int64(25 * time.Minute))
		open(used)
	}
	if n := len(r.vendors.tokens); n != before {
		t.Errorf("what is used was opened %d times again", n-before)
	}
	open(left)
	if n := len(r.vendors.tokens); n != before+1 {
		t.Errorf("after 100 minutes opened %d times again, want once", n-before)
	}
}
