package scalar

import (
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"annals/audit"
)

// enum is a closed set whose words are those of the API.
type enum interface {
	~string
	Valid() bool
}

var errEnum = errors.New("is no value of the enum: they are upper case")

// read refuses what gqlparser lets pass in a variable: a value in another case.
func read[T enum](v any) (T, error) {
	text, _ := v.(string)
	value := T(text)
	if !value.Valid() {
		return "", errEnum
	}
	return value, nil
}

func write[T enum](value T) graphql.Marshaler { return graphql.MarshalString(string(value)) }

// MarshalAction writes a verb.
func MarshalAction(a audit.Action) graphql.Marshaler { return write(a) }

// UnmarshalAction reads a verb.
func UnmarshalAction(v any) (audit.Action, error) { return read[audit.Action](v) }

// MarshalCategory writes an area.
func MarshalCategory(c audit.Category) graphql.Marshaler { return write(c) }

// UnmarshalCategory reads an area.
func UnmarshalCategory(v any) (audit.Category, error) { return read[audit.Category](v) }

// MarshalActorType writes a kind of actor.
func MarshalActorType(t audit.ActorType) graphql.Marshaler { return write(t) }

// UnmarshalActorType reads a kind of actor.
func UnmarshalActorType(v any) (audit.ActorType, error) { return read[audit.ActorType](v) }

// MarshalOutcome writes an outcome.
func MarshalOutcome(o audit.Outcome) graphql.Marshaler { return write(o) }

// UnmarshalOutcome reads an outcome.
func UnmarshalOutcome(v any) (audit.Outcome, error) { return read[audit.Outcome](v) }

// MarshalPath writes a way of arrival.
func MarshalPath(p audit.Path) graphql.Marshaler { return write(p) }

// UnmarshalPath reads a way of arrival.
func UnmarshalPath(v any) (audit.Path, error) { return read[audit.Path](v) }

// MarshalFacetField writes a field that can be counted or grouped by.
func MarshalFacetField(f audit.FacetField) graphql.Marshaler { return write(f) }

// UnmarshalFacetField reads a field that can be counted or grouped by.
func UnmarshalFacetField(v any) (audit.FacetField, error) { return read[audit.FacetField](v) }

// MarshalOrderField writes a sortable time.
func MarshalOrderField(f audit.OrderField) graphql.Marshaler { return write(f) }

// UnmarshalOrderField reads a sortable time.
func UnmarshalOrderField(v any) (audit.OrderField, error) { return read[audit.OrderField](v) }

// MarshalDirection writes a direction.
func MarshalDirection(d audit.Direction) graphql.Marshaler { return write(d) }

// UnmarshalDirection reads a direction.
func UnmarshalDirection(v any) (audit.Direction, error) { return read[audit.Direction](v) }
