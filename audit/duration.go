package audit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is an ISO 8601 duration of weeks, days, hours, minutes and seconds; a day is 24 hours.
type Duration time.Duration

var durationPattern = regexp.MustCompile(`^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?$`)

var errDuration = errors.New("no ISO 8601 duration of weeks, days, hours, minutes and seconds, like PT15M or P7D")

// ParseDuration reads the ISO form. Months and years are refused since their length varies.
func ParseDuration(text string) (Duration, error) {
	m := durationPattern.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return 0, errDuration
	}
	var total time.Duration
	units := []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second}
	for i, unit := range units {
		if m[i+1] == "" {
			continue
		}
		count, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil || count > (1<<63-1-int64(total))/int64(unit) {
			return 0, errDuration
		}
		total += time.Duration(count) * unit
	}
	if m[6] != "" {
		nanos, _ := strconv.ParseInt((m[6] + "000000000")[:9], 10, 64)
		if nanos > 1<<63-1-int64(total) {
			return 0, errDuration
		}
		total += time.Duration(nanos)
	}
	return Duration(total), nil
}

// String is the ISO form: `PT15M`, `P7D`, `P1DT2H`.
func (d Duration) String() string {
	if d == 0 {
		return "PT0S"
	}
	rest := time.Duration(d)
	var b strings.Builder
	if rest < 0 {
		b.WriteByte('-')
		rest = -rest
	}
	b.WriteByte('P')
	if days := rest / (24 * time.Hour); days > 0 {
		b.WriteString(strconv.FormatInt(int64(days), 10) + "D")
		rest %= 24 * time.Hour
	}
	if rest == 0 {
		return b.String()
	}
	b.WriteByte('T')
	if hours := rest / time.Hour; hours > 0 {
		b.WriteString(strconv.FormatInt(int64(hours), 10) + "H")
		rest %= time.Hour
	}
	if minutes := rest / time.Minute; minutes > 0 {
		b.WriteString(strconv.FormatInt(int64(minutes), 10) + "M")
		rest %= time.Minute
	}
	if rest > 0 {
		seconds := fmt.Sprintf("%d.%09d", rest/time.Second, rest%time.Second)
		b.WriteString(strings.TrimRight(strings.TrimRight(seconds, "0"), ".") + "S")
	}
	return b.String()
}

// MarshalText gives the ISO form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the ISO form.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}
