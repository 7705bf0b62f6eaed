package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
	"annals/secret"
	"annals/sync/connector"
	"annals/sync/integration"
	"annals/sync/journal"
	"annals/sync/push"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
}

const day = 24 * time.Hour

// vendors are the connectors of the tests.
type vendors struct {
	mu     sync.Mutex
	tokens []string // that the code was opened with, in order
	asked  int
	answer func(feed string) (connector.Page, error)
}

func (v *vendors) catalogue() integration.Catalogue {
	text := func(name string) audit.SettingField {
		return audit.SettingField{Name: name, Kind: audit.SettingText}
	}
	account, token, password := text("account"), text("token"), text("password")
	account.Account, account.Required, account.Pattern = true, true, "[a-z]+"
	token.Secret, token.Required = true, true
	password.Secret = true
	key := text("key")
	key.Secret = true
	return integration.Catalogue{
		{
			Connector: audit.Connector{
				Name: "example", Label: "Example",
				Settings: []audit.SettingField{
					{Name: "baseUrl", Kind: audit.SettingURL, Default: audit.JSON(`"https://api.example.com"`)},
					account, token, password,
					{Name: "regions", Kind: audit.SettingChoices, Choices: []audit.SettingChoice{{Value: "eu"}, {Value: "us"}}},
					{Name: "size", Kind: audit.SettingInteger, Default: audit.JSON(`5`)},
					{Name: "number", Kind: audit.SettingInteger, Account: true},
					{Name: "strict", Kind: audit.SettingBoolean},
					{Name: "delay", Kind: audit.SettingDuration},
				},
				Feeds: []audit.ConnectorFeed{
					{Name: "web", Label: "Web", Retention: audit.Duration(90 * day)},
					{Name: "all", Label: "All"},
					{Name: "hook", Label: "Hook", PushOnly: true},
				},
			},
			Open: v.open,
		},
		{
			Connector: audit.Connector{
				Name: "files", Label: "Files", Settings: []audit.SettingField{key},
				Feeds: []audit.ConnectorFeed{{Name: "main", Label: "Main", Retention: audit.Duration(30 * day)}},
			},
			Open: func(c connector.Config) (connector.Opened, error) {
				if c.Settings.Text("key") == "" {
					return struct{}{}, nil
				}
				return fetcher{v}, nil
			},
		},
		push.Registration(),
		{Connector: journal.Connector()},
	}
}

func (v *vendors) open(c connector.Config) (connector.Opened, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = append(v.tokens, c.Settings.Text("token"))
	if c.Settings.Text("account") == "wrong" {
		return nil, connector.Fail(connector.ConfigurationWrong, errors.New("the account cannot be read"))
	}
	return &both{fetcher{v}}, nil
}

// fetcher is a vendor's code that fetches.
type fetcher struct{ v *vendors }

func (f fetcher) Fetch(_ context.Context, r connector.Request) (connector.Page, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	f.v.asked++
	if f.v.answer == nil {
		return connector.Page{}, nil
	}
	return f.v.answer(r.Feed)
}

// both is a vendor's code that fetches and takes webhooks.
type both struct{ fetcher }

func (*both) Receive(connector.Delivery, []string) (connector.Received, error) {
	return connector.Received{}, connector.ErrSignature
}

// rig is a service over a database of its own.
type rig struct {
	*integration.Service

	t       *testing.T
	db      *db.DB
	urls    dbtest.DB
	vendors *vendors
	view    audit.View
	ahead   atomic.Int64 // of the service's clock
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, urls: dbtest.New(t), vendors: &vendors{}}
	var err error
	if r.db, err = db.Open(t.Context(), db.Options{URL: r.urls.Writer, Now: time.Now, MaxConns: 4}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	r.view = r.tenant("one")
	path := filepath.Join(t.TempDir(), "key")
	if err := secret.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }
	guard := connector.NewGuard(nil)
	client := connector.NewClient(connector.ClientOptions{Guard: guard, Now: now})
	t.Cleanup(client.CloseIdleConnections)
	r.Service = integration.New(r.db, r.vendors.catalogue(), integration.Options{
		Sealer: sealer, Client: client, Guard: guard, PublicURL: "https://annals.example.com", NewID: db.RandomID, Now: now,
		Log: slog.New(slog.DiscardHandler),
	})
	return r
}

func (r *rig) tenant(name string) audit.View {
	r.t.Helper()
	tenant, _, err := r.db.EnsureTenant(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return audit.NewView(tenant.Number, nil, -1, time.Now())
}

// settings writes a form; a nil value takes a setting away.
func settings(pairs ...any) []*audit.SettingInput {
	var inputs []*audit.SettingInput
	for i := 0; i < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		if err != nil {
			panic(err) // plain values only
		}
		inputs = append(inputs, &audit.SettingInput{Name: pairs[i].(string), Value: value})
	}
	return inputs
}

// valid are settings of the connector example that are accepted.
func valid(more ...any) []*audit.SettingInput {
	return append(settings("account", "acme", "token", "t0ken"), settings(more...)...)
}

// create sets up an integration of the connector example.
func (r *rig) create(name string, more ...any) *audit.Integration {
	r.t.Helper()
	i, _, err := r.Create(r.t.Context(), r.view, name, "example", valid(more...), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return i
}

// problems lists UserErrors as `way.to.field CODE`; any other error as its text.
func problems(err error) []string {
	if err == nil {
		return nil
	}
	refusals, ok := errors.AsType[audit.UserErrors](err)
	if !ok {
		return []string{err.Error()}
	}
	var list []string
	for _, refusal := range refusals {
		list = append(list, strings.TrimPrefix(strings.Join(refusal.Field, "."), "input.")+" "+string(refusal.Code))
	}
	slices.Sort(list)
	return list
}

// expect checks what is refused.
func (r *rig) expect(what string, err error, want ...string) {
	r.t.Helper()
	if got := problems(err); !slices.Equal(got, want) {
		r.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// fetches tells the feeds that are fetched live, and how many days back the backfills of each feed reach.
func (r *rig) fetches(i *audit.Integration) (live []string, days map[string][]int) {
	r.t.Helper()
	live, err := r.db.LiveFeeds(r.t.Context(), i.Tenant, i.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(live)
	backfills, err := r.Backfills(r.t.Context(), r.view, i)
	if err != nil {
		r.t.Fatal(err)
	}
	days = map[string][]int{}
	for _, backfill := range backfills {
		days[backfill.Feed] = append(days[backfill.Feed], int(backfill.To.Sub(*backfill.From)/day))
	}
	return live, days
}

// stored reads the row of an integration.
func (r *rig) stored(i *audit.Integration) audit.StoredIntegration {
	r.t.Helper()
	stored, err := r.db.StoredIntegration(r.t.Context(), i.Tenant, i.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	return stored
}

// owner is which integration takes the deliveries of an address: 0 for none.
func (r *rig) owner(url string) audit.IntegrationID {
	r.t.Helper()
	path, ok := strings.CutPrefix(url, "https://annals.example.com/webhooks/")
	if !ok {
		r.t.Fatalf("%s is no address of ours", url)
	}
	stored, err := r.db.WebhookOwner(r.t.Context(), path)
	if err != nil && !errors.Is(err, audit.ErrNotFound) {
		r.t.Fatal(err)
	}
	return stored.Number
}
