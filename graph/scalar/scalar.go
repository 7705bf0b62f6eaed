// Package scalar reads and writes the scalars of the GraphQL schema, and the enums whose words differ in Go.
package scalar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"annals/audit"
)

// maxLong is the largest whole number that a JavaScript number holds exactly.
const maxLong = 1<<53 - 1

// MarshalText writes optional text, null when empty.
func MarshalText(t audit.Text) graphql.Marshaler {
	if t == "" {
		return graphql.Null
	}
	return graphql.MarshalString(string(t))
}

// UnmarshalText reads optional text.
func UnmarshalText(v any) (audit.Text, error) {
	if v == nil {
		return "", nil // null is the same as absent
	}
	text, ok := v.(string)
	if !ok {
		return "", errors.New("must be a string")
	}
	return audit.Text(text), nil
}

// MarshalIP writes an address in canonical text, null when there is none.
func MarshalIP(ip netip.Addr) graphql.Marshaler {
	if !ip.IsValid() {
		return graphql.Null
	}
	return graphql.MarshalString(ip.String())
}

// UnmarshalIP reads an address.
func UnmarshalIP(v any) (netip.Addr, error) {
	if v == nil {
		return netip.Addr{}, nil // null is the same as absent
	}
	text, ok := v.(string)
	if !ok {
		return netip.Addr{}, errors.New("must be a string")
	}
	return netip.ParseAddr(text)
}

const dateTimeLayout = "2006-01-02T15:04:05.000000Z"

// MarshalDateTime writes UTC with exactly six decimals, so that texts sort as times do.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.MarshalString(t.UTC().Format(dateTimeLayout))
}

var dateTimePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// UnmarshalDateTime reads RFC 3339 with a zone and at most six decimals.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok || !dateTimePattern.MatchString(text) {
		return time.Time{}, errors.New("must be RFC 3339 with a zone and at most six decimals, like 2026-11-23T02:18:34Z")
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		return time.Time{}, errors.New("must be a time that exists, like 2026-11-23T02:18:34Z")
	}
	return t.UTC(), nil
}

// MarshalDuration writes the ISO 8601 form.
func MarshalDuration(d audit.Duration) graphql.Marshaler { return graphql.MarshalString(d.String()) }

// UnmarshalDuration reads the ISO 8601 form.
func UnmarshalDuration(v any) (audit.Duration, error) {
	text, ok := v.(string)
	if !ok {
		return 0, errors.New("must be an ISO 8601 duration like PT15M or P7D")
	}
	d, err := audit.ParseDuration(text)
	if err != nil {
		return 0, errors.New("must be an ISO 8601 duration of weeks, days, hours, minutes and seconds, like PT15M or P7D")
	}
	return d, nil
}

// MarshalLong writes a JSON number.
func MarshalLong(n int64) graphql.Marshaler { return graphql.MarshalInt64(n) }

// UnmarshalLong reads a JSON number or a decimal string within plus or minus 2^53-1.
func UnmarshalLong(v any) (int64, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	case int:
		text = strconv.Itoa(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > maxLong || n < -maxLong {
		return 0, errors.New("must be a whole number from -(2^53-1) to 2^53-1")
	}
	return n, nil
}

// MarshalJSON writes a stored document as it is, null when absent.
func MarshalJSON(j audit.JSON) graphql.Marshaler {
	if len(j) == 0 {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(j) })
}

// UnmarshalJSON reads any JSON value; an explicit null is absent.
func UnmarshalJSON(v any) (audit.JSON, error) {
	if v == nil {
		return nil, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, errors.New("must be a JSON value")
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

var zonePattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$`)

// MarshalTimeZone writes the IANA name.
func MarshalTimeZone(zone *time.Location) graphql.Marshaler {
	return graphql.MarshalString(zone.String())
}

// UnmarshalTimeZone reads an IANA name. Offsets and abbreviations are refused, for they know no summer time.
func UnmarshalTimeZone(v any) (*time.Location, error) {
	name, ok := v.(string)
	if !ok || name != "UTC" && (!zonePattern.MatchString(name) || !strings.Contains(name, "/")) {
		return nil, errors.New("must be an IANA time zone like Europe/Berlin or UTC")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%.64q is no IANA time zone like Europe/Berlin", name)
	}
	return zone, nil
}

// MarshalScope writes `activities:read` as ACTIVITIES_READ.
func MarshalScope(s audit.Scope) graphql.Marshaler {
	return graphql.MarshalString(ScopeName(s))
}

// ScopeName is the API's name of a scope.
func ScopeName(s audit.Scope) string {
	return strings.ToUpper(strings.ReplaceAll(string(s), ":", "_"))
}

// UnmarshalScope reads the API's name of a scope.
func UnmarshalScope(v any) (audit.Scope, error) {
	name, _ := v.(string)
	area, right, ok := cutLast(strings.ToLower(name), "_")
	scope := audit.Scope(area + ":" + right)
	if !ok || !scope.Valid() || ScopeName(scope) != name {
		return "", errEnum
	}
	return scope, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// MarshalHealthReason writes a reason, null when there is none.
func MarshalHealthReason(r audit.HealthReason) graphql.Marshaler {
	if r == "" {
		return graphql.Null
	}
	return graphql.MarshalString(string(r))
}

// UnmarshalHealthReason reads a reason.
func UnmarshalHealthReason(v any) (audit.HealthReason, error) {
	text, _ := v.(string)
	return audit.HealthReason(text), nil
}
