package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
	"annals/secret"
	"annals/simulator"
	"annals/sync/connector"
	"annals/sync/engine"
	"annals/sync/integration"
	"annals/sync/vendors/github"
	"annals/sync/webhook"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
}

// intake is the handler as the server wires it, with an integration of GitHub.
type intake struct {
	db      *db.DB
	service *integration.Service
	view    audit.View
	made    *audit.Integration
	url     string // of its webhook
	secret  string
}

func newIntake(t *testing.T) *intake {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: dbtest.New(t).Writer, Now: time.Now, MaxConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	tenant, _, err := d.EnsureTenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(web.Close)
	log := slog.New(slog.DiscardHandler)
	guard := connector.NewGuard(nil)
	in := &intake{db: d, view: audit.NewView(tenant.Number, nil, -1, time.Now())}
	in.service = integration.New(d, integration.Catalogue{github.Registration()}, integration.Options{
		Sealer: sealer(t), Guard: guard, Client: connector.NewClient(connector.ClientOptions{Guard: guard, Now: time.Now}),
		PublicURL: web.URL, NewID: db.RandomID, Now: time.Now, Log: log,
	})
	recorder := engine.NewRecorder(d, nil, time.Now)
	h = webhook.New(d, in.service, func(ctx context.Context, i *audit.Integration, feed string, drafts []audit.Draft) (audit.Receipt, error) {
		return recorder.Record(ctx, engine.Source{
			Tenant: i.Tenant, IntegrationID: i.Number, Connector: i.ConnectorName, Feed: feed, Path: audit.PathWebhook,
		}, drafts, nil)
	}, time.Now, log)
	in.made, in.secret, err = in.service.Create(t.Context(), in.view, "Acme", "github", []*audit.SettingInput{
		{Name: "organization", Value: audit.JSON(`"example-org"`)}, {Name: "token", Value: audit.JSON(`"t"`)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := in.service.Webhook(t.Context(), in.view, in.made)
	if err != nil {
		t.Fatal(err)
	}
	in.url = shown.URL
	return in
}

func sealer(t *testing.T) *secret.Sealer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := secret.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	s, err := secret.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorded counts the activities by the vendor's bytes.
func (in *intake) recorded(t *testing.T) map[string]int {
	t.Helper()
	activities, err := in.db.Follow(t.Context(), in.made.Tenant, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, a := range activities {
		raw, err := in.db.Raw(t.Context(), in.view.Until(a.Seq), a.Seq)
		if err != nil || a.Path != audit.PathWebhook || a.Feed != "webhook" {
			t.Fatalf("activity %d on %s in %s: %v", a.Seq, a.Path, a.Feed, err)
		}
		times[string(raw.Bytes)]++
	}
	return times
}

// TestDeliveriesAreRecordedOnce: three senders at once, each with all deliveries, out of order, again, and between them
// forged ones.
func TestDeliveriesAreRecordedOnce(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	begun := time.Now().Add(-time.Hour)
	vendor := simulator.NewGitHub(simulator.Options{Seed: 3, Now: time.Now, PerHour: 240})
	vendor.Generate(begun, time.Now())
	deliveries := vendor.Deliveries(in.secret, begun, time.Now())
	if len(deliveries) < 10 {
		t.Fatalf("only %d deliveries", len(deliveries))
	}
	var senders sync.WaitGroup
	for seed := range uint64(3) {
		senders.Go(func() {
			faults := simulator.NewFaults(seed, time.Now, map[simulator.Fault]float64{
				simulator.Replay: 0.3, simulator.OutOfOrder: 0.3, simulator.WrongSignature: 0.3,
			})
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if err := faults.Send(context.Background(), client, in.url, deliveries, vendor.Forge); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	times := in.recorded(t)
	for _, delivery := range deliveries {
		if n := times[string(delivery.Body)]; n != 1 {
			t.Errorf("a delivery is %d times in the ledger, want once: %.80s", n, delivery.Body)
		}
	}
	if len(times) != len(deliveries) {
		t.Errorf("%d activities of %d deliveries", len(times), len(deliveries))
	}
	shown, err := in.service.Webhook(t.Context(), in.view, in.made)
	if err != nil || shown.LastAcceptedAt == nil || shown.LastRefusedAt == nil {
		t.Errorf("the webhook says %+v, %v: want the times of the last accepted and the last refused", shown, err)
	}
}

// TestDeliveriesAfterARotation: the old secret and the old address hold as long as was said, and not longer.
func TestDeliveriesAfterARotation(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	vendor := simulator.NewGitHub(simulator.Options{Seed: 3, Now: time.Now})
	send := func(url, secret string) bool {
		t.Helper()
		var faults *simulator.Faults // none
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		return faults.Send(t.Context(), client, url, []simulator.Delivery{vendor.Ping(secret)}, nil) == nil
	}
	_, second, err := in.service.RotateWebhookSecret(t.Context(), in.view, in.made.ID(), time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := in.service.Webhook(t.Context(), in.view, in.made)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{in.url, shown.URL} {
		for _, secret := range []string{in.secret, second} {
			if !send(url, secret) {
				t.Errorf("%s with %s is refused while both hold", url, secret)
			}
		}
	}
	_, third, err := in.service.RotateWebhookSecret(t.Context(), in.view, in.made.ID(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if send(shown.URL, in.secret) || send(shown.URL, second) || !send(shown.URL, third) {
		t.Error("only the newest secret should hold")
	}
	if _, err := in.service.Pause(t.Context(), in.view, in.made.ID()); err != nil {
		t.Fatal(err)
	}
	if send(shown.URL, third) {
		t.Error("a paused integration takes deliveries")
	}
	if _, err := in.service.Delete(t.Context(), in.view, in.made.ID(), "Acme"); err != nil {
		t.Fatal(err)
	}
	if send(shown.URL, third) {
		t.Error("a deleted integration takes deliveries")
	}
	if times := in.recorded(t); len(times) != 1 {
		t.Errorf("%d activities, want the one ping of which all were copies: %v", len(times), fmt.Sprint(times))
	}
}

// TestADeliveryBringsThePollForward: the vendor's log has the news sooner than the schedule would look.
func TestADeliveryBringsThePollForward(t *testing.T) {
	t.Parallel()
	in := newIntake(t)
	fetches, err := in.db.ClaimFetches(t.Context(), audit.FetchLive, 10, time.Minute)
	if err != nil || len(fetches) != 2 {
		t.Fatalf("claimed %v, %v", fetches, err)
	}
	for _, fetch := range fetches {
		if err := in.db.FinishFetch(t.Context(), fetch, audit.FetchEnd{Delay: 10 * time.Minute, PollInterval: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	vendor := simulator.NewGitHub(simulator.Options{Seed: 3, Now: time.Now})
	ping := vendor.Ping(in.secret)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.url, strings.NewReader(string(ping.Body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = ping.Header
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	found, err := in.service.ByID(t.Context(), in.view, []audit.IntegrationID{in.made.Number})
	if err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatalf("answered %d, %v", answer.StatusCode, err)
	}
	for _, feed := range found[0].Feeds {
		if feed.NextPollAt != nil && time.Until(*feed.NextPollAt) > 20*time.Second {
			text, _ := json.Marshal(feed)
			t.Errorf("polled again only at %s: %s", feed.NextPollAt, text)
		}
	}
}
