package audit

import (
	"slices"
	"strings"
	"time"
)

// Match evaluates a normalised filter on one activity. A nil expression matches everything.
func Match(where Expr, a *Activity) bool {
	switch e := where.(type) {
	case nil:
		return true
	case All:
		return !slices.ContainsFunc(e, func(part Expr) bool { return !Match(part, a) })
	case Any:
		return slices.ContainsFunc(e, func(part Expr) bool { return Match(part, a) })
	case Not:
		return !Match(e.Of, a)
	case InIntegrations:
		return slices.Contains(e.IDs, a.IntegrationID) != e.Negated
	case InNetworks:
		return inNetworks(e, a) != e.Negated
	case Between:
		return between(e, a)
	case SeqBetween:
		return (e.Min == nil || a.Seq >= *e.Min) && (e.Max == nil || a.Seq <= *e.Max)
	case SomeTarget:
		return someTarget(e, a.Targets)
	default:
		return matchText(where, func(f Field) string { return a.text(f) })
	}
}

// matchText evaluates the conditions on text by a way to read it.
func matchText(where Expr, read func(Field) string) bool {
	switch e := where.(type) {
	case In:
		return slices.Contains(e.Values, read(e.Field)) != e.Negated
	case Prefix:
		text := read(e.Field)
		return slices.ContainsFunc(e.Values, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
	case Has:
		return (read(e.Field) != "") != e.Negated
	}
	return false
}

func inNetworks(e InNetworks, a *Activity) bool {
	for _, network := range e.Networks {
		if network.Contains(a.Origin.IP) {
			return true
		}
	}
	return false
}

func between(e Between, a *Activity) bool {
	var at time.Time
	if e.Field == FieldRecorded {
		at = a.RecordedAt
	} else {
		at = a.OccurredAt
	}
	return (e.From.IsZero() || !at.Before(e.From)) && (e.To.IsZero() || at.Before(e.To))
}

func someTarget(e SomeTarget, targets []Target) bool {
	if len(targets) == 0 {
		return matchTarget(e.Of, Target{})
	}
	return slices.ContainsFunc(targets, func(t Target) bool { return matchTarget(e.Of, t) })
}

func matchTarget(of All, t Target) bool {
	for _, part := range of {
		if !matchText(part, func(f Field) string { return t.text(f) }) {
			return false
		}
	}
	return true
}

// text reads a text field of a target, empty when absent.
func (t Target) text(f Field) string {
	switch f {
	case FieldTarget:
		return t.Key
	case FieldTargetType:
		return t.Type
	case FieldTargetID:
		return string(t.VendorID)
	case FieldTargetName:
		return string(t.Name)
	}
	return ""
}

// text reads a text field of an activity, empty when absent.
func (a *Activity) text(f Field) string {
	switch f {
	case FieldType:
		return a.Type
	case FieldAction:
		return string(a.Action)
	case FieldCategory:
		return string(a.Category)
	case FieldConnector:
		return a.Connector
	case FieldOutcome:
		return string(a.Outcome)
	case FieldIP:
		if a.Origin.IP.IsValid() {
			return a.Origin.IP.String()
		}
		return ""
	case FieldUserAgent:
		return string(a.Origin.UserAgent)
	case FieldSession:
		return string(a.SessionID)
	case FieldRequest:
		return string(a.RequestID)
	case FieldVendorID:
		return string(a.VendorID)
	case FieldPath:
		return string(a.Path)
	case FieldCountry, FieldCity:
		return a.Origin.Location.text(f)
	case FieldActor, FieldActorType, FieldActorID, FieldActorName, FieldActorEmail:
		return a.Actor.text(f)
	case FieldBehalf, FieldBehalfType, FieldBehalfID, FieldBehalfName, FieldBehalfEmail:
		return a.OnBehalfOf.text(f)
	}
	return ""
}

func (l *Location) text(f Field) string {
	switch {
	case l == nil:
		return ""
	case f == FieldCountry:
		return string(l.Country)
	}
	return string(l.City)
}

func (a *Actor) text(f Field) string {
	if a == nil {
		return ""
	}
	switch f {
	case FieldActor, FieldBehalf:
		return a.Key
	case FieldActorType, FieldBehalfType:
		return string(a.Type)
	case FieldActorID, FieldBehalfID:
		return string(a.VendorID)
	case FieldActorName, FieldBehalfName:
		return string(a.Name)
	}
	return string(a.Email)
}

// HoldsWithout reports whether an activity without targets fulfils the condition.
func (e SomeTarget) HoldsWithout() bool { return matchTarget(e.Of, Target{}) }
