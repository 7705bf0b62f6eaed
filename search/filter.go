package search

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"annals/audit"
)

// kind is how a condition is built, which decides about parentheses.
type kind int

const (
	everything kind = iota // holds always
	nothing                // holds never
	single                 // one comparison
	conjunction
	disjunction
)

// condition is a part of a filter in Meilisearch's language. The zero condition holds always.
type condition struct {
	kind kind
	text string
}

// superset translates a filter into a condition that holds for every document whose activity it holds for. What the
// index cannot say, it leaves out: the caller checks by Match. negated asks for the opposite, so that what is left out
// under a NOT still leaves more and not less.
func superset(where audit.Expr, negated bool) condition {
	switch e := where.(type) {
	case audit.All:
		return join(supersets(e, negated), negated)
	case audit.Any:
		return join(supersets(e, negated), !negated)
	case audit.Not:
		return superset(e.Of, !negated)
	case audit.In:
		return in(e.Field, e.Values, e.Negated != negated)
	case audit.Prefix:
		return prefix(e, negated)
	case audit.Has:
		return has(e.Field, e.Negated != negated)
	case audit.InIntegrations:
		return inIntegrations(e, e.Negated != negated)
	case audit.InNetworks:
		return inNetworks(e, e.Negated != negated)
	case audit.Between:
		return between(e, negated)
	case audit.SeqBetween:
		return seqBetween(e, negated)
	case audit.SomeTarget:
		return someTarget(e.Of, negated)
	}
	return condition{}
}

func supersets(parts []audit.Expr, negated bool) []condition {
	conditions := make([]condition, len(parts))
	for i, part := range parts {
		conditions[i] = superset(part, negated)
	}
	return conditions
}

func join(parts []condition, either bool) condition {
	if either {
		return anyOf(parts...)
	}
	return allOf(parts...)
}

// allOf joins conditions by AND.
func allOf(parts ...condition) condition {
	var texts []string
	joined := condition{kind: everything}
	for _, part := range parts {
		switch part.kind {
		case everything:
			continue
		case nothing:
			return part
		case disjunction:
			texts = append(texts, "("+part.text+")")
		default:
			texts = append(texts, part.text)
		}
		joined = part
	}
	if len(texts) > 1 {
		return condition{conjunction, strings.Join(texts, " AND ")}
	}
	return joined
}

// anyOf joins conditions by OR, which binds weaker than AND.
func anyOf(parts ...condition) condition {
	var texts []string
	joined := condition{kind: nothing}
	for _, part := range parts {
		switch part.kind {
		case nothing:
			continue
		case everything:
			return part
		default:
			texts = append(texts, part.text)
			joined = part
		}
	}
	if len(texts) > 1 {
		return condition{disjunction, strings.Join(texts, " OR ")}
	}
	return joined
}

func is(format string, args ...any) condition {
	return condition{single, fmt.Sprintf(format, args...)}
}

func not(c condition) condition { return condition{single, "NOT " + c.text} }

// in holds for documents with one of the values, negated for those with none of them. Negated it leaves out values
// that had to be cut, since it would hold for others that begin alike.
func in(field audit.Field, values []string, negated bool) condition {
	var forms []string
	absent := false
	for _, value := range values {
		form, whole := exact(value)
		switch {
		case value == "":
			absent = true
		case whole || !negated:
			forms = append(forms, quote(form))
		}
	}
	listed := condition{kind: nothing}
	if len(forms) > 0 {
		listed = is("%s IN [%s]", attribute(field), strings.Join(forms, ", "))
	}
	switch {
	case negated && listed.kind == nothing:
		listed = condition{kind: everything}
	case negated:
		listed = not(listed)
	}
	switch {
	case !absent:
		return listed
	case negated:
		return allOf(listed, has(field, false))
	}
	return anyOf(listed, has(field, true))
}

func has(field audit.Field, negated bool) condition {
	exists := is("%s EXISTS", attribute(field))
	if negated {
		return not(exists)
	}
	return exists
}

// prefix is asked of types alone: the server reads every value of the attribute, and of types there are few.
func prefix(e audit.Prefix, negated bool) condition {
	if e.Field != audit.FieldType {
		return condition{}
	}
	var parts []condition
	for _, value := range e.Values {
		form, whole := exact(value)
		begins := is("%s STARTS WITH %s", attribute(e.Field), quote(form))
		switch {
		case value == "" && negated:
			return condition{kind: nothing}
		case value == "":
			return condition{}
		case !negated:
			parts = append(parts, begins)
		case whole:
			parts = append(parts, not(begins))
		}
	}
	return join(parts, !negated)
}

func inIntegrations(e audit.InIntegrations, negated bool) condition {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = id.String()
	}
	return in(audit.FieldIntegration, ids, negated)
}

// inNetworks knows single addresses alone. A network holds for everything, and negated for nothing more.
func inNetworks(e audit.InNetworks, negated bool) condition {
	var addresses []string
	for _, network := range e.Networks {
		switch {
		case network.IsSingleIP():
			addresses = append(addresses, network.Addr().String())
		case !negated:
			return condition{}
		}
	}
	return in(audit.FieldIP, addresses, negated)
}

func between(e audit.Between, negated bool) condition {
	var bounds []condition
	name := attribute(e.Field)
	if !e.From.IsZero() {
		bounds = append(bounds, atLeast(name, ceiling(e.From), negated))
	}
	if !e.To.IsZero() {
		bounds = append(bounds, atLeast(name, ceiling(e.To), !negated))
	}
	return join(bounds, negated)
}

func seqBetween(e audit.SeqBetween, negated bool) condition {
	var bounds []condition
	if e.Min != nil {
		bounds = append(bounds, atLeast(attributeSeq, *e.Min, negated))
	}
	if e.Max != nil && *e.Max < math.MaxInt64 {
		bounds = append(bounds, atLeast(attributeSeq, *e.Max+1, !negated))
	}
	return join(bounds, negated)
}

// ceiling is the first microsecond that is not before a time.
func ceiling(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

// atLeast compares a number, negated asks for smaller ones. Beyond what the index is exact for it says nothing.
func atLeast(name string, bound int64, negated bool) condition {
	switch {
	case bound <= -latest || bound > latest:
		return condition{}
	case negated:
		return is("%s < %d", name, bound)
	}
	return is("%s >= %d", name, bound)
}

// someTarget asks each part of some target, not all of the same one. It says what an activity without targets
// cannot fulfil: that a value is there.
func someTarget(of audit.All, negated bool) condition {
	if negated {
		return noTarget(of)
	}
	var parts []condition
	for _, part := range of {
		switch e := part.(type) {
		case audit.In:
			if !e.Negated && !slices.Contains(e.Values, "") {
				parts = append(parts, in(e.Field, e.Values, false))
			}
		case audit.Has:
			if !e.Negated {
				parts = append(parts, has(e.Field, false))
			}
		}
	}
	return allOf(parts...)
}

// noTarget says that no target fulfils a condition, where the condition is a single one.
func noTarget(of audit.All) condition {
	if len(of) != 1 {
		return condition{}
	}
	switch e := of[0].(type) {
	case audit.In:
		if !e.Negated && !slices.Contains(e.Values, "") {
			return in(e.Field, e.Values, true)
		}
	case audit.Has:
		if !e.Negated {
			return has(e.Field, true)
		}
	}
	return condition{}
}
