package github

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is a draft as the golden files have it: without its bytes, which are the input.
type golden struct {
	Type          string
	Action        audit.Action
	Category      audit.Category
	Outcome       audit.Outcome
	OutcomeReason audit.Text      `json:",omitempty"`
	Description   audit.Text      `json:",omitempty"`
	Actor         *audit.Actor    `json:",omitempty"`
	OnBehalfOf    *audit.Actor    `json:",omitempty"`
	Targets       []audit.Target  `json:",omitempty"`
	IP            string          `json:",omitempty"`
	UserAgent     audit.Text      `json:",omitempty"`
	Location      *audit.Location `json:",omitempty"`
	SessionID     audit.Text      `json:",omitempty"`
	RequestID     audit.Text      `json:",omitempty"`
	OccurredAt    time.Time       `json:",omitzero"`
	VendorID      audit.Text      `json:",omitempty"`
	Changes       []audit.Change  `json:",omitempty"`
	Metadata      json.RawMessage `json:",omitempty"`
	Key           string
}

func goldenOf(d audit.Draft) golden {
	g := golden{
		Type: d.Type, Action: d.Action, Category: d.Category, Outcome: d.Outcome, OutcomeReason: d.OutcomeReason,
		Description: d.Description, Actor: d.Actor, OnBehalfOf: d.OnBehalfOf, Targets: d.Targets,
		UserAgent: d.Origin.UserAgent, Location: d.Origin.Location, SessionID: d.SessionID, RequestID: d.RequestID,
		OccurredAt: d.OccurredAt, VendorID: d.VendorID, Changes: d.Changes, Metadata: json.RawMessage(d.Metadata), Key: d.Key,
	}
	if d.Origin.IP.IsValid() {
		g.IP = d.Origin.IP.String()
	}
	return g
}

func compareGolden(t *testing.T, name string, drafts []audit.Draft) {
	t.Helper()
	var list []golden
	for _, draft := range drafts {
		list = append(list, goldenOf(draft))
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatalf("writing drafts: %v", err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the drafts differ from %s; run with -update and look at the difference:\n%s", path, got)
	}
}

func TestTranslateGolden(t *testing.T) {
	page, err := os.ReadFile("testdata/audit_log.json")
	if err != nil {
		t.Fatal(err)
	}
	records, err := connector.Objects(page)
	if err != nil {
		t.Fatal(err)
	}
	var drafts []audit.Draft
	for _, raw := range records {
		draft := translate(raw)
		if !bytes.Equal(draft.Raw, raw) {
			t.Errorf("raw of %s is changed to %s", raw, draft.Raw)
		}
		drafts = append(drafts, draft)
	}
	compareGolden(t, "audit_log.golden.json", drafts)
}

// TestTranslateShapeB reads records whose times another program rewrote: no activity may be lost for it.
func TestTranslateShapeB(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../../shared/fixtures/github_audit/panther_events.jsonl")
	if err != nil {
		t.Skip("the fixtures are not here: ", err)
	}
	defer file.Close()
	count := 0
	for draft, err := range new(account).ReadFile(t.Context(), file) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		checkDraft(t, draft)
		if draft.Actor == nil || draft.Actor.Type != audit.ActorUser || len(draft.Targets) == 0 {
			t.Errorf("%s has actor %v and targets %v", draft.Raw, draft.Actor, draft.Targets)
		}
		if draft.Action == audit.ActionOther || draft.Category == audit.CategoryOther || draft.Outcome == audit.OutcomeUnknown {
			t.Errorf("%s: %s %s %s", draft.Type, draft.Action, draft.Category, draft.Outcome)
		}
	}
	if count != 44 {
		t.Errorf("%d drafts instead of 44", count)
	}
}

// checkDraft holds what every draft must.
func checkDraft(t *testing.T, d audit.Draft) {
	t.Helper()
	if d.Key == "" || len(d.Raw) == 0 || d.Content == [32]byte{} || len(d.Type) <= len(typePrefix) || d.Description == "" {
		t.Errorf("draft %+v lacks key, raw, content, type or description", d)
	}
	if !d.Action.Valid() || !d.Category.Valid() || !d.Outcome.Valid() {
		t.Errorf("draft of %s: action %q, category %q, outcome %q", d.Type, d.Action, d.Category, d.Outcome)
	}
	if d.Actor != nil && (d.Actor.Key == "" || !d.Actor.Type.Valid()) {
		t.Errorf("draft of %s: actor %+v", d.Type, d.Actor)
	}
	var object map[string]json.RawMessage
	if len(d.Metadata) > 0 && json.Unmarshal(d.Metadata, &object) != nil {
		t.Errorf("draft of %s: metadata %s is no object", d.Type, d.Metadata)
	}
	for _, target := range d.Targets {
		if target.Type == "" || target.Name == "" && target.VendorID == "" {
			t.Errorf("draft of %s: target %+v", d.Type, target)
		}
	}
}

// TestTranslateIgnoresLayout: a stream's copy of a record is a repeat of the API's.
func TestTranslateIgnoresLayout(t *testing.T) {
	t.Parallel()
	one := translate([]byte(`{"action":"repo.create","n":1.50,"actor":"a"}`))
	two := translate([]byte("{ \"actor\" : \"a\",\n \"n\":1.50, \"action\":\"repo.create\"}"))
	if one.Key != two.Key || one.Content != two.Content {
		t.Errorf("keys %s and %s", one.Key, two.Key)
	}
	other := translate([]byte(`{"action":"repo.create","n":1.5,"actor":"a"}`))
	if other.Key == one.Key {
		t.Error("records that say different things have one key")
	}
}

func TestMetadataHidesSecrets(t *testing.T) {
	t.Parallel()
	draft := translate([]byte(`{"action":"hook.create","config":{"Secret":"s3cret","url":"https://example.com"},` +
		`"token":"t0ken","hashed_token":"abc=","list":[{"password":"p4ss"}]}`))
	want := `{"config":{"Secret":"[hidden]","url":"https://example.com"},"token":"[hidden]","hashed_token":"abc=",` +
		`"list":[{"password":"[hidden]"}]}`
	if string(draft.Metadata) != want {
		t.Errorf("metadata is %s", draft.Metadata)
	}
}

func FuzzTranslate(f *testing.F) {
	page, err := os.ReadFile("testdata/audit_log.json")
	if err != nil {
		f.Fatal(err)
	}
	records, err := connector.Objects(page)
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range records {
		f.Add([]byte(raw))
	}
	f.Add([]byte(`{"action":".","name":"n","old_":1,"_was":2,"org":[[]],"reasons":{"a":1},"data":{"old_a":{"b":{}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 0 {
			checkDraft(t, translate(raw))
		}
	})
}
