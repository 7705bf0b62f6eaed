package search

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

// Deadlines of single requests, and how long connections live between them. Documents may take long to upload, all
// else is short.
const (
	askTimeout    = 2 * time.Second
	manageTimeout = 10 * time.Second
	uploadTimeout = time.Minute
	keepAlive     = 30 * time.Second
)

// newClient makes a client that does not retry: its retries send an empty body.
func newClient(url, key string, transport http.RoundTripper) meilisearch.ServiceManager {
	return meilisearch.New(url,
		meilisearch.WithAPIKey(key),
		meilisearch.WithCustomClient(&http.Client{Transport: transport, Timeout: uploadTimeout}),
		meilisearch.DisableRetries(),
	)
}

// newTransport asks for answers without compression: compressed ones wait for a delayed ACK, 40 ms each.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: askTimeout, KeepAlive: keepAlive}).DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     3 * keepAlive,
		TLSHandshakeTimeout: manageTimeout,
	}
}

// answered reports whether an error is the answer of a working server.
func answered(err error) bool {
	failure, ok := errors.AsType[*meilisearch.Error](err)
	return ok && failure.StatusCode >= 400 && failure.StatusCode < 500 &&
		failure.StatusCode != http.StatusTooManyRequests && failure.StatusCode != http.StatusRequestTimeout
}

// errorCode is Meilisearch's name for an error of a request or task, as `index_not_found`; empty when it has none.
func errorCode(err error) string {
	if failure, ok := errors.AsType[*meilisearch.Error](err); ok {
		return failure.MeilisearchApiError.Code
	}
	if failure, ok := errors.AsType[*taskError](err); ok {
		return failure.code
	}
	return ""
}

// reason is an error without Meilisearch's message, which quotes filters and documents: those do not belong in logs.
func reason(err error) error {
	failure, ok := errors.AsType[*meilisearch.Error](err)
	switch {
	case !ok:
		return err
	case failure.OriginError != nil:
		return failure.OriginError
	}
	return fmt.Errorf("status %d %s", failure.StatusCode, failure.MeilisearchApiError.Code)
}

// sleep waits, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
