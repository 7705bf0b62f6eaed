package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"annals/audit"
)

var errRestrictsNothing = errors.New("it restricts nothing: give a condition, or leave it out")

// ParseRestriction reads the JSON of a restriction, the API's ActivityFilter. An unknown field is an error: a condition
// that is not understood must not be left out. So is null, and no JSON at all: they would be no restriction.
func ParseRestriction(text string) (*audit.Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errRestrictsNothing
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var filter *audit.Filter
	if err := decoder.Decode(&filter); err != nil {
		return nil, fmt.Errorf("reading the restriction: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the restriction: something follows its end")
	}
	if filter == nil {
		return nil, errRestrictsNothing
	}
	return filter, nil
}

// join makes the restriction that holds when both do; nil is none. It keeps one flat list, so that a line of tokens, each
// more restricted than the one that made it, does not nest.
func join(outer, inner *audit.Filter) *audit.Filter {
	parts := append(conditions(outer), conditions(inner)...)
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return &audit.Filter{And: parts}
}

// conditions takes apart a filter that is nothing but an `and`.
func conditions(f *audit.Filter) []*audit.Filter {
	if f == nil {
		return nil
	}
	rest := *f
	rest.And = nil
	if len(f.And) > 0 && reflect.ValueOf(rest).IsZero() {
		return append([]*audit.Filter(nil), f.And...)
	}
	return []*audit.Filter{f}
}
