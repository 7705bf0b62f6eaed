package simulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Kubernetes imitates the webhook backend of a cluster's API server: it pushes lists of audit events and has nothing
// to be fetched. Its feed is `audit`.
type Kubernetes struct {
	// Backoff is the wait behind the first failed delivery of a batch, which grows by half with each; 0: 10 s.
	Backoff time.Duration

	options Options
	store   *Store

	mu   sync.Mutex
	life *kubernetesLife
}

// The API server's defaults: --audit-webhook-batch-max-size, and the attempts until a batch is dropped.
const (
	kubernetesBatch    = 400
	kubernetesAttempts = 5
	kubernetesBackoff  = 10 * time.Second
)

// NewKubernetes makes a cluster without a past.
func NewKubernetes(o Options) *Kubernetes {
	return &Kubernetes{options: o, store: NewStore(o), life: newKubernetesLife(o)}
}

// Items lists all events, oldest first, and what stands among them under BadElement.
func (k *Kubernetes) Items(_ string) []Item { return k.store.Items() }

// Generate lets the cluster live through a half-open time.
func (k *Kubernetes) Generate(from, to time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var items []Item
	for _, at := range k.life.pace.Moments(from, to, time.Microsecond) {
		for _, event := range k.life.next(at) {
			items = append(items, Item{Key: event.key(), At: at.UTC(), Visible: at.UTC(), Body: event.body(k.options.Faults)})
		}
		if k.options.Faults.Hits(BadElement) {
			items = append(items, kubernetesBad(k.life.serial(), at))
		}
	}
	k.store.Add(items...)
}

// kubernetesBad is an element of a list that is no event.
func kubernetesBad(serial int, at time.Time) Item {
	body := fmt.Appendf(nil, `["broken",%d]`, serial)
	return Item{Key: fmt.Sprintf("sha256:%x", sha256.Sum256(body)), At: at.UTC(), Visible: at.UTC(), Body: body}
}

// KubernetesBatch is one list of events with what it holds.
type KubernetesBatch struct {
	Body  []byte
	Items []Item
}

// Batches are the lists that the API server makes of what happened in a half-open time.
func (k *Kubernetes) Batches(from, to time.Time) []KubernetesBatch {
	var happened []Item
	for _, item := range k.store.Items() {
		if !item.At.Before(from) && item.At.Before(to) {
			happened = append(happened, item)
		}
	}
	var batches []KubernetesBatch
	for items := range slices.Chunk(happened, kubernetesBatch) {
		events := make([][]byte, len(items))
		for i, item := range items {
			events[i] = item.Body
		}
		body := slices.Concat([]byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`),
			bytes.Join(events, []byte(",")), []byte("]}\n"))
		batches = append(batches, KubernetesBatch{Body: body, Items: items})
	}
	return batches
}

// Sign makes the delivery of a body: a bearer token is all that proves the sender.
func (k *Kubernetes) Sign(token string, body []byte) Delivery {
	return Delivery{
		Header: http.Header{
			"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token},
			"User-Agent": {"kube-apiserver-admission"},
		},
		Body: body,
	}
}

// Push sends what happened in a half-open time to an address. A batch that is not taken is sent again up to four times,
// with waits between, and its last error is given.
func (k *Kubernetes) Push(ctx context.Context, client *http.Client, url, token string, from, to time.Time) error {
	for _, batch := range k.Batches(from, to) {
		if err := k.push(ctx, client, url, k.Sign(token, batch.Body)); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubernetes) push(ctx context.Context, client *http.Client, url string, d Delivery) error {
	wait := cmp.Or(k.Backoff, kubernetesBackoff)
	for attempt := 1; ; attempt++ {
		err := k.options.Faults.Send(ctx, client, url, []Delivery{d}, k.forge)
		if err == nil || attempt == kubernetesAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait += wait / 2
		}
	}
}

// forge is the delivery of somebody without the token.
func (k *Kubernetes) forge(d Delivery) Delivery { return k.Sign("forged", d.Body) }

// LogFile is the file of the log backend with the same events, one a line.
func (k *Kubernetes) LogFile(from, to time.Time) []byte {
	var file []byte
	for _, batch := range k.Batches(from, to) {
		for _, item := range batch.Items {
			file = append(append(file, item.Body...), '\n')
		}
	}
	return file
}

// kubernetesEvent is an event of audit.k8s.io/v1 with its members in Kubernetes' order.
type kubernetesEvent struct {
	Kind                     string            `json:"kind"`
	APIVersion               string            `json:"apiVersion"`
	Level                    string            `json:"level"`
	AuditID                  string            `json:"auditID"`
	Stage                    string            `json:"stage"`
	RequestURI               string            `json:"requestURI"`
	Verb                     string            `json:"verb"`
	User                     kubernetesUser    `json:"user"`
	ImpersonatedUser         *kubernetesUser   `json:"impersonatedUser,omitempty"`
	SourceIPs                []string          `json:"sourceIPs,omitempty"`
	UserAgent                string            `json:"userAgent,omitempty"`
	ObjectRef                *kubernetesObject `json:"objectRef,omitempty"`
	ResponseStatus           map[string]any    `json:"responseStatus,omitempty"`
	RequestObject            any               `json:"requestObject,omitempty"`
	RequestReceivedTimestamp string            `json:"requestReceivedTimestamp"`
	StageTimestamp           string            `json:"stageTimestamp"`
	Annotations              map[string]string `json:"annotations,omitempty"`
}

type kubernetesUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
}

type kubernetesObject struct {
	Resource    string `json:"resource"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	UID         string `json:"uid,omitempty"`
	APIGroup    string `json:"apiGroup,omitempty"`
	APIVersion  string `json:"apiVersion"`
	Subresource string `json:"subresource,omitempty"`
}

func (e *kubernetesEvent) key() string { return e.AuditID + "/" + e.Stage }

// body writes the event with the faults that an event can have.
func (e *kubernetesEvent) body(faults *Faults) json.RawMessage {
	body, err := json.Marshal(e)
	if err != nil {
		return nil // an event holds nothing that JSON cannot say
	}
	return faults.Disturb(body, "auditID", "stage", "requestReceivedTimestamp")
}
