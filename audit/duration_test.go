package audit_test

import (
	"encoding/json"
	"math"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"PT0S":                    0,
		"P0D":                     0,
		"PT15M":                   15 * time.Minute,
		"P7D":                     7 * 24 * time.Hour,
		"P2W":                     14 * 24 * time.Hour,
		"P1DT2H":                  26 * time.Hour,
		"P1W1DT1H1M1.5S":          8*24*time.Hour + time.Hour + time.Minute + 1500*time.Millisecond,
		"PT0.000001S":             time.Microsecond,
		"PT1.100000000S":          1100 * time.Millisecond,
		"PT36H":                   36 * time.Hour,
		"PT000090M":               90 * time.Minute,
		"PT9223372036S":           9223372036 * time.Second,
		"PT9223372036.854775807S": math.MaxInt64,
		"P15250W":                 15250 * 7 * 24 * time.Hour,
	} {
		got, err := audit.ParseDuration(text)
		if err != nil || time.Duration(got) != want {
			t.Errorf("%s is %s, %v, want %s", text, time.Duration(got), err, want)
		}
	}
	for _, text := range []string{
		"", "P", "PT", "P1DT", "T1H", "1H", "PT1", "P1H", "PT1D", "P1M", "P1Y", "P1Y2M", "PT1M1H", "P1D1W", "-PT1S", "PT-1S",
		"+PT1S", "pt1s", "PT1,5S", "PT.5S", "PT1.S", "PT1.5M", "PT1.0000000001S", " PT1S", "PT1S ", "PT1S\n", "PT١S", "1d", "7",
		"PT9223372037S", "PT9223372036.854775808S", "P15251W", "P99999999999999999999D", "PT18446744073709551617S",
		"P15250W9223372036854775807D",
	} {
		if got, err := audit.ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, time.Duration(got))
		}
	}
}

var durationForm = regexp.MustCompile(`^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$`)

func TestDurationRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(rt, "unit")
		d := audit.Duration(time.Duration(rapid.Int64Range(0, math.MaxInt64/int64(unit)).Draw(rt, "count")) * unit)
		text := d.String()
		if got, err := audit.ParseDuration(text); err != nil || got != d {
			rt.Fatalf("%d prints as %q, which is %d, %v", d, text, got, err)
		}
		if !durationForm.MatchString(text) {
			rt.Fatalf("%q is no ISO form", text)
		}
	})
}

func TestDurationString(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                          "PT0S",
		15 * time.Minute:           "PT15M",
		24 * time.Hour:             "P1D",
		7 * 24 * time.Hour:         "P7D",
		26 * time.Hour:             "P1DT2H",
		1500 * time.Millisecond:    "PT1.5S",
		time.Nanosecond:            "PT0.000000001S",
		59999999999:                "PT59.999999999S",
		3778878 * time.Microsecond: "PT3.778878S", // as a double it is a hair less
		10 * time.Second:           "PT10S",
		time.Hour + time.Second:    "PT1H1S",
		-time.Minute:               "-PT1M",
		90*time.Minute + 30000000:  "PT1H30M0.03S",
	} {
		if got := audit.Duration(d).String(); got != want {
			t.Errorf("%s prints as %q, want %q", d, got, want)
		}
	}
}

func TestDurationInJSON(t *testing.T) {
	t.Parallel()
	type settings struct{ Interval *audit.Duration }
	text, err := json.Marshal(settings{Interval: new(audit.Duration(90 * time.Second))})
	if err != nil || string(text) != `{"Interval":"PT1M30S"}` {
		t.Errorf("%s, %v", text, err)
	}
	var back settings
	if err := json.Unmarshal(text, &back); err != nil || *back.Interval != audit.Duration(90*time.Second) {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"Interval":"soon"}`), &back); err == nil {
		t.Error("soon is a duration")
	}
}
