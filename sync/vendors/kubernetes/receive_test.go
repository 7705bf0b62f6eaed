package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/simulator"
	"annals/sync/connector"
	"annals/sync/connector/connectortest"
)

const secret = "right"

// deliver receives a body under the right token.
func deliver(t testing.TB, k *cluster, body []byte) (connector.Received, error) {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + secret}}
	return k.Receive(connector.Delivery{Header: header, Body: body}, []string{"other", secret})
}

func TestReceiver(t *testing.T) {
	now := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	for name, faults := range map[string]*simulator.Faults{
		"no fault": nil,
		"faults": simulator.NewFaults(1, clock, map[simulator.Fault]float64{
			simulator.BadElement: 0.1, simulator.UnknownAction: 0.2, simulator.UnknownFields: 0.2, simulator.WrongTypes: 0.2, simulator.SameTimes: 0.2,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			k := simulator.NewKubernetes(simulator.Options{Seed: 1, Now: clock, Faults: faults, PerHour: 8})
			k.Generate(now.Add(-time.Hour), now)
			suite := connectortest.ReceiverSuite{
				Registration: Registration(),
				Sign: func(secret string, body []byte) connector.Delivery {
					d := k.Sign(secret, body)
					return connector.Delivery{Header: d.Header, Body: d.Body}
				},
				SignatureHeader: "Authorization",
			}
			for _, batch := range k.Batches(now.Add(-time.Hour), now) {
				keys := make([]string, len(batch.Items))
				for i, item := range batch.Items {
					keys[i] = item.Key
				}
				suite.Batches = append(suite.Batches, connectortest.Batch{Body: batch.Body, Keys: keys})
			}
			connectortest.RunReceiver(t, suite)
		})
	}
}

// TestFixtures pushes real and sanitised events in lists of 400.
func TestFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "fixtures", "kubernetes_audit", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared fixtures are not beside this checkout")
	}
	k, total := openWith(t, nil), 0
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
		for len(lines) > 0 {
			n := min(400, len(lines))
			body := fmt.Appendf(nil, `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}`, bytes.Join(lines[:n], []byte(",")))
			received, err := deliver(t, k, body)
			if err != nil || len(received.Drafts) != n {
				t.Fatalf("%s: %d drafts of %d events, %v", path, len(received.Drafts), n, err)
			}
			for i, draft := range received.Drafts {
				checkFixture(t, lines[i], draft)
			}
			total += n
			lines = lines[n:]
		}
	}
	if total != 1631 {
		t.Errorf("%d drafts in all, want 1631", total)
	}
}

func checkFixture(t *testing.T, line []byte, d audit.Draft) {
	t.Helper()
	event := gjson.ParseBytes(line)
	switch {
	case !bytes.Equal(d.Raw, bytes.TrimSpace(line)):
		t.Errorf("raw is %s, want %s", d.Raw, line)
	case event.Get("auditID").Exists() && d.Key != event.Get("auditID").String()+"/"+event.Get("stage").String():
		t.Errorf("key is %s of %s", d.Key, line)
	case event.Get("verb").Exists() && !strings.HasSuffix(d.Type, "."+event.Get("verb").String()):
		t.Errorf("type is %s of %s", d.Type, line)
	case event.Get("user.username").Exists() && (d.Actor == nil || string(d.Actor.VendorID) != event.Get("user.username").String()):
		t.Errorf("actor is %v of %s", d.Actor, line)
	case event.Get("responseStatus.code").Int() == 403 && d.Outcome != audit.OutcomeDenied:
		t.Errorf("outcome is %s of %s", d.Outcome, line)
	case event.Get("verb").Exists() && event.Get("objectRef.resource").Exists() && d.Category == audit.CategoryOther:
		t.Logf("category is %s of %s", d.Category, event.Get("objectRef.resource"))
	case d.Key == "" || d.Content == [32]byte{} || d.Description == "":
		t.Errorf("incomplete: %+v", d)
	}
}

func TestReceiveShapes(t *testing.T) {
	t.Parallel()
	event := `{"kind":"Event","apiVersion":"audit.k8s.io/v1beta1","auditID":"a","stage":"Panic","verb":"get"}`
	k := openWith(t, nil)
	for body, want := range map[string]int{
		`{"kind":"EventList","apiVersion":"audit.k8s.io/v1beta1","items":[` + event + `, ` + event + `]}`: 2,
		`{"kind":"EventList","items":[` + event + `,null,7,"x",[]]}`:                                      5,
		`{"kind":"EventList","items":[]}`:                                                                 0,
		`{"kind":"EventList","items":null}`:                                                               0,
		" " + event + "\n":                                                                                1,
		`{"auditID":"a"}`:                                                                                 1,
	} {
		received, err := deliver(t, k, []byte(body))
		if err != nil || len(received.Drafts) != want || received.Feed != feed {
			t.Errorf("%s: %d drafts, want %d, error %v", body, len(received.Drafts), want, err)
		}
	}
	for _, body := range []string{``, `null`, `[]`, `{}`, `{"items":"x"}`, `{"kind":"EventList"`, `{"kind":"EventList","items":[]}{}`, event + "x", `<html>`} {
		received, err := deliver(t, k, []byte(body))
		if connector.ClassOf(err) != connector.Malformed || len(received.Drafts) > 0 {
			if body != `{"kind":"EventList"` || err == nil {
				t.Errorf("%s: %d drafts, error %v", body, len(received.Drafts), err)
			}
		}
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	body := `{"items":[{"auditID":"1","stage":"RequestReceived"},{"auditID":"2","stage":"ResponseComplete"},{"auditID":"3"},{"auditID":"4","stage":"New"}]}`
	tests := map[string][]string{
		"1/RequestReceived 2/ResponseComplete 3/ 4/New": nil,
		"2/ResponseComplete 3/ 4/New":                   {"ResponseComplete", "Panic"},
	}
	for want, stages := range tests {
		received, err := deliver(t, openWith(t, stages), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, draft := range received.Drafts {
			keys = append(keys, draft.Key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("stages %v record %s, want %s", stages, got, want)
		}
	}
}

// TestNoStages: a choice that would lose every activity is refused.
func TestNoStages(t *testing.T) {
	t.Parallel()
	r := Registration()
	for _, stages := range []string{`[]`, `null`, `["Elsewhere"]`} {
		values := map[string]json.RawMessage{"stages": json.RawMessage(stages)}
		_, err := r.Open(connector.Config{Settings: connector.NewSettings(r.Connector.Settings, values)})
		if err == nil || connector.ClassOf(err) != connector.ConfigurationWrong {
			t.Errorf("stages %s: error %v", stages, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	events, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(events) {
		f.Add(line)
	}
	f.Add([]byte(`{"items":[{"auditID":1},null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		received, err := deliver(t, openWith(t, nil), body)
		if err != nil && connector.ClassOf(err) != connector.Malformed {
			t.Fatal(err)
		}
		for _, draft := range received.Drafts {
			if !bytes.Contains(body, draft.Raw) || draft.Key == "" || len(draft.Metadata) > 0 && !gjson.ValidBytes(draft.Metadata) {
				t.Fatalf("%q became %+v", body, draft)
			}
		}
	})
}
