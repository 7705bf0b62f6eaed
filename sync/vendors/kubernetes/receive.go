package kubernetes

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// maxEvents is how many events a delivery may hold. Each takes memory however short it is. API servers send 400 unless
// --audit-webhook-batch-max-size says otherwise, and hardly this many of genuine length fit into a body.
const maxEvents = 20_000

var (
	errNoEvents   = errors.New("the body is no list of audit events and no event")
	errManyEvents = fmt.Errorf("the list has more than %d events", maxEvents)
)

// Receive implements connector.Receiver. The body is an EventList, or a single event. The bearer token is the sender's
// only proof: the API server signs nothing.
func (k *cluster) Receive(delivery connector.Delivery, secrets []string) (connector.Received, error) {
	if !admitted(delivery.Header.Get("Authorization"), secrets) {
		return connector.Received{}, connector.ErrSignature
	}
	events, err := readEvents(delivery.Body)
	if err != nil {
		return connector.Received{}, err
	}
	received := connector.Received{Feed: feed}
	for _, raw := range events {
		if draft, stage := translate(raw); k.records(stage) {
			received.Drafts = append(received.Drafts, draft)
		}
	}
	return received, nil
}

// admitted compares digests, so that the time tells neither the length nor the beginning of a secret.
func admitted(header string, secrets []string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false
	}
	given := sha256.Sum256([]byte(token))
	fits := 0
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		known := sha256.Sum256([]byte(secret))
		fits |= subtle.ConstantTimeCompare(given[:], known[:])
	}
	return fits == 1
}

// readEvents splits a body into the exact bytes of its events.
func readEvents(body []byte) ([]json.RawMessage, error) {
	if !json.Valid(body) {
		return nil, connector.Fail(connector.Malformed, errNoEvents)
	}
	members := connector.ReadMembers(string(body))
	kind, items := members.Get("kind").String(), members.Get("items")
	switch {
	case items.IsArray():
		var events []json.RawMessage
		items.ForEach(func(_, item gjson.Result) bool {
			events = append(events, json.RawMessage(item.Raw))
			return len(events) <= maxEvents
		})
		if len(events) > maxEvents {
			return nil, connector.Fail(connector.Malformed, errManyEvents)
		}
		return events, nil
	case kind == "EventList" && items.Type == gjson.Null: // how Go writes an empty list
		return nil, nil
	case kind == "Event", members.Get("auditID").Exists(), members.Get("verb").Exists():
		return []json.RawMessage{json.RawMessage(strings.TrimSpace(string(body)))}, nil
	}
	return nil, connector.Fail(connector.Malformed, errNoEvents)
}

// FileFeed implements connector.FileReader.
func (k *cluster) FileFeed() string { return feed }

// ReadFile reads the files of the log backend, one event a line, and EventLists.
func (k *cluster) ReadFile(ctx context.Context, r io.Reader) iter.Seq2[audit.Draft, error] {
	return func(yield func(audit.Draft, error) bool) {
		for raw, err := range connector.Records(ctx, r, "items") {
			if err != nil {
				yield(audit.Draft{}, err)
				return
			}
			if draft, stage := translate(raw); k.records(stage) && !yield(draft, nil) {
				return
			}
		}
	}
}
