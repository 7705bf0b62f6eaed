package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Defaults of ClientOptions, and the redirects that are followed for one request.
const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 32 << 20
	maxRedirects   = 3
)

// ClientOptions make a Client. Now is required.
type ClientOptions struct {
	Guard     *Guard           // nil: public addresses only
	UserAgent string           // for requests that bring none
	Timeout   time.Duration    // for one request with its body; 0: 30 s
	MaxBody   int64            // bytes of a body, on the wire and decoded; 0: 32 MiB
	Now       func() time.Time // turns what the vendor says about waiting into a time
}

// Client sends a vendor's requests under the egress guard and reads the answers within bounds. It is safe for
// concurrent use and needs no closing, but see CloseIdleConnections.
type Client struct {
	http      *http.Client
	transport *transport
	now       func() time.Time
}

// NewClient makes a client with connections of its own.
func NewClient(o ClientOptions) *Client {
	t := newTransport(o)
	return &Client{
		http: &http.Client{
			Transport:     t,
			CheckRedirect: checkRedirect,
			Timeout:       cmp.Or(o.Timeout, defaultTimeout),
		},
		transport: t,
		now:       o.Now,
	}
}

// Get reads an address; header may be nil. Errors are those of Do.
func (c *Client) Get(ctx context.Context, url string, header http.Header) (*Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		// The cause quotes the address, whose query may hold secrets.
		return nil, Fail(ConfigurationWrong, errors.New("the address to get is not valid"))
	}
	if header != nil {
		r.Header = header.Clone()
	}
	return c.Do(ctx, r)
}

// Do sends a request and reads the whole answer. It decodes gzip, and follows up to 3 redirects within a scheme and
// host. Every error is a *Failure whose text holds no query, no body and no header:
//
//	429; 403 and 503 that say when to come back    RateLimited with Until, zero when a 429 does not say
//	401, 403                                       CredentialsRefused
//	408, 425, 5xx, no or a torn answer             TryLater
//	other statuses                                 ConfigurationWrong
//	a body that is too large or cannot be decoded  Malformed
//	an address or redirect that is not allowed     AddressRefused
//
// A failure by status wraps a *StatusError with the answer, so that a vendor who means something else can say so:
//
//	if refused, ok := errors.AsType[*connector.StatusError](err); ok && refused.Answer.Status == http.StatusGone {
//		return connector.Fail(connector.StateRefused, err)
//	}
func (c *Client) Do(ctx context.Context, r *http.Request) (*Answer, error) {
	r = r.Clone(ctx)
	r.Header.Set("Accept-Encoding", "gzip")
	for name, values := range r.Header {
		if strings.ContainsFunc(strings.Join(values, ""), unicode.IsControl) {
			return nil, Fail(ConfigurationWrong, fmt.Errorf("what is sent as %s has characters that cannot be sent, a line break for instance", name))
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, failed(r, err)
	}
	defer response.Body.Close()
	body, err := readBody(response, c.transport.maxBody)
	if err != nil {
		return nil, failed(r, err)
	}
	answer := &Answer{Status: response.StatusCode, Header: response.Header, Body: body, URL: response.Request.URL}
	if failure := answer.failure(c.now()); failure != nil {
		return nil, failure
	}
	return answer, nil
}

// HTTPClient is for a vendor's SDK: the same guard, bounds, redirects and timeout, without the classes of failure.
func (c *Client) HTTPClient() *http.Client {
	shared := *c.http
	return &shared
}

// Transport is for an SDK that brings a client of its own: guard and bounds. That client's redirects are its own, but
// cannot leave the allowed addresses.
func (c *Client) Transport() http.RoundTripper { return c.transport }

// CloseIdleConnections ends the connections that wait for a next request.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// checkRedirect keeps a request, whose headers hold the vendor's credentials, on its scheme and host.
func checkRedirect(next *http.Request, sent []*http.Request) error {
	if len(sent) > maxRedirects {
		return Fail(ConfigurationWrong, fmt.Errorf("more than %d redirects", maxRedirects))
	}
	if !sameHost(sent[0].URL, next.URL) {
		return Fail(AddressRefused, errors.New("a redirect leads to another host"))
	}
	return nil
}
