package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"annals/audit"
	"annals/secret"
)

func TestWhatCreateRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tests := []struct {
		what, name, connector string
		settings              []*audit.SettingInput
		want                  []string
	}{
		{"an unknown connector", "a", "nobody", nil, []string{"connector NOT_FOUND"}},
		{"what is built in", "a", "annals", nil, []string{"connector NOT_FOUND"}},
		{"nothing", "", "example", nil, []string{"name INVALID", "settings.account INVALID", "settings.token INVALID"}},
		{"a name of blanks", " \t", "example", valid(), []string{"name INVALID"}},
		{"a long name", strings.Repeat("n", 201), "example", valid(), []string{"name INVALID"}},
		{"a name with a NUL", "a\x00b", "example", valid(), []string{"name INVALID"}},
		{"a name of two lines", "a\nb", "example", valid(), []string{"name INVALID"}},
		{"a name that is no text", "a\xff", "example", valid(), []string{"name INVALID"}},
		{"the name of our own activities", "Annals", "example", valid(), []string{"name TAKEN"}},
		{"the name of what is pushed", "PUSH", "example", valid(), []string{"name TAKEN"}},
		{"an unknown setting", "a", "example", valid("secret", "x"), []string{"settings.secret INVALID"}},
		{"another letter case", "a", "example", valid("Token", "x"), []string{"settings.Token INVALID"}},
		{"a number for a text", "a", "example", valid("account", 7), []string{"settings.account INVALID"}},
		{"an object for a secret", "a", "example", valid("token", map[string]any{"a": 1}), []string{"settings.token INVALID"}},
		{"a text that does not match", "a", "example", valid("account", "ACME"), []string{"settings.account INVALID"}},
		{"a text that matches in part", "a", "example", valid("account", "acme/../x"), []string{"settings.account INVALID"}},
		{"a secret that is empty", "a", "example", valid("token", ""), []string{"settings.token INVALID"}},
		{"a required one that is null", "a", "example", valid("account", nil), []string{"settings.account INVALID"}},
		{"no choice", "a", "example", valid("regions", []string{"eu", "mars"}), []string{"settings.regions INVALID"}},
		{"a choice that is no list", "a", "example", valid("regions", "eu"), []string{"settings.regions INVALID"}},
		{"no whole number", "a", "example", valid("size", 1.5), []string{"settings.size INVALID"}},
		{"no truth value", "a", "example", valid("strict", "yes"), []string{"settings.strict INVALID"}},
		{"no duration", "a", "example", valid("delay", "15m"), []string{"settings.delay INVALID"}},
		{"an endless text", "a", "example", valid("token", strings.Repeat("t", 64<<10+1)), []string{"settings.token INVALID"}},
		{"plain http", "a", "example", valid("baseUrl", "http://api.example.com"), []string{"settings.baseUrl INVALID"}},
		{"no address", "a", "example", valid("baseUrl", "api.example.com"), []string{"settings.baseUrl INVALID"}},
		{"an address with a password", "a", "example", valid("baseUrl", "https://u:p@api.example.com"), []string{"settings.baseUrl INVALID"}},
		{"loopback", "a", "example", valid("baseUrl", "https://127.0.0.1"), []string{"settings.baseUrl ADDRESS_REFUSED"}},
		{"the metadata of a cloud", "a", "example", valid("baseUrl", "https://169.254.169.254/latest"), []string{"settings.baseUrl ADDRESS_REFUSED"}},
		{"a private address", "a", "example", valid("baseUrl", "https://[fd00::1]"), []string{"settings.baseUrl ADDRESS_REFUSED"}},
		{"settings that do not fit together", "a", "example", valid("account", "wrong"), []string{"settings INVALID"}},
	}
	for _, test := range tests {
		_, webhookSecret, err := r.Create(t.Context(), r.view, test.name, test.connector, test.settings, nil)
		r.expect(test.what, err, test.want...)
		if webhookSecret != "" {
			t.Errorf("%s: a secret was given", test.what)
		}
	}
	_, _, err := r.Create(t.Context(), r.view, "a", "example", valid(), new(audit.Duration(-time.Hour)))
	r.expect("a negative reach", err, "backfill INVALID")
	if all, err := r.All(t.Context(), r.view); err != nil || len(all) != 0 {
		t.Errorf("%d integrations, %v, want none", len(all), err)
	}
}

func TestMessagesSayWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, err := r.Create(t.Context(), r.view, "", "example", settings("baseUrl", "https://10.0.0.1", "x", 1, "size", "big"), nil)
	refusals, _ := errors.AsType[audit.UserErrors](err)
	for _, refusal := range refusals {
		if !strings.HasSuffix(refusal.Message, ".") || strings.ToUpper(refusal.Message[:1]) != refusal.Message[:1] {
			t.Errorf("%v: %q is no sentence", refusal.Field, refusal.Message)
		}
	}
	if len(refusals) != 6 {
		t.Errorf("refused: %q, want all mistakes at once", problems(err))
	}
}

func TestNamesAreTakenOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.create(" Acme ")
	if first.Name != "Acme" {
		t.Errorf("named %q, want it without blanks around", first.Name)
	}
	_, _, err := r.Create(t.Context(), r.view, "Acme", "files", nil, nil)
	r.expect("the same name", err, "name TAKEN")
	if _, _, err := r.Create(t.Context(), r.tenant("two"), "Acme", "files", nil, nil); err != nil {
		t.Errorf("the same name in another tenant: %v", err)
	}
	second := r.create("Bcme")
	_, err = r.Update(t.Context(), r.view, second.ID(), new("Acme"), nil)
	r.expect("renaming to it", err, "name TAKEN")
	_, err = r.Update(t.Context(), r.view, second.ID(), new("annals"), nil)
	r.expect("renaming to what is built in", err, "name TAKEN")
	if _, err := r.Delete(t.Context(), r.view, first.ID(), "Acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), r.view, second.ID(), new("Acme"), nil); err != nil {
		t.Errorf("the name of a deleted one: %v", err)
	}
}

func TestFirstFetches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	duration := func(days int) *audit.Duration { return new(audit.Duration(time.Duration(days) * day)) }
	tests := []struct {
		what  string
		reach *audit.Duration
		want  map[string][]int
	}{
		{"as far as the vendor keeps", nil, map[string][]int{"web": {90}, "all": {365}}},
		{"none", duration(0), map[string][]int{}},
		{"a week", duration(7), map[string][]int{"web": {7}, "all": {7}}},
		{"longer than the vendor keeps", duration(400), map[string][]int{"web": {90}, "all": {400}}},
	}
	for _, test := range tests {
		i, _, err := r.Create(t.Context(), r.view, test.what, "example", valid(), test.reach)
		if err != nil {
			t.Fatal(err)
		}
		live, days := r.fetches(i)
		if !slices.Equal(live, []string{"all", "web"}) {
			t.Errorf("%s: live feeds %v, want those that can be fetched", test.what, live)
		}
		if len(days) != len(test.want) || !slices.Equal(days["web"], test.want["web"]) || !slices.Equal(days["all"], test.want["all"]) {
			t.Errorf("%s: backfills of %v days, want %v", test.what, days, test.want)
		}
		if len(i.Feeds) != 3 {
			t.Errorf("%s: feeds %v, want all three to be shown", test.what, i.Feeds)
		}
	}
	endless, _, err := r.Create(t.Context(), r.view, "endless", "example", valid(), duration(100*366))
	if err != nil {
		t.Fatal(err)
	}
	if _, days := r.fetches(endless); days["all"][0] > 60*366 {
		t.Errorf("a backfill of %d days, want it to begin in 1970 at the earliest", days["all"][0])
	}
}

// TestImportOnlyBeginsToFetchWithCredentials: what happened between its creation and then must be fetched too.
func TestImportOnlyBeginsToFetchWithCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, webhookSecret, err := r.Create(t.Context(), r.view, "Files", "files", nil, nil)
	if err != nil || webhookSecret != "" {
		t.Fatalf("created with secret %q, %v", webhookSecret, err)
	}
	if live, days := r.fetches(i); len(live)+len(days) != 0 {
		t.Fatalf("fetches %v and %v of what has no credentials", live, days)
	}
	if _, err := r.StartBackfill(t.Context(), r.view, i.ID(), nil, time.Now().Add(-day), time.Time{}); err == nil {
		t.Error("a backfill began although nothing can be fetched")
	}
	r.ahead.Store(int64(10 * day))
	if _, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("key", "k")); err != nil {
		t.Fatal(err)
	}
	live, days := r.fetches(i)
	if !slices.Equal(live, []string{"main"}) || !slices.Equal(days["main"], []int{30}) {
		t.Errorf("fetches %v and %v, want the feed and its past", live, days)
	}
	backfills, err := r.Backfills(t.Context(), r.view, i)
	if err != nil || len(backfills) != 1 {
		t.Fatalf("%d backfills, %v", len(backfills), err)
	}
	if late := time.Now().Add(10 * day).Sub(backfills[0].To); late > time.Minute {
		t.Errorf("the backfill ends %s before the live feed begins", late)
	}
	if _, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("key", "k2")); err != nil {
		t.Fatal(err)
	}
	if live, days := r.fetches(i); len(live) != 1 || len(days["main"]) != 1 {
		t.Errorf("another key began %v and %v anew", live, days)
	}
}

const canary = "canary-7f3a91c4e2"

// TestSecretsAreSealed looks for a secret in every table, in the encodings in which it could hide.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, webhookSecret, err := r.Create(t.Context(), r.view, "Acme", "example", valid("token", canary, "password", canary), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), r.view, i.ID(), new("Bcme"), settings("size", 7)); err != nil {
		t.Fatal(err)
	}
	dump := r.dump()
	for _, secret := range []string{canary, webhookSecret} {
		for _, needle := range [][]byte{
			[]byte(secret), []byte(hex.EncodeToString([]byte(secret))), []byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")[:12]),
		} {
			if bytes.Contains(dump, needle) {
				t.Errorf("%s of %s is in the database", needle, secret)
			}
		}
	}
	if !bytes.Contains(dump, []byte("Bcme")) {
		t.Error("the dump does not even hold the name: it shows nothing")
	}
	shown, err := r.Get(t.Context(), r.view, audit.ID{Kind: audit.KindIntegration, Tenant: i.Tenant, Number: int64(i.Number)})
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range r.Settings(shown) {
		secret := setting.Name == "token" || setting.Name == "password"
		if secret && (len(setting.Value) > 0 || !setting.IsSet) {
			t.Errorf("%s is shown as %s, set %v: want only that it is set", setting.Name, setting.Value, setting.IsSet)
		}
	}
	if text, _ := json.Marshal(shown); bytes.Contains(text, []byte(canary)) {
		t.Errorf("the integration holds the secret: %s", text)
	}
	if got := r.vendors.tokens[len(r.vendors.tokens)-1]; got != canary {
		t.Errorf("the vendor's code was opened with %q", got)
	}
}

// dump is all rows of all tables, as text.
func (r *rig) dump() []byte {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.urls.Owner)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(r.t.Context()) }()
	rows, err := conn.Query(r.t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil {
		r.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		r.t.Fatal(err)
	}
	var dump []byte
	for _, table := range tables {
		rows, err := conn.Query(r.t.Context(), `SELECT t::text FROM `+pgx.Identifier{table}.Sanitize()+` t`)
		if err != nil {
			r.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			r.t.Fatal(err)
		}
		dump = append(dump, strings.Join(lines, "\n")...)
	}
	return dump
}

// TestSealedSecretsOpenInTheirOwnRowAlone: who can write to the database cannot have another's secrets used.
func TestSealedSecretsOpenInTheirOwnRowAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, other := r.create("one", "token", canary), r.create("other")
	stolen := r.stored(other)
	stolen.Sealed = r.stored(one).Sealed
	if err := r.db.UpdateIntegration(t.Context(), stolen); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Open(t.Context(), other.Tenant, other.Number); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("opening: %v, want %v", err, secret.ErrSealed)
	}
}

func TestUpdateChangesWhatIsGiven(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme", "token", canary, "password", "p", "regions", []string{"eu"})
	changed, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("size", 9, "regions", nil, "password", nil))
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, setting := range r.Settings(changed) {
		if setting.IsSet {
			set[setting.Name] = string(setting.Value)
		}
	}
	if len(set) != 3 || set["account"] != `"acme"` || set["size"] != "9" || set["token"] != "" {
		t.Errorf("settings %v, want the account, the size and the token", set)
	}
	if !changed.UpdatedAt.After(i.UpdatedAt) || !changed.CreatedAt.Equal(i.CreatedAt) {
		t.Errorf("changed at %s, created at %s", changed.UpdatedAt, changed.CreatedAt)
	}
	if got := r.vendors.tokens[len(r.vendors.tokens)-1]; got != canary {
		t.Errorf("the vendor's code was opened with %q, want the token that was kept", got)
	}
	_, err = r.Update(t.Context(), r.view, i.ID(), nil, settings("token", nil))
	r.expect("taking away what is required", err, "settings.token INVALID")
	_, err = r.Update(t.Context(), r.view, i.ID(), new(""), settings("token", 1, "nothing", 2))
	r.expect("mistakes", err, "name INVALID", "settings.nothing INVALID", "settings.token INVALID")
	_, err = r.Update(t.Context(), r.view, i.ID(), nil, settings("account", "wrong", "token", "x"))
	r.expect("settings that do not fit together", err, "settings INVALID")
	if again, err := r.Update(t.Context(), r.view, i.ID(), nil, nil); err != nil || again.Name != "Acme" {
		t.Errorf("changing nothing: %v, %v", again, err)
	}
}

// TestAnotherAddressOrAccountAsksForTheSecrets: else whoever may change settings could have the secrets sent to a host
// of his own, by saving or by merely trying.
func TestAnotherAddressOrAccountAsksForTheSecrets(t *testing.T) {
	t.Parallel()
	again := []string{"settings.password INVALID", "settings.token INVALID"}
	tests := []struct {
		what     string
		settings []*audit.SettingInput
		want     []string
	}{
		{"another address", settings("baseUrl", "https://evil.example.com"), again},
		{"another path", settings("baseUrl", "https://api.example.com/proxy"), again},
		{"another account", settings("account", "evil"), again},
		{"one of the secrets", settings("account", "evil", "token", "x"), again[:1]},
		{"both secrets", settings("account", "evil", "token", "x", "password", "y"), nil},
		{"one secret, the other is taken away", settings("account", "evil", "token", "x", "password", nil), nil},
		{"an empty secret takes it away", settings("account", "evil", "token", "x", "password", ""), nil},
		{"the address twice", settings("baseUrl", "https://api.example.com", "baseUrl", "https://evil.example.com"), again},
		{"there and back", settings("account", "evil", "account", "acme"), nil},
		{"the default, written out", settings("baseUrl", "https://api.example.com"), nil},
		{"the account as it is", settings("account", "acme"), nil},
		{"the account in another spelling", []*audit.SettingInput{{Name: "account", Value: audit.JSON(`"\u0061cme"`)}}, nil},
		{"other settings", settings("size", 3, "strict", true), nil},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			i := r.create("Acme", "token", canary, "password", canary)
			opened := len(r.vendors.tokens)
			_, tried := r.Test(t.Context(), r.view, new(i.ID()), nil, test.settings)
			r.expect("trying", tried, test.want...)
			_, changed := r.Update(t.Context(), r.view, i.ID(), nil, test.settings)
			r.expect("changing", changed, test.want...)
			if test.want != nil && (len(r.vendors.tokens) != opened || r.vendors.asked > 0) {
				t.Error("the vendor's code was opened or asked with the secrets all the same")
			}
		})
	}
}

func TestAccountNumbersAreToldApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme", "number", 9007199254740993)
	_, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("number", 9007199254740992))
	r.expect("another number, which is the same as a double", err, "settings.token INVALID")
}

// TestAnotherAccountIsFetchedFromItsBeginning: the positions of the old one say nothing of it.
func TestAnotherAccountIsFetchedFromItsBeginning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme")
	if _, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("size", 3)); err != nil {
		t.Fatal(err)
	}
	if _, days := r.fetches(i); len(days["web"]) != 1 {
		t.Errorf("backfills %v after a change of no account, want the first ones", days)
	}
	if _, err := r.Update(t.Context(), r.view, i.ID(), nil, settings("account", "bcme", "token", "x")); err != nil {
		t.Fatal(err)
	}
	live, days := r.fetches(i)
	if len(live) != 2 || len(days["web"]) != 2 || len(days["all"]) != 2 {
		t.Errorf("live %v, backfills %v: want one more of each feed, and no second live fetch", live, days)
	}
}
