package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// Receive checks and translates one delivery of a webhook. A ping is an activity like any other: it says that somebody
// made a webhook. The news is not in the audit log's own words, so the poller is asked to look.
func (a *account) Receive(delivery connector.Delivery, secrets []string) (connector.Received, error) {
	if !signed(delivery, secrets) {
		return connector.Received{}, connector.ErrSignature
	}
	if len(delivery.Body) == 0 {
		return connector.Received{}, connector.Fail(connector.Malformed, errors.New("receiving webhook: the body is empty"))
	}
	return connector.Received{
		Feed:   feedWebhook,
		Drafts: []audit.Draft{translateDelivery(delivery)},
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

// payload finds the JSON of a delivery: the body, or the field `payload` of a form, when the webhook's content type was
// chosen so.
func payload(delivery connector.Delivery) []byte {
	media, _, err := mime.ParseMediaType(delivery.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return delivery.Body
	}
	form, err := url.ParseQuery(string(delivery.Body))
	if err != nil {
		return delivery.Body
	}
	return []byte(form.Get("payload"))
}

// deliveryKey is the delivery's GUID, which a redelivery repeats; without one the content stands in.
func deliveryKey(header http.Header, content [32]byte) string {
	if guid := header.Get(deliveryHeader); guid != "" {
		return "delivery:" + guid
	}
	return connector.DigestKey(content)
}
