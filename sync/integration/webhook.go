package integration

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

// maxKeepOld is how long an old secret may hold after a rotation.
const maxKeepOld = 7 * 24 * time.Hour

// webhookPath is where webhooks are taken, below the public URL.
const webhookPath = "/webhooks/"

// randomText is 128 or more random bits in URL-safe letters.
func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// newWebhook makes address and secret of a vendor that pushes; none for one that does not.
func (s *Service) newWebhook(stored audit.StoredIntegration, opened connector.Opened) (audit.StoredWebhook, string, error) {
	if _, ok := opened.(connector.Receiver); !ok {
		return audit.StoredWebhook{}, "", nil
	}
	kept, text, err := s.newSecret(stored)
	return audit.StoredWebhook{Path: randomText(16), Secrets: []audit.StoredSecret{kept}}, text, err
}

func (s *Service) newSecret(stored audit.StoredIntegration) (audit.StoredSecret, string, error) {
	text := randomText(24)
	sealed, err := s.options.Sealer.Seal([]byte(text), webhookPurpose, place(stored.Tenant, stored.Number)...)
	return audit.StoredSecret{
		ID: s.options.NewID(), Sealed: sealed,
		WebhookSecret: audit.WebhookSecret{Hint: text[len(text)-4:], CreatedAt: s.now()},
	}, text, err
}

// Webhook gives where the vendor pushes to, nil when it does not.
func (s *Service) Webhook(ctx context.Context, view audit.View, i *audit.Integration) (*audit.Webhook, error) {
	stored, err := s.store.Webhook(ctx, view.Tenant(), i.Number)
	if err != nil || stored.Path == "" {
		return nil, err
	}
	webhook := &audit.Webhook{
		URL: s.options.PublicURL + webhookPath + stored.Path, Secrets: []audit.WebhookSecret{},
		LastAcceptedAt: stored.LastAcceptedAt, LastRefusedAt: stored.LastRefusedAt,
	}
	for _, kept := range stored.Secrets {
		webhook.Secrets = append(webhook.Secrets, kept.WebhookSecret)
	}
	return webhook, nil
}

// WebhookSecrets gives the secrets in force, newest first.
func (s *Service) WebhookSecrets(ctx context.Context, i *audit.Integration) ([]string, error) {
	stored, err := s.store.Webhook(ctx, i.Tenant, i.Number)
	if err != nil {
		return nil, err
	}
	secrets := make([]string, len(stored.Secrets))
	for n, kept := range stored.Secrets {
		plain, err := s.options.Sealer.Open(kept.Sealed, webhookPurpose, place(i.Tenant, i.Number)...)
		if err != nil {
			return nil, err
		}
		secrets[n] = string(plain)
	}
	return secrets, nil
}

// RotateWebhookSecret makes a new secret, and a new address if asked; the old ones hold for a while. The secret is
// given once.
func (s *Service) RotateWebhookSecret(ctx context.Context, view audit.View, id string, keepOld time.Duration, newURL bool) (*audit.Integration, string, error) {
	if keepOld < 0 || keepOld > maxKeepOld {
		return nil, "", audit.Refuse(audit.CodeInvalid, "Must be from PT0S to P7D.", "keepOld")
	}
	stored, err := s.find(ctx, view, id)
	if err != nil {
		return nil, "", named(err, "integrationId")
	}
	present, err := s.store.Webhook(ctx, stored.Tenant, stored.Number)
	if err != nil {
		return nil, "", err
	}
	if present.Path == "" {
		return nil, "", audit.Refuse(audit.CodeConflict, "This integration takes no webhooks.", "integrationId")
	}
	kept, text, err := s.newSecret(stored)
	if err != nil {
		return nil, "", err
	}
	rotated := audit.StoredWebhook{Secrets: []audit.StoredSecret{kept}}
	stored.UpdatedAt = kept.CreatedAt
	if newURL {
		rotated.Path = randomText(16)
	}
	if err := s.store.RotateWebhook(ctx, stored, rotated, s.options.Now().Add(keepOld)); err != nil {
		return nil, "", err
	}
	i, err := s.fresh(ctx, view, stored.Number)
	return i, text, err
}
