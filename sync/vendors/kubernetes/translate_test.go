package kubernetes

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"annals/audit"
	"annals/sync/connector"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is a draft without its bytes, which are the input.
type golden struct {
	audit.Draft
	Raw     *struct{} `json:",omitempty"`
	Content *struct{} `json:",omitempty"`
}

func compareGolden(t *testing.T, path string, drafts []audit.Draft) {
	t.Helper()
	list := make([]golden, len(drafts))
	for i, draft := range drafts {
		list[i] = golden{Draft: draft}
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
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
		t.Errorf("the drafts differ from %s: run with -update and look at the difference", path)
	}
}

// openWith opens the connector with stages, nil for the default.
func openWith(t testing.TB, stages []string) *cluster {
	t.Helper()
	values := map[string]json.RawMessage{}
	if stages != nil {
		text, err := json.Marshal(stages)
		if err != nil {
			t.Fatal(err)
		}
		values["stages"] = text
	}
	r := Registration()
	opened, err := r.Open(connector.Config{Settings: connector.NewSettings(r.Connector.Settings, values)})
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*cluster)
}

func readFile(t testing.TB, path string) []audit.Draft {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var drafts []audit.Draft
	for draft, err := range openWith(t, nil).ReadFile(t.Context(), file) {
		if err != nil {
			t.Fatal(err)
		}
		drafts = append(drafts, draft)
	}
	return drafts
}

func TestGolden(t *testing.T) {
	t.Parallel()
	drafts := readFile(t, "testdata/events.jsonl")
	compareGolden(t, "testdata/events.golden.json", drafts)
	for _, draft := range drafts {
		for _, secret := range []string{"c2VjcmV0", "eyJhbGciOi"} {
			if bytes.Contains(draft.Metadata, []byte(secret)) {
				t.Errorf("%s: the metadata shows a secret: %s", draft.Type, draft.Metadata)
			}
		}
	}
}

func TestMetadataLeavesOutLargeObjects(t *testing.T) {
	t.Parallel()
	raw := `{"verb":"list","objectRef":{"resource":"pods"},"responseObject":{"items":"` + strings.Repeat("x", maxObject) + `"}}`
	draft, _ := translate([]byte(raw))
	if len(draft.Metadata) > 1000 || string(draft.Raw) != raw {
		t.Errorf("metadata of %d bytes, raw of %d", len(draft.Metadata), len(draft.Raw))
	}
}

func TestMetadataLeavesOutSecretsOfOddEvents(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Secret", "SecretList", "TokenRequest", "TokenReview"} {
		draft, _ := translate([]byte(`{"verb":"get","objectRef":7,"responseObject":{"kind":"` + kind + `","data":"c2VjcmV0"}}`))
		if bytes.Contains(draft.Metadata, []byte("c2VjcmV0")) {
			t.Errorf("%s shows in %s", kind, draft.Metadata)
		}
	}
}

func TestTranslateKeepsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, `{`, `{"verb":"get"`, `NaN`} {
		draft, stage := translate([]byte(raw))
		if draft.Type != Name+".unreadable" || string(draft.Raw) != raw || draft.Key == "" || stage != "" {
			t.Errorf("%q became %+v", raw, draft)
		}
	}
	for _, raw := range []string{`null`, `[]`, `"text"`, `1`, `{}`} {
		draft, _ := translate([]byte(raw))
		if draft.Type != Name+".unknown" || string(draft.Raw) != raw || draft.Key == "" {
			t.Errorf("%q became %+v", raw, draft)
		}
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	tests := map[string]audit.Action{
		"get pods": audit.ActionRead, "list secrets": audit.ActionRead, "watch pods": audit.ActionRead,
		"create pods": audit.ActionCreate, "create pods/exec": audit.ActionExecute, "get pods/exec": audit.ActionExecute,
		"create pods/portforward": audit.ActionExecute, "create pods/eviction": audit.ActionDelete,
		"create pods/binding": audit.ActionUpdate, "patch deployments": audit.ActionUpdate, "update nodes/status": audit.ActionUpdate,
		"delete pods": audit.ActionDelete, "deletecollection pods": audit.ActionDelete, "create tokenreviews": audit.ActionRead,
		"create selfsubjectaccessreviews": audit.ActionRead, "create rolebindings": audit.ActionGrant,
		"delete clusterrolebindings": audit.ActionRevoke, "update rolebindings": audit.ActionUpdate,
		"update certificatesigningrequests/approval": audit.ActionApprove, "engage pods": audit.ActionOther,
	}
	for request, want := range tests {
		verb, about, _ := strings.Cut(request, " ")
		resource, subresource, _ := strings.Cut(about, "/")
		raw, err := json.Marshal(map[string]any{"verb": verb, "objectRef": map[string]any{"resource": resource, "subresource": subresource}})
		if err != nil {
			t.Fatal(err)
		}
		draft, _ := translate(raw)
		if draft.Action != want || draft.Type != Name+"."+about+"."+verb {
			t.Errorf("%s is %s of type %s, want %s", request, draft.Action, draft.Type, want)
		}
	}
}
