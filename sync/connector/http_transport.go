package connector

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxHeader     = 64 << 10 // bytes of an answer's headers
	idleTimeout   = 90 * time.Second
	maxIdlePerEnd = 4
)

var errTooLarge = errors.New("the body is too large")

// transport sends requests under the guard. Secure and plain connections are dialled apart, because the guard is
// stricter with plain ones.
type transport struct {
	secure, plain *http.Transport
	userAgent     string
	maxBody       int64
}

func newTransport(o ClientOptions) *transport {
	guard := o.Guard
	if guard == nil {
		guard = NewGuard(nil)
	}
	return &transport{
		secure:    guardedTransport(guard, true),
		plain:     guardedTransport(guard, false),
		userAgent: o.UserAgent,
		maxBody:   cmp.Or(o.MaxBody, defaultMaxBody),
	}
}

// guardedTransport takes no proxy, which would hide the address that is contacted, and decodes nothing by itself,
// since http.Transport decodes gzip without a bound.
func guardedTransport(guard *Guard, secure bool) *http.Transport {
	return &http.Transport{
		DialContext:            guard.dialer(secure).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    maxIdlePerEnd,
		IdleConnTimeout:        idleTimeout,
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.userAgent != "" && r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", t.userAgent)
	}
	response, err := t.choose(r).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: t.maxBody}
	return response, nil
}

func (t *transport) choose(r *http.Request) *http.Transport {
	if r.URL.Scheme == "http" {
		return t.plain
	}
	return t.secure
}

// CloseIdleConnections is found by http.Client.
func (t *transport) CloseIdleConnections() {
	t.secure.CloseIdleConnections()
	t.plain.CloseIdleConnections()
}

// boundedBody fails once more has been read than is allowed.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("reading answer: %w", errTooLarge)
	}
	return n, err
}
