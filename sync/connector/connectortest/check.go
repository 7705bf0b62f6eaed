package connectortest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

// draftProblems lists what is wrong with a draft by the rules of audit.Draft.
func draftProblems(name string, d audit.Draft) []string {
	var problems []string
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	demand(d.Key != "", "it has no key")
	demand(len(d.Raw) > 0, "it has no raw bytes")
	demand(d.Content != [32]byte{}, "it has no content digest")
	demand(strings.HasPrefix(d.Type, name+".") && len(d.Type) > len(name)+1, "its type %q is no %s.…", d.Type, name)
	demand(d.Action.Valid(), "its action %q is none", d.Action)
	demand(d.Category.Valid(), "its category %q is none", d.Category)
	demand(d.Outcome.Valid(), "its outcome %q is none", d.Outcome)
	demand(d.OccurredAt.IsZero() || d.OccurredAt.Location() == time.UTC, "its time is not in UTC: %v", d.OccurredAt)
	demand(!d.Origin.IP.Is4In6() && d.Origin.IP.Zone() == "", "its address %v is not in its plain form", d.Origin.IP)
	if place := d.Origin.Location; place != nil {
		demand(place.Source == audit.LocationVendor, "its location's source is %q", place.Source)
	}
	demand(isObject(d.Metadata), "its metadata is no object: %s", d.Metadata)
	problems = append(problems, actorProblems(name, "actor", d.Actor)...)
	problems = append(problems, actorProblems(name, "onBehalfOf", d.OnBehalfOf)...)
	for _, target := range d.Targets {
		want := audit.NewTarget(name, target.Type, target.VendorID, target.Name)
		demand(target.Key == want.Key, "its target's key is %q instead of %q", target.Key, want.Key)
		demand(target.VendorID != "" || target.Name != "", "its target %q has no id and no name", target.Key)
		demand(target.Type != "" && target.Type == strings.ToLower(target.Type), "its target's type is %q", target.Type)
	}
	for _, change := range d.Changes {
		demand(change.Field != "", "its change names no field")
	}
	return problems
}

func actorProblems(name, role string, actor *audit.Actor) []string {
	if actor == nil {
		return nil
	}
	var problems []string
	want := audit.ActorKey(name, actor.VendorID, actor.Name, actor.Email)
	if actor.Key == "" || actor.Key != want {
		problems = append(problems, fmt.Sprintf("its %s's key is %q instead of %q", role, actor.Key, want))
	}
	if !actor.Type.Valid() {
		problems = append(problems, fmt.Sprintf("its %s's type %q is none", role, actor.Type))
	}
	return problems
}

// isObject holds for absent JSON too.
func isObject(text audit.JSON) bool {
	var object map[string]json.RawMessage
	return len(text) == 0 || json.Unmarshal(text, &object) == nil && object != nil
}

// checkRegistration holds a connector's description against what the API and a settings form need of it.
func checkRegistration(tb testing.TB, c audit.Connector) {
	tb.Helper()
	if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(c.Name) {
		tb.Errorf("the name %q is no key", c.Name)
	}
	if c.Label == "" || c.Description == "" || len(c.Feeds) == 0 {
		tb.Errorf("label, description or feeds are missing")
	}
	names := map[string]bool{}
	for _, field := range c.Settings {
		checkField(tb, field)
		if names[field.Name] {
			tb.Errorf("setting %s comes twice", field.Name)
		}
		names[field.Name] = true
	}
	feeds := map[string]bool{}
	for _, feed := range c.Feeds {
		if feed.Name == "" || feed.Label == "" || feeds[feed.Name] {
			tb.Errorf("feed %q has no name or label, or comes twice", feed.Name)
		}
		feeds[feed.Name] = true
	}
}

func checkField(tb testing.TB, field audit.SettingField) {
	tb.Helper()
	if field.Name == "" || field.Label == "" || field.Help == "" {
		tb.Errorf("setting %q has no name, label or help", field.Name)
	}
	if field.Secret && len(field.Default) > 0 {
		tb.Errorf("setting %s is a secret with a default", field.Name)
	}
	if _, err := regexp.Compile(string(field.Pattern)); err != nil {
		tb.Errorf("setting %s: %v", field.Name, err)
		return
	}
	if len(field.Default) > 0 {
		if problem := field.Check(json.RawMessage(field.Default)); problem != "" {
			tb.Errorf("the default of setting %s %s", field.Name, problem)
		}
	}
	if field.Kind == audit.SettingText && field.Example != "" {
		example, err := json.Marshal(field.Example)
		if problem := field.Check(example); err != nil || problem != "" {
			tb.Errorf("the example of setting %s %s", field.Name, problem)
		}
	}
}
