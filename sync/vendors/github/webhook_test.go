package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const webhookSecret = "a-secret"

// delivered is shortly after what the payloads of testdata say.
var delivered = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// TestSignatureVector is the pair of body and signature that GitHub documents.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	delivery := connector.Delivery{
		Header: http.Header{signatureHeader: {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}},
		Body:   []byte("Hello, World!"),
	}
	if !signed(delivery, []string{"It's a Secret to Everybody"}) {
		t.Error("GitHub's own signature is refused")
	}
	if signed(delivery, []string{"it's a secret to everybody"}) {
		t.Error("another secret is accepted")
	}
}

func TestReceiveRefusesForgeries(t *testing.T) {
	t.Parallel()
	body := []byte(`{"action":"created","sender":{"login":"engineer-02","id":1002}}`)
	good := string(signature(body, webhookSecret))
	tests := map[string]struct {
		signatures []string
		secrets    []string
	}{
		"none":                {nil, []string{webhookSecret}},
		"empty":               {[]string{""}, []string{webhookSecret}},
		"no prefix":           {[]string{good}, []string{webhookSecret}},
		"prefix alone":        {[]string{"sha256="}, []string{webhookSecret}},
		"upper-case hex":      {[]string{"sha256=" + strings.ToUpper(good)}, []string{webhookSecret}},
		"upper-case prefix":   {[]string{"SHA256=" + good}, []string{webhookSecret}},
		"twice":               {[]string{"sha256=" + good, "sha256=" + good}, []string{webhookSecret}},
		"list":                {[]string{"sha256=" + good + ",sha256=" + good}, []string{webhookSecret}},
		"space":               {[]string{" sha256=" + good}, []string{webhookSecret}},
		"longer":              {[]string{"sha256=" + good + "00"}, []string{webhookSecret}},
		"other secret":        {[]string{"sha256=" + string(signature(body, "other"))}, []string{webhookSecret}},
		"other body":          {[]string{"sha256=" + string(signature([]byte("{}"), webhookSecret))}, []string{webhookSecret}},
		"no secret in force":  {[]string{"sha256=" + good}, nil},
		"empty secret":        {[]string{"sha256=" + string(signature(body, ""))}, []string{""}},
		"one mebibyte of hex": {[]string{"sha256=" + strings.Repeat("a", 1<<20)}, []string{webhookSecret}},
	}
	for name, test := range tests {
		delivery := sign(webhookSecret, "repository", body)
		delivery.Header[signatureHeader] = test.signatures
		// SHA-1, which GitHub still sends beside it, proves nothing.
		delivery.Header.Set("X-Hub-Signature", "sha1=0000000000000000000000000000000000000000")
		received, err := new(account).Receive(delivery, test.secrets)
		if !errors.Is(err, connector.ErrSignature) || len(received.Drafts) > 0 {
			t.Errorf("%s: error %v, %d drafts", name, err, len(received.Drafts))
		}
	}
	if _, err := new(account).Receive(sign(webhookSecret, "repository", body), []string{"new", webhookSecret}); err != nil {
		t.Errorf("the older of two secrets: %v", err)
	}
}

// receive takes a delivery that must hold one activity.
func receive(t *testing.T, delivery connector.Delivery) audit.Draft {
	t.Helper()
	received, err := new(account).Receive(delivery, []string{webhookSecret})
	if err != nil {
		t.Fatal(err)
	}
	if len(received.Drafts) != 1 || received.Feed != feedWebhook || !received.Poke {
		t.Fatalf("received %+v", received)
	}
	return received.Drafts[0]
}

func TestReceiveGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var drafts []audit.Draft
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), ".")
		delivery := sign(webhookSecret, event, body)
		delivery.Header.Set(deliveryHeader, "guid-of-"+filepath.Base(name))
		drafts = append(drafts, receive(t, delivery))
	}
	compareGolden(t, "webhooks.golden.json", drafts)
}

// TestReceiveRealBodies takes what GitHub really sends: one activity each, and the same again when redelivered.
func TestReceiveRealBodies(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../../../shared/fixtures/github_webhooks/*/*.json")
	if len(files) == 0 {
		t.Skip("the fixtures are not here")
	}
	keys := map[string]bool{}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		event := filepath.Base(filepath.Dir(name))
		delivery := sign(webhookSecret, event, body)
		draft := receive(t, delivery)
		checkDraft(t, draft)
		keys[draft.Key] = true
		if again := receive(t, delivery); again.Key != draft.Key || again.Content != draft.Content {
			t.Errorf("%s: a redelivery is another activity", name)
		}
		if problem := realProblem(event, body, draft); problem != "" {
			t.Errorf("%s: %s: %+v", name, problem, goldenOf(draft))
		}
	}
	if len(keys) != len(files) {
		t.Errorf("%d keys of %d files", len(keys), len(files))
	}
}

func realProblem(event string, body []byte, draft audit.Draft) string {
	var payload struct {
		Action     string
		Sender     struct{ Login string }
		Repository struct {
			Name string `json:"full_name"`
		}
	}
	if err := json.Unmarshal(body, &payload); err != nil {
		return err.Error()
	}
	want := typePrefix + event
	if payload.Action != "" {
		want += "." + payload.Action
	}
	isRepository := func(target audit.Target) bool {
		return target.Type == "repository" && string(target.Name) == payload.Repository.Name
	}
	switch {
	case draft.Type != want:
		return "its type is not " + want
	case payload.Sender.Login != "" && (draft.Actor == nil || string(draft.Actor.Name) != payload.Sender.Login):
		return "its actor is not the sender"
	case payload.Repository.Name != "" && !slices.ContainsFunc(draft.Targets, isRepository):
		return "the repository is no target"
	case len(draft.Targets) == 0:
		return "it has no target"
	case draft.Category == audit.CategoryOther:
		return "its category is unknown"
	case !draft.OccurredAt.Equal(delivered):
		return "it did not happen at the time of its delivery, years after its payload" // real bodies are old
	case !bytes.Equal(draft.Raw, body):
		return "its raw bytes are not the body"
	}
	return ""
}

// TestHappened: the time is the payload's where that can be, else the delivery's.
func TestHappened(t *testing.T) {
	t.Parallel()
	minute := delivered.Add(-time.Minute)
	for body, want := range map[string]time.Time{
		// By event, the first word.
		`issues {"action":"closed","issue":{"created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-02T07:59:00Z"}}`:         minute,
		`issues {"action":"opened","issue":{"created_at":"2026-03-02T07:59:00Z","updated_at":"2026-03-02T08:00:00Z"}}`:         minute,
		`issues {"action":"deleted","issue":{"created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-01T08:00:00Z"}}`:        delivered,
		`issues {"action":"pinned","issue":{"updated_at":"2019-05-15T15:20:18Z"}}`:                                             delivered,
		`issues {"action":"closed","issue":{"updated_at":"2036-03-02T08:00:00Z"}}`:                                             delivered,
		`issues {"action":"closed","issue":{"updated_at":{"at":1}}}`:                                                           delivered,
		`push {"repository":{"pushed_at":1772438340}}`:                                                                         minute,
		`pull_request_review {"action":"submitted","review":{"submitted_at":"2026-03-02T07:59:00Z"}}`:                          minute,
		`release {"action":"published","release":{"created_at":"2026-03-01T08:00:00Z","published_at":"2026-03-02T07:59:00Z"}}`: minute,
		`member {"action":"added","member":{"login":"engineer-02"}}`:                                                           delivered,
		`status {"state":"success","created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-02T07:59:00Z"}`:                   minute,
		`repository {"action":"publicized","repository":{"updated_at":"2026-03-02T07:59:00Z"}}`:                                minute,
	} {
		event, payload, _ := strings.Cut(body, " ")
		if got := receive(t, sign(webhookSecret, event, []byte(payload))).OccurredAt; !got.Equal(want) {
			t.Errorf("%s happened at %v instead of %v", body, got, want)
		}
	}
}

// form is a delivery whose webhook's content type is form. GitHub signs the form; the GUID is that of the JSON's delivery.
func form(event string, payload []byte, media string) connector.Delivery {
	body := []byte(url.Values{"payload": {string(payload)}}.Encode())
	delivery := sign(webhookSecret, event, body)
	delivery.Header.Set(deliveryHeader, guidOf(payload))
	delivery.Header.Set("Content-Type", media)
	return delivery
}

// TestReceiveForm: a form is the same activity as its payload in JSON, with other raw bytes.
func TestReceiveForm(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"action":"created","repository":{"id":42,"full_name":"example-org/payments","description":"50% off; a+b & c"}}`)
	want := receive(t, sign(webhookSecret, "repository", payload))
	if want.Type != "github.repository.created" || len(want.Targets) != 1 {
		t.Fatalf("the draft is %+v", goldenOf(want))
	}
	for _, media := range []string{formMedia, "Application/X-WWW-Form-Urlencoded; charset=utf-8", "application/json", "text/plain", ""} {
		delivery := form("repository", payload, media)
		got := receive(t, delivery)
		if !bytes.Equal(got.Raw, delivery.Body) {
			t.Errorf("%q: raw is %s", media, got.Raw)
		}
		if got.Raw = want.Raw; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: the draft is %+v", media, goldenOf(got))
		}
	}
	json := sign(webhookSecret, "repository", payload)
	json.Header.Set("Content-Type", formMedia)
	if got := receive(t, json); !reflect.DeepEqual(got, want) {
		t.Errorf("JSON that is called a form: %+v", goldenOf(got))
	}
}

// TestReceiveFormsOfRealBodies: the same of what GitHub really sends.
func TestReceiveFormsOfRealBodies(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../../../shared/fixtures/github_webhooks/*/*.json")
	if len(files) == 0 {
		t.Skip("the fixtures are not here")
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		event := filepath.Base(filepath.Dir(name))
		want, got := receive(t, sign(webhookSecret, event, body)), receive(t, form(event, body, formMedia))
		if got.Raw = want.Raw; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", name, goldenOf(got))
		}
	}
}

// TestReceiveFormWithoutPayload: there is nothing to record.
func TestReceiveFormWithoutPayload(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"payload=", "payload=&payload=%7B%7D", "other=%7B%7D", "x"} {
		delivery := sign(webhookSecret, "push", []byte(body))
		delivery.Header.Set("Content-Type", formMedia)
		received, err := new(account).Receive(delivery, []string{webhookSecret})
		if connector.ClassOf(err) != connector.Malformed || err == nil || len(received.Drafts) > 0 {
			t.Errorf("%s: %d drafts, error %v", body, len(received.Drafts), err)
		}
	}
	delivery := sign(webhookSecret, "push", []byte("payload=%zz"))
	delivery.Header.Set("Content-Type", formMedia)
	if draft := receive(t, delivery); draft.Type != "github.unreadable" {
		t.Errorf("a torn form is %s", draft.Type)
	}
}

// TestReceivePushes: a push that makes or removes a branch or tag is told as that.
func TestReceivePushes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"ref":"refs/tags/v1","created":false,"deleted":true,"pusher":{"name":"a"},"repository":{"full_name":"b/c"}}`:  "DELETE a performed a push that deleted tag v1 on repository b/c.",
		`{"ref":"refs/heads/x","created":true,"deleted":false,"pusher":{"name":"a"},"repository":{"full_name":"b/c"}}`:  "CREATE a performed a push that created branch x on repository b/c.",
		`{"ref":"refs/heads/x","created":false,"deleted":false,"pusher":{"name":"a"},"repository":{"full_name":"b/c"}}`: "UPDATE a performed push on branch x, repository b/c.",
		`{"ref":"refs/heads/x","deleted":true}`:                                   "DELETE GitHub recorded a push that deleted branch x.",
		`{"ref":"refs/heads/x","deleted":"true","created":1}`:                     "UPDATE GitHub recorded push on branch x.",
		`{"deleted":true,"pusher":{"name":"a"},"repository":{"full_name":"b/c"}}`: "UPDATE a performed push on repository b/c.",
	} {
		draft := receive(t, sign(webhookSecret, "push", []byte(body)))
		if got := string(draft.Action) + " " + string(draft.Description); got != want {
			t.Errorf("%s is told as %q, want %q", body, got, want)
		}
		if draft.Type != "github.push" {
			t.Errorf("%s is %s", body, draft.Type)
		}
	}
	if draft := receive(t, sign(webhookSecret, "issues", []byte(`{"action":"edited","ref":"x","deleted":true}`))); draft.Action != audit.ActionUpdate {
		t.Errorf("another event is %s", draft.Action)
	}
}

// TestReceiveOddDeliveries: what a genuine sender says is recorded, whatever it is.
func TestReceiveOddDeliveries(t *testing.T) {
	t.Parallel()
	for body, kind := range map[string]string{
		`not JSON`:          "github.unreadable",
		`[1,2]`:             "github.unreadable",
		`{"action":"x"} {}`: "github.unreadable",
		`{}`:                "github.unknown",
		`{"action":7}`:      "github.unknown.7",
		`{"sender":[],"repository":"x","changes":[{"from":1}],"alert":null}`: "github.unknown",
	} {
		delivery := sign(webhookSecret, "", []byte(body))
		delivery.Header.Del(eventHeader)
		draft := receive(t, delivery)
		checkDraft(t, draft)
		if draft.Type != kind || draft.Key != "delivery:"+guidOf([]byte(body)) {
			t.Errorf("%s is %s with key %s", body, draft.Type, draft.Key)
		}
	}
}

func TestReceiveWithoutGUID(t *testing.T) {
	t.Parallel()
	delivery := sign(webhookSecret, "push", []byte(`{"ref":"refs/heads/main"}`))
	delivery.Header.Del(deliveryHeader)
	draft := receive(t, delivery)
	if draft.Key != connector.DigestKey(draft.Content) || draft.VendorID != "" {
		t.Errorf("key %s, vendor id %s", draft.Key, draft.VendorID)
	}
}

func TestReceiveEmpty(t *testing.T) {
	t.Parallel()
	_, err := new(account).Receive(sign(webhookSecret, "push", nil), []string{webhookSecret})
	if connector.ClassOf(err) != connector.Malformed || errors.Is(err, connector.ErrSignature) {
		t.Errorf("an empty body is answered with %v", err)
	}
}

func FuzzDelivery(f *testing.F) {
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		event, _, _ := strings.Cut(filepath.Base(name), ".")
		f.Add(event, body)
	}
	f.Add("push", []byte("payload=%7B%22ref%22%3A7%7D"))
	f.Add("push", []byte(`{"ref":{},"changes":{"a":{"from":{"b":{"c":{}}}},"d":{"e":{"to":[]}}}}`))
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		received, err := new(account).Receive(sign(webhookSecret, event, body), []string{webhookSecret})
		if err != nil && connector.ClassOf(err) != connector.Malformed {
			t.Fatal(err)
		}
		for _, draft := range received.Drafts {
			checkDraft(t, draft)
		}
	})
}

func ExampleRegistration() {
	c := Registration().Connector
	fmt.Println(c.Name, c.CanPoll, c.CanPush, c.CanImport)
	// Output: github true true true
}
