package connector

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAt(t *testing.T) {
	t.Parallel()
	epoch := testNow.Unix()
	tests := []struct {
		headers string        // `Name: value`, divided by `|`
		wait    time.Duration // 0: the headers do not tell
	}{
		{"", 0},
		{"Retry-After: 1", time.Second},
		{"Retry-After: 90", 90 * time.Second},
		{"Retry-After:  90 ", 90 * time.Second},
		{"Retry-After: 1.5", 1500 * time.Millisecond},
		{"Retry-After: 0", time.Second},
		{"Retry-After: -1", time.Second},
		{"Retry-After: -9223372036854775808", time.Second},
		{"Retry-After: 3600", time.Hour},
		{"Retry-After: 3601", time.Hour},
		{"Retry-After: 1000000000", time.Hour},
		{"Retry-After: 99999999999999999999999999", time.Hour},
		{"Retry-After: Inf", time.Hour},
		{"Retry-After: NaN", 0},
		{"Retry-After: soon", 0},
		{"Retry-After: Mon, 02 Mar 2026 08:01:00 GMT", time.Minute},
		{"Retry-After: Mon, 02 Mar 2026 07:00:00 GMT", time.Second},
		{"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", time.Hour},
		{"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", time.Second},
		{"Retry-After: 2026-03-02T08:01:00Z", time.Minute},
		{"Retry-After: 90|X-RateLimit-Remaining: 0|X-RateLimit-Reset: 5", 90 * time.Second},
		{"X-RateLimit-Reset: 30", 0},
		{"X-RateLimit-Remaining: 0", 0},
		{"X-RateLimit-Remaining: 1|X-RateLimit-Reset: 30", 0},
		{"X-RateLimit-Remaining: 0|X-RateLimit-Reset: 30", 30 * time.Second},
		{"X-RateLimit-Remaining: 0|X-RateLimit-Reset: -30", time.Second},
		{"X-RateLimit-Remaining: 0|X-RateLimit-Reset: soon", 0},
		{"X-RateLimit-Remaining: 0|X-RateLimit-Reset: NaN", 0},
		{"X-RateLimit-Remaining: 0|X-RateLimit-Reset: Inf", time.Hour},
		{fmt.Sprintf("X-RateLimit-Remaining: 0|X-RateLimit-Reset: %d", epoch+60), time.Minute},
		{fmt.Sprintf("X-RateLimit-Remaining: 0|X-RateLimit-Reset: %d", epoch-60), time.Second},
		{fmt.Sprintf("X-RateLimit-Remaining: 0|X-RateLimit-Reset: %d", epoch*1000+2500), 2500 * time.Millisecond},
		{"RateLimit-Remaining: 0|RateLimit-Reset: 7", 7 * time.Second},
	}
	for _, test := range tests {
		header := http.Header{}
		for line := range strings.SplitSeq(test.headers, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				header.Set(name, value)
			}
		}
		until, told := RetryAt(header, testNow)
		if told != (test.wait != 0) || told && !until.Equal(testNow.Add(test.wait)) {
			t.Errorf("%q: %v later, %v", test.headers, until.Sub(testNow), told)
		}
	}
}
