package cloudtrail

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"annals/simulator"
	"annals/sync/connector/connectortest"
)

func TestConformance(t *testing.T) {
	account := simulator.NewCloudTrail(simulator.Options{Now: func() time.Time { return now }})
	connectortest.Run(t, connectortest.Suite{
		Registration: Registration(),
		Simulator: func(o simulator.Options) connectortest.Simulator {
			o.PerHour = 60
			c := simulator.NewCloudTrail(o)
			c.PerSecond = 0 // the client's own limit would make the test wait in real time
			return c
		},
		Settings: func(_ connectortest.Simulator, url string) map[string]any {
			return map[string]any{
				"accessKeyId": account.AccessKeyID, "secretAccessKey": account.SecretAccessKey, "regions": account.Regions,
				"baseUrl": url, "callsPerSecond": 100_000,
			}
		},
		Faults: []simulator.Fault{
			simulator.TooManySilent, simulator.TokenExpired, simulator.ServerError, simulator.CutBody, simulator.SlowBody,
			simulator.ShortPage, simulator.EmptyPage, simulator.RepeatedAcrossPages, simulator.LateVisibility,
			simulator.SameTimes, simulator.CursorRefused, simulator.UnknownAction, simulator.UnknownFields, simulator.WrongTypes,
		},
		Contains: served,
	})
}

// served finds a record in an answer, where it stands as a text.
func served(body, raw []byte) bool {
	text, err := json.Marshal(string(raw))
	return err == nil && bytes.Contains(body, text)
}
