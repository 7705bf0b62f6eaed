package github

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"annals/audit"
	"annals/sync/connector"
)

const (
	eventHeader     = "X-Github-Event"
	deliveryHeader  = "X-Github-Delivery"
	signatureHeader = "X-Hub-Signature-256"
	signaturePrefix = "sha256="
)

// How a webhook whose content type is form sends its JSON.
const (
	formMedia    = "application/x-www-form-urlencoded"
	payloadField = "payload"
)

// Receive checks and translates one delivery of a webhook. A ping is an activity like any other: it says that somebody
// made a webhook. The news is not in the audit log's own words, so the poller is asked to look.
func (a *account) Receive(delivery connector.Delivery, secrets []string) (connector.Received, error) {
	if !signed(delivery, secrets) {
		return connector.Received{}, connector.ErrSignature
	}
	payload, err := payloadOf(delivery)
	if err != nil {
		return connector.Received{}, connector.Fail(connector.Malformed, fmt.Errorf("receiving webhook: %w", err))
	}
	return connector.Received{
		Feed:   feedWebhook,
		Drafts: []audit.Draft{translateDelivery(delivery, payload)},
		Poke:   true,
	}, nil
}

// signed reports whether the one signature of a delivery was made over its body with one of the secrets: HMAC-SHA256,
// `sha256=` and lower-case hex, nothing else (docs.github.com, "Validating webhook deliveries").
func signed(delivery connector.Delivery, secrets []string) bool {
	signatures := delivery.Header.Values(signatureHeader)
	if len(signatures) != 1 {
		return false
	}
	given, ok := strings.CutPrefix(signatures[0], signaturePrefix)
	if !ok {
		return false
	}
	fits := false
	for _, secret := range secrets {
		// An empty key would let anyone sign.
		if secret != "" && hmac.Equal([]byte(given), signature(delivery.Body, secret)) {
			fits = true
		}
	}
	return fits
}

func signature(body []byte, secret string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.AppendEncode(nil, mac.Sum(nil))
}

var (
	errEmpty     = errors.New("the body is empty")
	errNoPayload = errors.New("the form has no payload")
)

// payloadOf finds the JSON of a delivery: the body, or the field `payload` of a form, when the webhook's content type was
// chosen so. Who repeats a delivery by hand may name another content type, so the body has the last word.
func payloadOf(delivery connector.Delivery) ([]byte, error) {
	if len(delivery.Body) == 0 {
		return nil, errEmpty
	}
	if !isForm(delivery) {
		return delivery.Body, nil
	}
	form, err := url.ParseQuery(string(delivery.Body))
	if err != nil {
		return delivery.Body, nil //nolint:nilerr // recorded as it came, like what is no JSON
	}
	payload := form.Get(payloadField)
	if payload == "" {
		return nil, errNoPayload
	}
	return []byte(payload), nil
}

func isForm(delivery connector.Delivery) bool {
	if bytes.HasPrefix(bytes.TrimLeft(delivery.Body, " \t\r\n"), []byte("{")) {
		return false
	}
	media, _, err := mime.ParseMediaType(delivery.Header.Get("Content-Type"))
	return err == nil && media == formMedia || bytes.HasPrefix(delivery.Body, []byte(payloadField+"="))
}

// deliveryKey is the delivery's GUID, which a redelivery repeats; without one the content stands in.
func deliveryKey(header http.Header, content [32]byte) string {
	if guid := header.Get(deliveryHeader); guid != "" {
		return "delivery:" + guid
	}
	return connector.DigestKey(content)
}
