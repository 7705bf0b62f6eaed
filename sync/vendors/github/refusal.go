package github

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"annals/sync/connector"
)

// secondaryWait is how long to wait for when a limit is exceeded and GitHub does not say
// (docs.github.com, "Rate limits for the REST API").
const secondaryWait = time.Minute

// refusal says what a failed request means with GitHub. following is true when the address was a link to a next page,
// which GitHub may no longer know.
func refusal(err error, following bool, now time.Time) error {
	refused, ok := errors.AsType[*connector.StatusError](err)
	if !ok {
		return err
	}
	switch answer := refused.Answer; answer.Status {
	case http.StatusForbidden, http.StatusTooManyRequests:
		if _, told := connector.RetryAt(answer.Header, now); !told && limited(answer) {
			return &connector.Failure{Class: connector.RateLimited, Until: now.Add(secondaryWait), Err: err}
		}
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		if following {
			return connector.Fail(connector.StateRefused, err)
		}
	}
	return err
}

// limited tells a limit from a missing right: both are answered with 403.
func limited(answer *connector.Answer) bool {
	message := strings.ToLower(gjson.GetBytes(answer.Body, "message").Str)
	return answer.Status == http.StatusTooManyRequests ||
		answer.Header.Get("X-RateLimit-Remaining") == "0" ||
		strings.Contains(message, "rate limit") || strings.Contains(message, "abuse")
}
