package main

import (
	"net/http"
	"net/netip"
	"slices"
	"testing"
)

// TestRemote asks where a request came from: only what trusted proxies say counts, and of that only the part that
// they themselves added.
func TestRemote(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	tests := []struct {
		name, peer string
		headers    []string
		want       string
	}{
		{"no proxy", "203.0.113.7:1234", nil, "203.0.113.7"},
		{"a stranger says what it likes", "203.0.113.7:1234", []string{"192.0.2.1"}, "203.0.113.7"},
		{"a proxy without the header", "10.0.0.1:1234", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1:1234", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a client that sent a header of its own", "10.0.0.1:1234", []string{"198.51.100.9, 192.0.2.1"}, "192.0.2.1"},
		{"and named one of our proxies in it", "10.0.0.1:1234", []string{"198.51.100.9, 10.9.9.9, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:1234", []string{"192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"two proxies, a header each", "10.0.0.1:1234", []string{"192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		{"proxies all the way", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no address in it", "10.0.0.1:1234", []string{"unknown"}, "10.0.0.1"},
		{"no address behind the nearest hop", "10.0.0.1:1234", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"version 4 in version 6", "[::ffff:10.0.0.1]:1234", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"version 6", "[2001:db8::1]:1234", []string{"2001:db9::5"}, "2001:db9::5"},
	}
	for _, test := range tests {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.headers}}
		if got := remote(trusted)(r).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	r := &http.Request{RemoteAddr: "10.0.0.1:1234", Header: http.Header{"X-Forwarded-For": {"192.0.2.1"}}}
	if got := remote(nil)(r).String(); got != "10.0.0.1" {
		t.Errorf("without trusted proxies: %s, want the peer", got)
	}
}

func TestSameMachine(t *testing.T) {
	t.Parallel()
	here := []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"}
	for url, want := range map[string][]string{
		"http://127.0.0.1:8080":          here,
		"http://[::1]:8080":              here,
		"http://localhost:8080":          here,
		"http://10.0.0.1:8080":           nil,
		"https://annals.example.com":     nil,
		"https://localhost.example:8080": nil,
		"http://127.0.0.1":               nil,
	} {
		if got := sameMachine(url); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}
