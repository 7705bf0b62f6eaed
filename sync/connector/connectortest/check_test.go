package connectortest

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

func goodDraft() audit.Draft {
	return audit.Draft{
		Type: "fake.thing.create", Action: audit.ActionCreate, Category: audit.CategoryData, Outcome: audit.OutcomeSuccess,
		Actor:      audit.NewActor("fake", audit.ActorUser, "u1", "alice", "Alice@example.com"),
		OnBehalfOf: audit.NewActor("fake", audit.ActorUser, "u2", "", ""),
		Targets:    []audit.Target{audit.NewTarget("fake", "thing", "t1", "")},
		Origin:     audit.Origin{IP: netip.MustParseAddr("192.0.2.1"), Location: &audit.Location{Source: audit.LocationVendor}},
		OccurredAt: begin, Changes: []audit.Change{{Field: "f"}}, Metadata: audit.JSON(`{"a":1}`),
		Raw: []byte(`{}`), Key: "1", Content: [32]byte{1},
	}
}

func TestDraftProblems(t *testing.T) {
	t.Parallel()
	if problems := draftProblems("fake", goodDraft()); len(problems) > 0 {
		t.Errorf("a good draft: %v", problems)
	}
	for says, spoil := range map[string]func(*audit.Draft){
		"no key":                    func(d *audit.Draft) { d.Key = "" },
		"no raw bytes":              func(d *audit.Draft) { d.Raw = nil },
		"no content digest":         func(d *audit.Draft) { d.Content = [32]byte{} },
		`type "thing.create"`:       func(d *audit.Draft) { d.Type = "thing.create" },
		`type "fake."`:              func(d *audit.Draft) { d.Type = "fake." },
		`type "fakes.thing"`:        func(d *audit.Draft) { d.Type = "fakes.thing" },
		`action "create"`:           func(d *audit.Draft) { d.Action = "create" },
		`category ""`:               func(d *audit.Draft) { d.Category = "" },
		`outcome "OK"`:              func(d *audit.Draft) { d.Outcome = "OK" },
		"not in UTC":                func(d *audit.Draft) { d.OccurredAt = begin.In(time.FixedZone("x", 3600)) },
		"not in its plain form":     func(d *audit.Draft) { d.Origin.IP = netip.MustParseAddr("::ffff:192.0.2.1") },
		"location's source":         func(d *audit.Draft) { d.Origin.Location.Source = audit.LocationLookup },
		"metadata is no object":     func(d *audit.Draft) { d.Metadata = audit.JSON(`[1]`) },
		"metadata is no object: nu": func(d *audit.Draft) { d.Metadata = audit.JSON(`null`) },
		"actor's key":               func(d *audit.Draft) { d.Actor.Key = "Alice@example.com" },
		"actor's type":              func(d *audit.Draft) { d.Actor.Type = "ADMIN" },
		"onBehalfOf's key is \"\"":  func(d *audit.Draft) { d.OnBehalfOf = &audit.Actor{Type: audit.ActorUser} },
		"target's key":              func(d *audit.Draft) { d.Targets[0].Key = "t1" },
		"no id and no name":         func(d *audit.Draft) { d.Targets[0] = audit.NewTarget("fake", "thing", "", "") },
		`target's type is "Thing"`:  func(d *audit.Draft) { d.Targets[0] = audit.NewTarget("fake", "Thing", "1", "") },
		"names no field":            func(d *audit.Draft) { d.Changes[0].Field = "" },
	} {
		d := goodDraft()
		spoil(&d)
		if problems := draftProblems("fake", d); len(problems) != 1 || !strings.Contains(problems[0], says) {
			t.Errorf("want one that says %q, got %q", says, problems)
		}
	}
}

func TestCheckRegistration(t *testing.T) {
	t.Parallel()
	good := func() audit.Connector { return fakeRegistration(noBug).Connector }
	if said := record(t, func(tb testing.TB) { checkRegistration(tb, good()) }); said != "" {
		t.Errorf("a good one: %s", said)
	}
	for says, spoil := range map[string]func(*audit.Connector){
		"is no key":                 func(c *audit.Connector) { c.Name = "Fake" },
		"label, description":        func(c *audit.Connector) { c.Label = "" },
		"feeds are missing":         func(c *audit.Connector) { c.Feeds = nil },
		"setting token comes twice": func(c *audit.Connector) { c.Settings = append(c.Settings, c.Settings[1]) },
		"no name, label or help":    func(c *audit.Connector) { c.Settings[0].Help = "" },
		"secret with a default":     func(c *audit.Connector) { c.Settings[1].Default = audit.JSON(`"t"`) },
		"error parsing regexp":      func(c *audit.Connector) { c.Settings[1].Pattern = "(" },
		"the default of setting":    func(c *audit.Connector) { c.Settings[0].Default = audit.JSON(`1`) },
		"the example of setting": func(c *audit.Connector) {
			c.Settings[1].Pattern, c.Settings[1].Example = "[a-z]+", "A"
		},
		"comes twice": func(c *audit.Connector) { c.Feeds = append(c.Feeds, c.Feeds[0]) },
	} {
		c := good()
		spoil(&c)
		if said := record(t, func(tb testing.TB) { checkRegistration(tb, c) }); !strings.Contains(said, says) {
			t.Errorf("want %q, got %q", says, said)
		}
	}
}

// TestHostileBodies: every genuine body comes in many wrong versions, each of which differs from it.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	const genuine = `{"a":[1,{"b":"x"}]}`
	var bodies []string
	for body := range hostileBodies([]Batch{{Body: []byte(genuine)}}) {
		bodies = append(bodies, string(body))
	}
	for _, want := range []string{`{"a":null}`, `{"a":[null,{"b":"x"}]}`, `{"a":[1,{"b":true}]}`, `{"a":[1,[]]}`, genuine[:5]} {
		if !slices.Contains(bodies, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.Contains(bodies, genuine) {
		t.Error("the genuine one is among them")
	}
	valid := 0
	for _, body := range bodies {
		if json.Valid([]byte(body)) {
			valid++
		}
	}
	if valid < 30 || valid > len(bodies)-30 {
		t.Errorf("%d of %d are JSON", valid, len(bodies))
	}
	for range hostileBodies([]Batch{{Body: []byte(genuine)}}) {
		break // a reader may leave at any time
	}
}
