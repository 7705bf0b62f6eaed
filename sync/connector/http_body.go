package connector

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// A gzip body may be unpacked to 100 times its size, or to 1 MiB if that is more. Pages of audit logs, which repeat
// their keys in every element, reach 20 times.
const (
	maxRatio    = 100
	freeDecoded = 1 << 20
)

// errEncoding is for an encoding that was not asked for.
var errEncoding = errors.New("the body has an unknown encoding")

// readBody reads the whole body, which the transport bounds, and unpacks it.
func readBody(response *http.Response, most int64) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(response.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return unpack(body, min(most, max(freeDecoded, maxRatio*int64(len(body)))))
	}
	return nil, errEncoding
}

func unpack(packed []byte, most int64) ([]byte, error) {
	if len(packed) == 0 { // of an answer without content
		return nil, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking body: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(reader, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpacking body: %w", err)
	case int64(len(body)) > most:
		return nil, errTooLarge
	}
	return body, nil
}

// failed makes a failure of an error that came instead of a whole answer.
func failed(r *http.Request, err error) error {
	if failure, ok := errors.AsType[*Failure](err); ok {
		err := fmt.Errorf("%s %s: %w", r.Method, place(r.URL), failure.Err)
		return &Failure{Class: failure.Class, Until: failure.Until, Err: err}
	}
	class := TryLater
	if errors.Is(err, errTooLarge) || errors.Is(err, errEncoding) {
		class = Malformed
	}
	return Fail(class, fmt.Errorf("%s %s: %w", r.Method, place(r.URL), presentable(err)))
}

// presentable drops the address that url.Error quotes with its query, and the bytes that net/http quotes from an
// answer that is no HTTP.
func presentable(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate
	}
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, errTooLarge, errEncoding,
		gzip.ErrHeader, gzip.ErrChecksum,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("the connection broke off")
}
