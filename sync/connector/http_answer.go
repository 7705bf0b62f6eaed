package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Answer is what a vendor answered, read to its end and decoded.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	URL    *url.URL // that was read, after redirects
}

// JSON decodes the body. HTML, no JSON and values of another type are a *Failure of class Malformed whose text holds
// nothing of the body.
func (a *Answer) JSON(into any) error {
	if kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); kind == "text/html" {
		return Fail(Malformed, fmt.Errorf("%v: a web page instead of JSON", a))
	}
	err := json.Unmarshal(a.Body, into)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Fail(Malformed, fmt.Errorf("%v: byte %d is no %v", a, wrong.Offset, wrong.Type))
	}
	if broken, ok := errors.AsType[*json.SyntaxError](err); ok {
		return Fail(Malformed, fmt.Errorf("%v: no JSON from byte %d of %d on", a, broken.Offset, len(a.Body)))
	}
	return Fail(Malformed, fmt.Errorf("%v: a value of the JSON cannot be read", a))
}

// String says what was read with which status, without query, headers and body.
func (a *Answer) String() string { return fmt.Sprintf("%s: status %d", place(a.URL), a.Status) }

// LogValue logs what String says.
func (a *Answer) LogValue() slog.Value { return slog.StringValue(a.String()) }

// StatusError is an answer whose status is no success. Its text shows nothing of the body.
type StatusError struct{ Answer *Answer }

func (e *StatusError) Error() string { return e.Answer.String() }

// failure gives an answer's class by its status, nil for a success.
func (a *Answer) failure(now time.Time) error {
	until, told := RetryAt(a.Header, now)
	failure := &Failure{Class: ConfigurationWrong, Err: &StatusError{Answer: a}}
	switch status := a.Status; {
	case 200 <= status && status < 300:
		return nil
	case status == http.StatusTooManyRequests,
		told && (status == http.StatusForbidden || status == http.StatusServiceUnavailable):
		failure.Class, failure.Until = RateLimited, until
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		failure.Class = CredentialsRefused
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		failure.Class = TryLater
		if told {
			failure.Until = until
		}
	}
	return failure
}

// place names an address for an error. Queries and user names are left out: they hold secrets.
func place(u *url.URL) string {
	const longest = 200
	path := u.EscapedPath()
	if len(path) > longest {
		path = path[:longest] + "…"
	}
	return strings.ToLower(u.Scheme) + "://" + u.Host + path
}
