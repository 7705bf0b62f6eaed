package cloudtrail

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// sender sends the SDK's requests with their body in memory. The SDK closes the body of a request once the answer
// begins, and the WriteTo of its closed body fails with io.EOF (smithy-go v1.28.9, transport/http/internal/io/safe.go).
// When an answer comes so fast that net/http is still looking for the end of the body, it takes that for a broken
// connection and closes it in the middle of the answer.
type sender struct{ client *http.Client }

// Do implements cloudtrail.HTTPClient.
func (s sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("reading request: %w", err)
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return s.client.Do(r) //nolint:gosec // the client's guard decides what may be contacted
}
