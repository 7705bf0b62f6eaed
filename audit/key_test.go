package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"annals/audit"
)

func TestActorKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		vendorID, name, email audit.Text
		want                  string
	}{
		{"7", "Jane", "Jane@Example.COM", "jane@example.com"},
		{"7", "Jane", "", "okta:7"},
		{"", "Jane Doe", "", "okta:name:Jane Doe"},
		{"", "", "", ""},
		{"name:x", "", "", "okta:name:x"},
	} {
		if got := audit.ActorKey("okta", tc.vendorID, tc.name, tc.email); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

func TestNewActor(t *testing.T) {
	t.Parallel()
	if a := audit.NewActor("okta", audit.ActorUser, "", "", ""); a != nil {
		t.Errorf("nobody is %+v", a)
	}
	want := &audit.Actor{Key: "okta:7", Type: audit.ActorService, VendorID: "7", Name: "bot"}
	if diff := cmp.Diff(want, audit.NewActor("okta", audit.ActorService, "7", "bot", "")); diff != "" {
		t.Error(diff)
	}
}

func TestNewTarget(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		got  audit.Target
		want string
	}{
		{audit.NewTarget("github", "repository", "12", "acme/x"), "github:repository:12"},
		{audit.NewTarget("github", "repository", "", "acme/x"), "github:repository:acme/x"},
		{audit.NewTarget("github", "organization", "", ""), "github:organization:"},
	} {
		if tc.got.Key != tc.want {
			t.Errorf("%+v, want the key %s", tc.got, tc.want)
		}
	}
}
