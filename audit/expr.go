package audit

import (
	"net/netip"
	"slices"
	"time"
)

// Field names what a condition looks at, as in the filter's text form.
type Field string

// The fields of text, and those of their own kind behind them.
const (
	FieldType        Field = "type"
	FieldAction      Field = "action"
	FieldCategory    Field = "category"
	FieldConnector   Field = "connector"
	FieldActor       Field = "actor"
	FieldActorType   Field = "actor.type"
	FieldActorID     Field = "actor.id"
	FieldActorName   Field = "actor.name"
	FieldActorEmail  Field = "actor.email"
	FieldBehalf      Field = "behalf"
	FieldBehalfType  Field = "behalf.type"
	FieldBehalfID    Field = "behalf.id"
	FieldBehalfName  Field = "behalf.name"
	FieldBehalfEmail Field = "behalf.email"
	FieldTarget      Field = "target"
	FieldTargetType  Field = "target.type"
	FieldTargetID    Field = "target.id"
	FieldTargetName  Field = "target.name"
	FieldOutcome     Field = "outcome"
	FieldCountry     Field = "country"
	FieldCity        Field = "city"
	FieldUserAgent   Field = "agent"
	FieldSession     Field = "session"
	FieldRequest     Field = "request"
	FieldVendorID    Field = "id"
	FieldPath        Field = "path"
	FieldIntegration Field = "integration"
	FieldIP          Field = "ip"
	FieldOccurred    Field = "occurred"
	FieldRecorded    Field = "recorded"
	FieldSeq         Field = "seq"
)

// Expr is a normalised filter: the small tree that every backend evaluates. Each node is true or false of an activity,
// never unknown; absent text is empty text. The nodes are All, Any, Not, In, Prefix, Has, InIntegrations, InNetworks,
// Between, SeqBetween and SomeTarget.
type Expr interface{ expr() }

type (
	// All holds when every part holds; without parts always.
	All []Expr
	// Any holds when one part holds; without parts never.
	Any []Expr
	// Not holds when its part does not.
	Not struct{ Of Expr }
	// In holds when the field's text is one of the values; with Negated when it is none of them, as for absent text.
	In struct {
		Field   Field
		Values  []string // sorted, each once
		Negated bool
	}
	// Prefix holds when the field's text begins with one of the values.
	Prefix struct {
		Field  Field
		Values []string
	}
	// Has holds when the field has a value; with Negated when it has none.
	Has struct {
		Field   Field
		Negated bool
	}
	// InIntegrations holds for activities of one of the integrations; with Negated of none.
	InIntegrations struct {
		IDs     []IntegrationID
		Negated bool
	}
	// InNetworks holds when the address lies in one of the networks; with Negated when in none, as for no address.
	InNetworks struct {
		Networks []netip.Prefix // masked, v4-mapped ones as v4
		Negated  bool
	}
	// Between holds for times in [From, To); a zero end is open. Field is FieldOccurred or FieldRecorded.
	Between struct {
		Field    Field
		From, To time.Time
	}
	// SeqBetween holds for positions in [Min, Max]; a nil end is open.
	SeqBetween struct{ Min, Max *int64 }
	// SomeTarget holds when one target fulfils Of, or when there is no target and Of holds of absent values.
	// Of has target fields only.
	SomeTarget struct {
		Of All
		// Root marks the condition that is the filter's own `target`: a value that a client adds to the filter joins it.
		Root bool
	}
)

func (All) expr()            {}
func (Any) expr()            {}
func (Not) expr()            {}
func (In) expr()             {}
func (Prefix) expr()         {}
func (Has) expr()            {}
func (InIntegrations) expr() {}
func (InNetworks) expr()     {}
func (Between) expr()        {}
func (SeqBetween) expr()     {}
func (SomeTarget) expr()     {}

// field is what a conjunct looks at, empty for compound ones.
func field(e Expr) Field {
	switch e := e.(type) {
	case In:
		return e.Field
	case Prefix:
		return e.Field
	case Has:
		return e.Field
	case InIntegrations:
		return FieldIntegration
	case InNetworks:
		return FieldIP
	case Between:
		return e.Field
	case SeqBetween:
		return FieldSeq
	}
	return ""
}

// Without leaves out the terms of one field: those that stand alone at the top or under `and`, and those within a
// target condition there. What stands under `or` and `not` stays. A facet counts under this.
func Without(where All, own Field) All {
	kept := make(All, 0, len(where))
	for _, part := range where {
		target, ok := part.(SomeTarget)
		switch {
		case ok:
			if target.Of = Without(target.Of, own); len(target.Of) > 0 {
				kept = append(kept, target)
			}
		case field(part) != own:
			kept = append(kept, part)
		}
	}
	return kept
}

// Selected gives the values that an `in` of the field names at the top or under `and`. Integrations are given as
// decimal ids, networks in their text form.
func Selected(where All, own Field) []string {
	var values []string
	for _, part := range where {
		switch part := part.(type) {
		case In:
			if part.Field == own && !part.Negated {
				values = append(values, part.Values...)
			}
		case InIntegrations:
			if own == FieldIntegration && !part.Negated {
				for _, id := range part.IDs {
					values = append(values, id.String())
				}
			}
		case InNetworks:
			if own == FieldIP && !part.Negated {
				values = append(values, singleAddresses(part.Networks)...)
			}
		case SomeTarget:
			values = append(values, Selected(part.Of, own)...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func singleAddresses(networks []netip.Prefix) []string {
	var values []string
	for _, network := range networks {
		if network.IsSingleIP() {
			values = append(values, network.Addr().String())
		}
	}
	return values
}

// OccurredRange is the time asked for at the top or under `and`: from inclusive, to exclusive, zero when open.
func OccurredRange(where All) (from, to time.Time) {
	for _, part := range where {
		between, ok := part.(Between)
		if !ok || between.Field != FieldOccurred {
			continue
		}
		if between.From.After(from) {
			from = between.From
		}
		if !between.To.IsZero() && (to.IsZero() || between.To.Before(to)) {
			to = between.To
		}
	}
	return from, to
}
