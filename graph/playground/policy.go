package playground

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// policy is the page's Content-Security-Policy around the sources of connect-src. Monaco, the editor, writes style elements,
// hence 'unsafe-inline' for styles; scripts, workers and connections are of the page's own origin only.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; worker-src 'self'; connect-src %s; base-uri 'none'; frame-ancestors 'none'"

// setSecurityHeaders sets the headers that every answer carries. sockets are the websocket origins that the page may connect to.
func setSecurityHeaders(h http.Header, sockets []string) {
	sources := strings.Join(append([]string{"'self'"}, sockets...), " ")
	h.Set("Content-Security-Policy", fmt.Sprintf(policy, sources))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// parsePublic parses an absolute http or https address.
func parsePublic(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no http or https address", address)
	}
	return u, nil
}

// sockets returns the websocket origins of the public address and of the host that the page was asked under, which may differ:
// localhost and 127.0.0.1 are the same server. The client chooses the Host header, so it is copied only when it is nothing but a host.
func sockets(public *url.URL, r *http.Request) []string {
	origins := []string{socketOrigin(public.Scheme == "https", public.Host)}
	if !strings.EqualFold(r.Host, public.Host) {
		origins = append(origins, socketOrigin(r.TLS != nil, r.Host))
	}
	return slices.DeleteFunc(origins, func(origin string) bool { return origin == "" })
}

// socketOrigin returns the websocket origin of host ("name" or "name:port"), or "" when a policy cannot name it, as with an IPv6
// literal. Current browsers count websockets of the page's own host as 'self' anyway.
func socketOrigin(secure bool, host string) string {
	if len(host) > maxHost || !policyHost.MatchString(host) {
		return ""
	}
	if secure {
		return "wss://" + host
	}
	return "ws://" + host
}

// policyHost is host-part and port-part of https://www.w3.org/TR/CSP3/#grammardef-host-source without wildcards.
var policyHost = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(:[0-9]{1,5})?$`)

// maxHost is the longest DNS name (RFC 1035) with the longest port behind it.
const maxHost = 253 + len(":65535")
