package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// githubDelivery is what a webhook is told.
type githubDelivery struct {
	event, guid string
	at          time.Time
	body        []byte
}

const githubHookID = 300_001

// deliveries are the webhooks of a deed: one or none.
func (d *githubDeed) deliveries(at time.Time) []githubDelivery {
	if d.event == "" {
		return nil
	}
	if repository, ok := d.payload["repository"].(map[string]any); ok {
		repository["updated_at"] = at.UTC().Format(time.RFC3339)
		repository["pushed_at"] = at.Unix()
	}
	body, err := json.Marshal(d.payload)
	if err != nil {
		return nil // a payload holds nothing that JSON cannot say
	}
	return []githubDelivery{{event: d.event, guid: d.guid, at: at, body: body}}
}

func (g *GitHub) deliveryItems() []Item {
	g.mu.Lock()
	defer g.mu.Unlock()
	var items []Item
	for _, d := range g.deliveries {
		items = append(items, Item{Key: "delivery:" + d.guid, At: d.at, Visible: d.at, Body: d.body})
	}
	return items
}

// Deliveries signs the webhooks of a half-open time, in their order. Asking again for a time is a redelivery: the
// GUIDs are the same.
func (g *GitHub) Deliveries(secret string, from, to time.Time) []Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	var signed []Delivery
	for _, d := range g.deliveries {
		if !d.at.Before(from) && d.at.Before(to) {
			signed = append(signed, d.sign(secret))
		}
	}
	return signed
}

// Ping is what GitHub sends when a webhook is made.
func (g *GitHub) Ping(secret string) Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	body, err := json.Marshal(map[string]any{
		"zen":     "Keep it logically awesome.",
		"hook_id": githubHookID,
		"hook": map[string]any{
			"type": "Organization", "id": githubHookID, "name": "web", "active": true, "events": []string{"*"},
			"config": map[string]any{"content_type": "json", "insecure_ssl": "0", "secret": "********"},
		},
		"organization": map[string]any{"login": GitHubOrganization, "id": githubOrganizationID},
		"sender":       g.life.people[0].payload(),
	})
	if err != nil {
		return Delivery{}
	}
	guid := guidOf(g.options.Rand("github ping"))
	return githubDelivery{event: "ping", guid: guid, body: body}.sign(secret)
}

// Forge signs a delivery with a secret that is not the webhook's, for Faults.Send.
func (g *GitHub) Forge(d Delivery) Delivery {
	return Delivery{Header: signGitHub(d.Header, "not the secret", d.Body), Body: slices.Clone(d.Body)}
}

func (d githubDelivery) sign(secret string) Delivery {
	header := http.Header{
		"Content-Type":                           {"application/json"},
		"User-Agent":                             {"GitHub-Hookshot/0000000"},
		"X-Github-Event":                         {d.event},
		"X-Github-Delivery":                      {d.guid},
		"X-Github-Hook-Id":                       {strconv.Itoa(githubHookID)},
		"X-Github-Hook-Installation-Target-Type": {"organization"},
		"X-Github-Hook-Installation-Target-Id":   {strconv.Itoa(githubOrganizationID)},
	}
	return Delivery{Header: signGitHub(header, secret, d.body), Body: d.body}
}

func signGitHub(header http.Header, secret string, body []byte) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	signed := header.Clone()
	signed.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return signed
}
