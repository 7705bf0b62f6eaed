package github

import (
	"strings"
	"testing"

	"annals/sync/connector"
	"annals/sync/connector/connectortest"
)

// TestReceiveLinear: no member of a delivery may have all others looked through for it.
func TestReceiveLinear(t *testing.T) {
	t.Parallel()
	many := connectortest.Many
	large := `{` + many(50_000, `"k#":{"id":#}`) + `,"login":"x"}`
	connectortest.RunLinear(t, map[string]string{
		"members":                    `{` + many(150_000, `"k#":#`) + `}`,
		"changes":                    `{"changes":{` + many(100_000, `"k#":{"from":#}`) + `}}`,
		"changes of nothing":         `{"changes":{` + many(100_000, `"k#":{"from":null}`) + `}}`,
		"changes told twice":         `{"changes":{` + many(50_000, `"k#":{"from":1,"to":1},"old_k#":{"from":1}`) + `}}`,
		"changes of an object":       `{"changes":{` + many(50_000, `"k#":{"from":1}`) + `},"issue":{` + many(50_000, `"k#":1`) + `}}`,
		"changes of a member":        `{"changes":{"a":{` + many(50_000, `"k#":{"from":1}`) + `}},"a":{` + many(50_000, `"k#":1`) + `}}`,
		"changes of one large field": `{"changes":{` + many(50_000, `"k#":{"a":{"from":"x"}}`) + `},"issue":{"a":` + large + `}}`,
		"alerts":                     `{"alert":[` + many(100_000, `{"number":#}`) + `],"repository":{` + many(50_000, `"k#":1`) + `,"full_name":"x"}}`,
		"repositories":               `{"repositories":[` + many(100_000, `{"id":#,"full_name":"x#"}`) + `]}`,
		"escaped names":              `{` + many(100_000, `"\u00e9\n#":#`) + `}`,
		"deep":                       strings.Repeat(`{"b":0,"a":`, 250) + `"` + strings.Repeat("x", 4<<20) + `"` + strings.Repeat("}", 250),
	}, func(document []byte) {
		for _, event := range []string{"issues", "dependabot_alert"} {
			received, err := new(account).Receive(sign(webhookSecret, event, document), []string{webhookSecret})
			if err != nil || len(received.Drafts) != 1 {
				t.Errorf("%d drafts, error %v", len(received.Drafts), err)
			}
		}
	})
}

// TestTranslateLinear: the same of records of the audit log.
func TestTranslateLinear(t *testing.T) {
	t.Parallel()
	many := connectortest.Many
	connectortest.RunLinear(t, map[string]string{
		"members":         `{` + many(150_000, `"k#":#`) + `}`,
		"changes":         `{` + many(50_000, `"old_k#":0,"k#":1`) + `}`,
		"changes in data": `{"data":{` + many(50_000, `"k#_was":0,"k#":0`) + `}}`,
		"targets":         `{"user":[` + many(100_000, `"u#"`) + `],"user_id":[` + many(100_000, `#`) + `]}`,
	}, func(document []byte) {
		if draft := translate(document); draft.Type != "github.unknown" {
			t.Errorf("the type is %s", draft.Type)
		}
	})
}

// TestRepeatedNames: what many targets or changes repeat is not long, so that they take no more memory than the delivery.
func TestRepeatedNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	body := `{"alert":[` + connectortest.Many(1000, `{"number":#}`) + `],"comment":[` + connectortest.Many(1000, `{"id":#}`) + `],
		"repository":{"full_name":"` + long + `"},"changes":{"` + long + `":{` + connectortest.Many(1000, `"k#":{"from":#}`) + `}}}`
	draft := receive(t, sign(webhookSecret, long, []byte(body)))
	if len(draft.Targets) != 2001 || len(draft.Changes) != 1000 {
		t.Errorf("%d targets, %d changes", len(draft.Targets), len(draft.Changes))
	}
	size := 0
	for _, target := range draft.Targets {
		size += len(target.Key) + len(target.Name)
	}
	for _, change := range draft.Changes {
		size += len(change.Field)
	}
	if size > 5*len(long)+len(body) {
		t.Errorf("the names take %d bytes", size)
	}
}

// TestBounds: of what is longer than is kept, the first is read.
func TestBounds(t *testing.T) {
	t.Parallel()
	many, n := connectortest.Many, connector.MaxTargets+7
	body := `{"repositories":[` + many(n, `{"id":#,"full_name":"x#"}`) + `],"changes":{` + many(n, `"k#":{"from":#}`) + `,"a":{` + many(n, `"k#":{"from":#}`) + `}}}`
	draft := receive(t, sign(webhookSecret, "installation_repositories", []byte(body)))
	if len(draft.Targets) != connector.MaxTargets || draft.Targets[0].Name != "x0" || draft.Targets[connector.MaxTargets-1].VendorID != "999" {
		t.Errorf("%d targets, the first is %v", len(draft.Targets), draft.Targets[0])
	}
	if len(draft.Changes) != connector.MaxChanges || draft.Changes[connector.MaxChanges-1].Field != "k999" {
		t.Errorf("%d changes", len(draft.Changes))
	}
	record := translate([]byte(`{"user":[` + many(n, `"u#"`) + `],"org":"o","data":{` + many(n, `"old_k#":#`) + `}}`))
	if len(record.Targets) != connector.MaxTargets+1 || record.Targets[connector.MaxTargets].Type != "organization" || len(record.Changes) != connector.MaxChanges {
		t.Errorf("%d targets, %d changes", len(record.Targets), len(record.Changes))
	}
}
