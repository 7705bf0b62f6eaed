package audittest

import (
	"crypto/sha256"
	"fmt"

	"pgregory.net/rapid"

	"annals/audit"
)

// Activity gives random activities without tenant, seq, key and recordedAt: what a ledger adds.
func Activity() *rapid.Generator[*audit.Activity] {
	return rapid.Custom(func(t *rapid.T) *audit.Activity {
		id := rapid.SampledFrom(Integrations).Draw(t, "integration")
		return &audit.Activity{
			Draft:         draft(t),
			IntegrationID: id,
			Connector:     Connector(id),
			Feed:          "web",
			Path:          rapid.SampledFrom([]audit.Path{audit.PathPoll, audit.PathWebhook, audit.PathBackfill}).Draw(t, "path"),
			ObservedAt:    Noon,
		}
	})
}

// Activities gives n random activities, the same at every call, each with a key of its own.
func Activities(n int) []*audit.Activity {
	list := make([]*audit.Activity, n)
	for i := range list {
		list[i] = Activity().Example(i)
		list[i].Key = fmt.Sprint(i)
		list[i].Raw = []byte(list[i].Key)
		list[i].Content = sha256.Sum256(list[i].Raw)
	}
	return list
}

func draft(t *rapid.T) audit.Draft {
	return audit.Draft{
		Type:       rapid.SampledFrom(words).Draw(t, "type"),
		Action:     rapid.SampledFrom(audit.Actions()[:4]).Draw(t, "action"),
		Category:   rapid.SampledFrom(audit.Categories()[:4]).Draw(t, "category"),
		Outcome:    rapid.SampledFrom(outcomes).Draw(t, "outcome"),
		Actor:      rapid.Ptr(actor(), true).Draw(t, "actor"),
		OnBehalfOf: rapid.Ptr(actor(), true).Draw(t, "onBehalfOf"),
		Targets:    rapid.SliceOfN(target(), 0, 3).Draw(t, "targets"),
		Origin: audit.Origin{
			IP:        address().Draw(t, "ip"),
			UserAgent: text().Draw(t, "userAgent"),
			Location:  rapid.Ptr(location(), true).Draw(t, "location"),
		},
		SessionID:  text().Draw(t, "sessionId"),
		RequestID:  text().Draw(t, "requestId"),
		VendorID:   text().Draw(t, "vendorId"),
		OccurredAt: moment().Draw(t, "occurredAt"),
	}
}

var (
	outcomes   = []audit.Outcome{audit.OutcomeSuccess, audit.OutcomeFailure, audit.OutcomeDenied}
	actorTypes = []audit.ActorType{audit.ActorUser, audit.ActorService}
)

func actor() *rapid.Generator[audit.Actor] {
	return rapid.Custom(func(t *rapid.T) audit.Actor {
		return audit.Actor{
			Key:      rapid.SampledFrom(words).Draw(t, "key"),
			Type:     rapid.SampledFrom(actorTypes).Draw(t, "type"),
			VendorID: text().Draw(t, "vendorId"),
			Name:     text().Draw(t, "name"),
			Email:    text().Draw(t, "email"),
		}
	})
}

func target() *rapid.Generator[audit.Target] {
	return rapid.Custom(func(t *rapid.T) audit.Target {
		return audit.Target{
			Key:      rapid.SampledFrom(words).Draw(t, "key"),
			Type:     rapid.SampledFrom(kinds).Draw(t, "type"),
			VendorID: text().Draw(t, "vendorId"),
			Name:     text().Draw(t, "name"),
		}
	})
}

func location() *rapid.Generator[audit.Location] {
	return rapid.Custom(func(t *rapid.T) audit.Location {
		return audit.Location{
			Country: audit.Text(rapid.SampledFrom([]string{"", "DE", "BR"}).Draw(t, "country")),
			City:    text().Draw(t, "city"),
			Source:  audit.LocationVendor,
		}
	})
}
