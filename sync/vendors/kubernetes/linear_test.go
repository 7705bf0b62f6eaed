package kubernetes

import (
	"strings"
	"testing"

	"annals/audit"
	"annals/sync/connector"
	"annals/sync/connector/connectortest"
)

// TestReceiveLinear: no member of an event may have all others looked through for it.
func TestReceiveLinear(t *testing.T) {
	t.Parallel()
	wide := `{` + connectortest.Many(150_000, `"k#":#`) + `}`
	create := `{"auditID":"a","verb":"create","objectRef":{"resource":"rolebindings"},`
	k := openWith(t, nil)
	connectortest.RunLinear(t, map[string]string{
		"members":         `{"auditID":"a",` + strings.TrimPrefix(wide, "{"),
		"request object":  create + `"requestObject":` + wide + `}`,
		"response object": create + `"responseObject":` + wide + `}`,
		"metadata":        create + `"responseObject":{"metadata":` + wide + `}}`,
		"object":          `{"auditID":"a","objectRef":` + wide + `}`,
		"user":            create + `"user":` + wide + `}`,
		"credentials":     create + `"user":{"extra":` + wide + `}}`,
		"annotations":     create + `"annotations":` + wide + `}`,
		"subjects":        create + `"requestObject":{"subjects":[` + connectortest.Many(100_000, `{"kind":"User","name":"u#"}`) + `]}}`,
		"addresses":       create + `"sourceIPs":[` + connectortest.Many(300_000, `"x"`) + `]}`,
		"events":          `{"items":[` + connectortest.Many(maxEvents, `{"auditID":"#"}`) + `]}`,
		"wide events":     `{"items":[` + connectortest.Many(200, create+`"requestObject":{`+connectortest.Many(1000, `"k#":0`)+`}}`) + `]}`,
	}, func(document []byte) {
		if received, err := deliver(t, k, document); err != nil || len(received.Drafts) == 0 {
			t.Errorf("%d drafts, error %v", len(received.Drafts), err)
		}
	})
}

// TestBounds: of more subjects than are kept, the first are read. A delivery of more events than can be kept in memory is
// refused, whatever they are.
func TestBounds(t *testing.T) {
	t.Parallel()
	subjects := connectortest.Many(connector.MaxTargets+7, `{"kind":"User","name":"u#"}`)
	draft, _ := translate([]byte(`{"verb":"get","objectRef":{"resource":"rolebindings"},"requestObject":{"subjects":[` + subjects + `]}}`))
	if len(draft.Targets) != connector.MaxTargets || draft.Targets[0].Name != "u0" {
		t.Errorf("%d targets", len(draft.Targets))
	}
	received, err := deliver(t, openWith(t, nil), []byte(`{"items":[`+connectortest.Many(maxEvents+1, `0`)+`]}`))
	if connector.ClassOf(err) != connector.Malformed || len(received.Drafts) > 0 {
		t.Errorf("%d drafts, error %v", len(received.Drafts), err)
	}
}

// TestListsOfOne: what stands where a list should be is read as its only element.
func TestListsOfOne(t *testing.T) {
	t.Parallel()
	const none = "invalid IP"
	for addresses, want := range map[string]struct {
		ip    string
		taken bool
	}{
		`["203.0.113.1","198.51.100.2","x"]`: {"198.51.100.2", false},
		`["198.51.100.2"]`:                   {"198.51.100.2", true},
		`"198.51.100.2"`:                     {"198.51.100.2", true},
		`{"a":"198.51.100.2"}`:               {none, false},
		`["fe80::1%eth0"]`:                   {none, false},
		`null`:                               {none, true},
	} {
		draft, _ := translate([]byte(`{"verb":"get","sourceIPs":` + addresses + `}`))
		if taken := len(draft.Metadata) == 0; draft.Origin.IP.String() != want.ip || taken != want.taken {
			t.Errorf("%s is %v and leaves %s", addresses, draft.Origin.IP, draft.Metadata)
		}
	}
	for _, subjects := range []string{`{"kind":"User","name":"u"}`, `[{"kind":"User","name":"u"},null,7]`} {
		draft, _ := translate([]byte(`{"verb":"get","objectRef":{"resource":"rolebindings"},"requestObject":{"subjects":` + subjects + `}}`))
		if len(draft.Targets) != 1 || draft.Targets[0] != audit.NewTarget(Name, "users", "u", "u") {
			t.Errorf("%s are %v", subjects, draft.Targets)
		}
	}
}
