package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
	"annals/sync/connector"
)

func TestTryingSaysWhetherEachFeedWorks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newest := time.Now().UTC().Truncate(time.Second)
	broken := errors.New("10.0.0.1:443 says the password is wrong")
	tests := []struct {
		what   string
		answer func() (connector.Page, error)
		want   audit.IntegrationCheck
	}{
		{"quiet", func() (connector.Page, error) { return connector.Page{}, nil }, audit.IntegrationCheck{Feed: "all", OK: true}},
		{"activities", func() (connector.Page, error) {
			return connector.Page{More: true, Drafts: []audit.Draft{{OccurredAt: newest.Add(-time.Hour)}, {OccurredAt: newest}, {}}}, nil
		}, audit.IntegrationCheck{Feed: "all", OK: true, NewestOccurredAt: &newest}},
		{"activities without times", func() (connector.Page, error) {
			return connector.Page{Drafts: []audit.Draft{{}}}, nil
		}, audit.IntegrationCheck{Feed: "all", OK: true}},
		{"refused", func() (connector.Page, error) {
			return connector.Page{}, connector.Fail(connector.CredentialsRefused, broken)
		}, audit.IntegrationCheck{Feed: "all", Reason: audit.ReasonCredentialsRefused}},
		{"throttled", func() (connector.Page, error) {
			return connector.Page{}, connector.Fail(connector.RateLimited, broken)
		}, audit.IntegrationCheck{Feed: "all", Reason: audit.ReasonRateLimited}},
		{"an address inside", func() (connector.Page, error) {
			return connector.Page{}, connector.Fail(connector.AddressRefused, broken)
		}, audit.IntegrationCheck{Feed: "all", Reason: audit.ReasonAddressRefused}},
		{"broken", func() (connector.Page, error) { return connector.Page{}, broken }, audit.IntegrationCheck{Feed: "all", Reason: audit.ReasonVendorUnavailable}},
	}
	for _, test := range tests {
		r.vendors.answer = func(feed string) (connector.Page, error) {
			if feed == "all" {
				return test.answer()
			}
			return connector.Page{}, nil
		}
		checks, err := r.Test(t.Context(), r.view, nil, new("example"), valid())
		if err != nil {
			t.Fatal(err)
		}
		want := []*audit.IntegrationCheck{{Feed: "web", OK: true}, &test.want}
		if diff := cmp.Diff(want, checks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
	if all, err := r.All(t.Context(), r.view); err != nil || len(all) != 0 {
		t.Errorf("%d integrations, %v, want none to be saved", len(all), err)
	}
	if size, err := r.db.Size(t.Context(), r.view.Tenant()); err != nil || size != 0 {
		t.Errorf("%d activities, %v, want none to be recorded", size, err)
	}
}

func TestWhatCannotBeTried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme")
	example := new("example")
	tests := []struct {
		what          string
		id, connector *string
		settings      []*audit.SettingInput
		want          []string
	}{
		{"nothing", nil, nil, nil, []string{"connector INVALID"}},
		{"both", new(i.ID()), example, nil, []string{"connector INVALID"}},
		{"an unknown connector", nil, new("nobody"), nil, []string{"connector NOT_FOUND"}},
		{"what is built in", nil, new("annals"), nil, []string{"connector NOT_FOUND"}},
		{"mistakes", nil, example, settings("account", "ACME", "baseUrl", "https://127.0.0.1"), []string{
			"settings.account INVALID", "settings.baseUrl ADDRESS_REFUSED", "settings.token INVALID",
		}},
		{"settings that do not fit together", nil, example, valid("account", "wrong"), []string{"settings INVALID"}},
		{"saved settings with a mistake over them", new(i.ID()), nil, settings("size", "big"), []string{"settings.size INVALID"}},
	}
	for _, test := range tests {
		checks, err := r.Test(t.Context(), r.view, test.id, test.connector, test.settings)
		r.expect(test.what, err, test.want...)
		if checks != nil {
			t.Errorf("%s: checks %v, want none", test.what, checks)
		}
	}
	if r.vendors.asked != 0 {
		t.Errorf("the vendor was asked %d times", r.vendors.asked)
	}
	if checks, err := r.Test(t.Context(), r.view, nil, new("files"), nil); err != nil || checks == nil || len(checks) != 0 {
		t.Errorf("what only imports: %v, %v, want no checks", checks, err)
	}
}

func TestTryingSavedSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("Acme", "token", canary)
	before := r.stored(i)
	if _, err := r.Test(t.Context(), r.view, new(i.ID()), nil, settings("size", 7)); err != nil {
		t.Fatal(err)
	}
	if got := r.vendors.tokens[len(r.vendors.tokens)-1]; got != canary {
		t.Errorf("tried with %q, want the saved token", got)
	}
	if diff := cmp.Diff(before, r.stored(i)); diff != "" {
		t.Errorf("trying has changed the row (-before +after):\n%s", diff)
	}
}

func TestTenTrialsAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	try := func(view audit.View) error {
		_, err := r.Test(t.Context(), view, nil, new("files"), nil)
		return err
	}
	// Ten within half a minute: also those that were refused for another reason.
	for n := range 10 {
		r.ahead.Store(int64(n) * int64(3*time.Second))
		if n == 0 {
			_, err := r.Test(t.Context(), r.view, nil, new("nobody"), nil)
			r.expect("an unknown connector", err, "connector NOT_FOUND")
			continue
		}
		r.expect("a trial", try(r.view))
	}
	r.ahead.Store(int64(55 * time.Second))
	r.expect("the eleventh in a minute", try(r.view), " LIMIT")
	r.expect("another tenant's", try(r.tenant("two")))
	r.ahead.Store(int64(61 * time.Second))
	r.expect("when the first is a minute ago", try(r.view))
	r.expect("and the second is not", try(r.view), " LIMIT")
}
