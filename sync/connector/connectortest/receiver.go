package connectortest

import (
	"testing"

	"annals/sync/connector"
)

// ReceiverSuite says what RunReceiver tests.
type ReceiverSuite struct {
	Registration connector.Registration
	Settings     map[string]any
	// Sign makes the vendor's delivery of a body under a secret.
	Sign func(secret string, body []byte) connector.Delivery
	// SignatureHeader is the header that proves the sender.
	SignatureHeader string
	// Covers says that the proof covers the body. Otherwise it is a bare shared secret.
	Covers bool
	// Batches are genuine bodies; at least one.
	Batches []Batch
}

// Batch is a webhook's body with the keys of the drafts that it holds, elements that cannot be read included.
type Batch struct {
	Body []byte
	Keys []string
}

// RunReceiver tests the webhooks: who is let in, that redeliveries are repeats, and that no body does harm.
func RunReceiver(t *testing.T, s ReceiverSuite) {}
