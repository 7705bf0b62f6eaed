package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var kubernetesNow = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func newTestKubernetes(faults *Faults) *Kubernetes {
	k := NewKubernetes(Options{Seed: 7, Now: func() time.Time { return kubernetesNow }, Faults: faults, PerHour: 600})
	k.Generate(kubernetesNow.Add(-time.Hour), kubernetesNow)
	k.Backoff = time.Millisecond
	return k
}

// receiver takes batches and answers with statuses one after the other, at last with 200.
type receiver struct {
	statuses []int
	keys     []string // of what was taken
	tokens   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.tokens = append(r.tokens, request.Header.Get("Authorization"))
	if request.Header.Get("Authorization") != "Bearer right" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if len(r.statuses) > 0 {
		w.WriteHeader(r.statuses[0])
		r.statuses = r.statuses[1:]
		return
	}
	body, err := io.ReadAll(request.Body)
	var list struct {
		Kind  string
		Items []json.RawMessage
	}
	if err != nil || json.Unmarshal(body, &list) != nil || list.Kind != "EventList" || len(list.Items) > kubernetesBatch {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, item := range list.Items {
		var event kubernetesEvent
		if json.Unmarshal(item, &event) == nil {
			r.keys = append(r.keys, event.key())
		}
	}
}

func push(t *testing.T, k *Kubernetes, r *receiver, token string) error {
	t.Helper()
	server := httptest.NewServer(r)
	defer server.Close()
	return k.Push(t.Context(), server.Client(), server.URL, token, kubernetesNow.Add(-time.Hour), kubernetesNow)
}

func TestKubernetesPush(t *testing.T) {
	t.Parallel()
	k := newTestKubernetes(nil)
	var want []string
	for _, item := range k.Items("audit") {
		want = append(want, item.Key)
	}
	r := &receiver{statuses: []int{500, 429}}
	if err := push(t, k, r, "right"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.keys, want) || len(want) < 400 {
		t.Errorf("%d events were taken, want %d", len(r.keys), len(want))
	}
}

func TestKubernetesGivesUp(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	if err := push(t, newTestKubernetes(nil), r, "wrong"); err == nil || len(r.tokens) != kubernetesAttempts {
		t.Errorf("%d attempts with a wrong token, error %v", len(r.tokens), err)
	}
}

func TestKubernetesForges(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, func() time.Time { return kubernetesNow }, nil)
	faults.Script(WrongSignature, 1)
	faults.Script(Replay, 1)
	r := &receiver{}
	k := newTestKubernetes(faults)
	if err := push(t, k, r, "right"); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(r.tokens, "Bearer forged") || len(r.keys) <= len(k.Items("")) {
		t.Errorf("tokens %q, %d events", r.tokens, len(r.keys))
	}
}

func TestKubernetesIsTheSameForASeed(t *testing.T) {
	t.Parallel()
	from, to := kubernetesNow.Add(-time.Hour), kubernetesNow
	a, b := newTestKubernetes(nil).LogFile(from, to), newTestKubernetes(nil).LogFile(from, to)
	if string(a) != string(b) {
		t.Error("two clusters of one seed lead different lives")
	}
	for _, want := range []string{`"stage":"ResponseStarted"`, `"code":403`, `"impersonatedUser"`, `"subresource":"exec"`, `"roleRef"`, `"/healthz"`} {
		if !strings.Contains(string(a), want) {
			t.Errorf("%s never happens", want)
		}
	}
}
