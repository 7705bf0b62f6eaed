package connector

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bounds of a wait. A vendor's header is foreign text: it shall neither make us ask without pause nor stop for
// good.
const (
	shortestWait = time.Second
	longestWait  = time.Hour
)

// RetryAt reads from an answer's headers when the vendor takes requests again: Retry-After as seconds or a date, else,
// when X-RateLimit-Remaining is 0, X-RateLimit-Reset, both also without `X-`. It is false when the headers do not tell.
// The time lies between 1 s and 1 h ahead, whatever the vendor says.
func RetryAt(header http.Header, now time.Time) (time.Time, bool) {
	if at, ok := parseRetryAfter(header.Get("Retry-After"), now); ok {
		return boundWait(at, now), true
	}
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		if strings.TrimSpace(header.Get(prefix+"Remaining")) != "0" {
			continue
		}
		if at, ok := parseReset(header.Get(prefix+"Reset"), now); ok {
			return boundWait(at, now), true
		}
	}
	return time.Time{}, false
}

// parseRetryAfter reads RFC 9110 section 10.2.3, and the ISO date that Zoom sends instead.
func parseRetryAfter(value string, now time.Time) (time.Time, bool) {
	if seconds, ok := parseSeconds(value); ok {
		return now.Add(seconds), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return at, true
	}
	at, err := time.Parse(time.RFC3339, value)
	return at, err == nil
}

// parseReset reads what vendors put there: seconds to wait (Datadog), seconds since 1970 (GitHub, Okta), or
// milliseconds since 1970 (Linear). Their sizes tell them apart.
func parseReset(value string, now time.Time) (time.Time, bool) {
	const decades, milliseconds = 1e9, 1e11
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	switch {
	case err != nil || math.IsNaN(n):
		return time.Time{}, false
	case n < decades:
		return now.Add(seconds(n)), true
	case n < milliseconds:
		return time.Unix(int64(n), 0), true
	}
	return time.UnixMilli(int64(min(n, 1e15))), true
}

func parseSeconds(value string) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(n) {
		return 0, false
	}
	return seconds(n), true
}

// seconds keeps within what a Duration can hold.
func seconds(n float64) time.Duration {
	return time.Duration(max(min(n, 2*longestWait.Seconds()), 0) * float64(time.Second))
}

func boundWait(at, now time.Time) time.Time {
	return now.Add(min(max(at.Sub(now), shortestWait), longestWait))
}
