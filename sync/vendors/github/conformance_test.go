package github

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"time"

	"annals/simulator"
	"annals/sync/connector"
	"annals/sync/connector/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Suite{
		Registration: Registration(),
		Simulator:    func(o simulator.Options) connectortest.Simulator { return simulator.NewGitHub(o) },
		Settings: func(_ connectortest.Simulator, url string) map[string]any {
			return map[string]any{
				settingBaseURL: url, settingToken: simulator.GitHubToken, settingOrganization: simulator.GitHubOrganization,
			}
		},
		Faults: []simulator.Fault{
			simulator.TooManyRequests, simulator.TooManySilent, simulator.LimitedAs403, simulator.TokenExpired,
			simulator.ServerError, simulator.CutBody, simulator.SlowBody, simulator.ShortPage, simulator.EmptyPage,
			simulator.RepeatedAcrossPages, simulator.LateVisibility, simulator.SameTimes, simulator.CursorRefused,
			simulator.NextElsewhere, simulator.UnknownAction, simulator.UnknownFields, simulator.WrongTypes,
		},
		Seeds: []uint64{1, 2},
	})
}

// TestConformanceOfEnterprise: an enterprise differs in its addresses alone.
func TestConformanceOfEnterprise(t *testing.T) {
	connectortest.Run(t, connectortest.Suite{
		Registration: Registration(),
		Simulator:    func(o simulator.Options) connectortest.Simulator { return simulator.NewGitHub(o) },
		Settings: func(_ connectortest.Simulator, url string) map[string]any {
			return map[string]any{
				settingBaseURL: url, settingToken: simulator.GitHubToken, settingEnterprise: simulator.GitHubEnterprise,
			}
		},
		Faults: []simulator.Fault{simulator.CursorRefused},
		Seeds:  []uint64{3},
	})
}

func TestReceiverConformance(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	vendor := simulator.NewGitHub(simulator.Options{Seed: 1, Now: func() time.Time { return now }})
	vendor.Generate(now.Add(-2*time.Hour), now)
	var batches []connectortest.Batch
	for _, item := range vendor.Items(feedWebhook) {
		batches = append(batches, connectortest.Batch{Body: item.Body, Keys: []string{"delivery:" + guidOf(item.Body)}})
	}
	connectortest.RunReceiver(t, connectortest.ReceiverSuite{
		Registration: Registration(),
		Settings:     map[string]any{settingToken: "token", settingOrganization: "example-org"},
		Sign: func(secret string, body []byte) connector.Delivery {
			return sign(secret, "repository", body)
		},
		SignatureHeader: signatureHeader,
		Covers:          true,
		Batches:         batches,
	})
}

// guidOf makes a delivery's GUID of its body, so that the same body is a redelivery.
func guidOf(body []byte) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%x-%x", sum[:4], sum[4:16])
}

func sign(secret, event string, body []byte) connector.Delivery {
	return connector.Delivery{
		Header: http.Header{
			"Content-Type":  {"application/json"},
			eventHeader:     {event},
			deliveryHeader:  {guidOf(body)},
			signatureHeader: {signaturePrefix + string(signature(body, secret))},
		},
		Body: body,
		At:   time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
	}
}
