package connectortest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"annals/audit"
	"annals/sync/connector"
)

// Secrets of the suite. Each has letters, so that its upper case is another one.
const (
	secret      = "first-secret-of-the-suite"
	otherSecret = "other-secret-of-the-suite"
)

// ReceiverSuite says what RunReceiver tests.
type ReceiverSuite struct {
	Registration connector.Registration
	Settings     map[string]any
	// Sign makes the vendor's delivery of a body under a secret. It signs hostile bodies as well.
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
func RunReceiver(t *testing.T, s ReceiverSuite) {
	if !s.Registration.Connector.CanPush {
		t.Error("the connector says that it takes no webhooks")
	}
	t.Run("genuine", func(t *testing.T) { s.genuine(t) })
	t.Run("forged", func(t *testing.T) { s.forged(t) })
	t.Run("hostile", func(t *testing.T) { s.hostile(t) })
}

func (s ReceiverSuite) open(tb testing.TB) connector.Receiver {
	tb.Helper()
	now := (&clock{at: begin}).now
	account := newAccount(tb, s.Registration.Connector.Settings, s.Settings)
	opened := account.open(tb, s.Registration, newClient(now), now, &lockedBuffer{})
	receiver, ok := opened.(connector.Receiver)
	if !ok {
		tb.Fatalf("the connector takes no webhooks")
	}
	return receiver
}

func (s ReceiverSuite) sign(secret string, body []byte) connector.Delivery {
	d := s.Sign(secret, body)
	d.At = begin
	return d
}

// genuine receives every batch, again as a redelivery, and again while secrets are rotated.
func (s ReceiverSuite) genuine(tb testing.TB) {
	receiver := s.open(tb)
	for i, batch := range s.Batches {
		d := s.sign(secret, batch.Body)
		first := s.receive(tb, receiver, d, secret)
		if got, want := keys(first), slices.Sorted(slices.Values(batch.Keys)); !slices.Equal(got, want) {
			tb.Errorf("batch %d gives %q instead of %q", i, got, want)
		}
		if again := s.receive(tb, receiver, d, secret); !maps.Equal(contents(first), contents(again)) {
			tb.Errorf("batch %d is no repeat when it is delivered again", i)
		}
		if rotated := s.receive(tb, receiver, d, otherSecret, secret); !maps.Equal(contents(first), contents(rotated)) {
			tb.Errorf("batch %d differs under the older of two secrets", i)
		}
	}
}

// receive takes a genuine delivery.
func (s ReceiverSuite) receive(
	tb testing.TB, receiver connector.Receiver, d connector.Delivery, secrets ...string,
) []audit.Draft {
	tb.Helper()
	received, err := receiver.Receive(copyOf(d), secrets)
	if err != nil {
		tb.Errorf("receiving %s: %v", d.Body, err)
		return nil
	}
	if _, ok := s.Registration.Connector.Feed(received.Feed); !ok {
		tb.Errorf("the feed %q is not among the connector's", received.Feed)
	}
	s.check(tb, d, received.Drafts)
	return received.Drafts
}

func (s ReceiverSuite) check(tb testing.TB, d connector.Delivery, drafts []audit.Draft) {
	tb.Helper()
	for _, draft := range drafts {
		for _, problem := range draftProblems(s.Registration.Connector.Name, draft) {
			tb.Errorf("draft %q of %.200s: %s", draft.Key, d.Body, problem)
		}
		if !bytes.Contains(d.Body, draft.Raw) {
			tb.Errorf("draft %q: its raw bytes were not delivered: %s", draft.Key, draft.Raw)
		}
	}
}

// forged tries everything that a sender without the secret may.
func (s ReceiverSuite) forged(tb testing.TB) {
	receiver := s.open(tb)
	genuine := s.sign(secret, s.Batches[0].Body)
	proof := genuine.Header.Get(s.SignatureHeader)
	if proof == "" {
		tb.Fatalf("a delivery has no %s", s.SignatureHeader)
	}
	proofs := map[string]string{
		"empty":      "",
		"blank":      " ",
		"upper case": strings.ToUpper(proof),
		"cut":        proof[:len(proof)-1],
		"longer":     proof + "0",
		"changed":    proof[:len(proof)-1] + string(proof[len(proof)-1]^1),
		"huge":       strings.Repeat("a", 1<<20),
		"of another": s.sign(otherSecret, genuine.Body).Header.Get(s.SignatureHeader),
		"of nothing": s.sign("", genuine.Body).Header.Get(s.SignatureHeader),
	}
	for name, wrong := range proofs {
		d := copyOf(genuine)
		d.Header.Set(s.SignatureHeader, wrong)
		s.refuse(tb, receiver, "a proof that is "+name, d, secret)
	}
	missing := copyOf(genuine)
	missing.Header.Del(s.SignatureHeader)
	s.refuse(tb, receiver, "no proof", missing, secret)
	s.refuse(tb, receiver, "no secret in force", genuine)
	s.refuse(tb, receiver, "an empty secret in force", s.sign("", genuine.Body), "")
	if s.Covers {
		changed := copyOf(genuine)
		changed.Body = append(changed.Body, ' ')
		s.refuse(tb, receiver, "a body that was changed", changed, secret)
	}
}

func (s ReceiverSuite) refuse(
	tb testing.TB, receiver connector.Receiver, what string, d connector.Delivery, secrets ...string,
) {
	tb.Helper()
	received, err := receiver.Receive(copyOf(d), secrets)
	if !errors.Is(err, connector.ErrSignature) || len(received.Drafts) > 0 {
		tb.Errorf("%s was let in: %d drafts, error %v", what, len(received.Drafts), err)
	}
}

// hostile sends what nobody should, properly signed. It may be refused, but not for its signature, and must not panic.
func (s ReceiverSuite) hostile(tb testing.TB) {
	receiver := s.open(tb)
	for body := range hostileBodies(s.Batches) {
		d := s.sign(secret, body)
		received, err := panicless(func() (connector.Received, error) { return receiver.Receive(copyOf(d), []string{secret}) })
		switch {
		case errors.Is(err, errPanic), errors.Is(err, connector.ErrSignature):
			tb.Errorf("body %.200q: %v", body, err)
		case err == nil:
			s.check(tb, d, received.Drafts)
		}
	}
}

var errPanic = errors.New("it panics")

func panicless(receive func() (connector.Received, error)) (received connector.Received, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errPanic, cause)
		}
	}()
	return receive()
}

func copyOf(d connector.Delivery) connector.Delivery {
	header := d.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return connector.Delivery{Header: header, Body: bytes.Clone(d.Body), At: d.At}
}

func contents(drafts []audit.Draft) map[string][32]byte {
	contents := map[string][32]byte{}
	for _, draft := range drafts {
		contents[draft.Key] = draft.Content
	}
	return contents
}

func keys(drafts []audit.Draft) []string { return slices.Sorted(maps.Keys(contents(drafts))) }
