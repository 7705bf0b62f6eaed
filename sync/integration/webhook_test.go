package integration_test

import (
	"strings"
	"testing"
	"time"

	"annals/audit"
)

func TestTheSecretOfAWebhookIsShownOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, shown, err := r.Create(t.Context(), r.view, "Acme", "example", valid(), nil)
	if err != nil || len(shown) < 32 {
		t.Fatalf("secret %q, %v", shown, err)
	}
	webhook := r.webhook(i)
	if r.owner(webhook.URL) != i.Number || len(webhook.URL)-strings.LastIndex(webhook.URL, "/") < 22 {
		t.Errorf("address %s, want one of 128 random bits that is ours", webhook.URL)
	}
	if strings.Contains(webhook.URL, i.Number.String()) || strings.Contains(webhook.URL, shown) {
		t.Errorf("address %s tells more than it should", webhook.URL)
	}
	if len(webhook.Secrets) != 1 || webhook.Secrets[0].Hint != shown[len(shown)-4:] || webhook.Secrets[0].ExpiresAt != nil {
		t.Errorf("secrets %+v, want the hint of %s alone", webhook.Secrets, shown)
	}
	if secrets, err := r.WebhookSecrets(t.Context(), i); err != nil || len(secrets) != 1 || secrets[0] != shown {
		t.Errorf("%d secrets in force, %v", len(secrets), err)
	}
	files, shown, err := r.Create(t.Context(), r.view, "Files", "files", nil, nil)
	if err != nil || shown != "" {
		t.Fatalf("secret %q of what takes no webhooks, %v", shown, err)
	}
	if none, err := r.Webhook(t.Context(), r.view, files); err != nil || none != nil {
		t.Errorf("webhook %+v, %v, want none", none, err)
	}
	_, _, err = r.RotateWebhookSecret(t.Context(), r.view, files.ID(), 0, false)
	r.expect("rotating what is not there", err, "integrationId CONFLICT")
}

func (r *rig) webhook(i *audit.Integration) *audit.Webhook {
	r.t.Helper()
	webhook, err := r.Webhook(r.t.Context(), r.view, i)
	if err != nil || webhook == nil {
		r.t.Fatalf("webhook %v, %v", webhook, err)
	}
	return webhook
}

func (r *rig) rotate(i *audit.Integration, keepOld time.Duration, newURL bool) string {
	r.t.Helper()
	_, shown, err := r.RotateWebhookSecret(r.t.Context(), r.view, i.ID(), keepOld, newURL)
	if err != nil {
		r.t.Fatal(err)
	}
	return shown
}

func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, first, err := r.Create(t.Context(), r.view, "Acme", "example", valid(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, keepOld := range map[string]time.Duration{"negative": -1, "too long": 7*day + 1} {
		_, _, err := r.RotateWebhookSecret(t.Context(), r.view, i.ID(), keepOld, false)
		r.expect(what, err, "keepOld INVALID")
	}
	address := r.webhook(i).URL
	second := r.rotate(i, 7*day, false)
	secrets, err := r.WebhookSecrets(t.Context(), i)
	if err != nil || len(secrets) != 2 || secrets[0] != second || secrets[1] != first {
		t.Errorf("secrets in force %v, %v, want %v", secrets, err, []string{second, first})
	}
	webhook := r.webhook(i)
	if webhook.URL != address {
		t.Errorf("address %s, want %s as before", webhook.URL, address)
	}
	if s := webhook.Secrets; len(s) != 2 || s[0].ExpiresAt != nil || s[1].ExpiresAt == nil || time.Until(*s[1].ExpiresAt) > 7*day || time.Until(*s[1].ExpiresAt) < 7*day-time.Minute {
		t.Errorf("secrets %+v, want the old one to end in a week", s)
	}
	third := r.rotate(i, time.Hour, true)
	webhook = r.webhook(i)
	if webhook.URL == address || r.owner(webhook.URL) != i.Number || r.owner(address) != i.Number {
		t.Errorf("address %s after %s, want both to be ours", webhook.URL, address)
	}
	for _, secret := range webhook.Secrets[1:] {
		if time.Until(*secret.ExpiresAt) > time.Hour {
			t.Errorf("secret %s ends at %s: a shorter time holds for all old ones", secret.Hint, secret.ExpiresAt)
		}
	}
	last := r.rotate(i, 0, true)
	secrets, err = r.WebhookSecrets(t.Context(), i)
	if err != nil || len(secrets) != 1 || secrets[0] != last {
		t.Errorf("secrets in force %v, %v, want only the newest, not %s", secrets, err, third)
	}
	if r.owner(address) != 0 || r.owner(webhook.URL) != 0 || r.owner(r.webhook(i).URL) != i.Number {
		t.Error("an old address still takes deliveries")
	}
}
