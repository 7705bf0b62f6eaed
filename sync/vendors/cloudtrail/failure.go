package cloudtrail

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"annals/sync/connector"
)

// throttled is how long to wait when AWS throttles, which does not say how long. Its quota is per second.
const throttled = 2 * time.Second

var errNoEvents = errors.New("the answer has no list of events")

// failed gives an error of the SDK its class: by the guard that refused it, by AWS's code, by the status.
func failed(err error, now time.Time) error {
	if failure, ok := errors.AsType[*connector.Failure](err); ok {
		return failure
	}
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if class, known := classOf(api.ErrorCode()); known {
			return &connector.Failure{Class: class, Until: until(class, answer, now), Err: err}
		}
	}
	if !answered || torn(err) {
		return connector.Fail(connector.TryLater, err)
	}
	if _, broken := errors.AsType[*smithy.DeserializationError](err); broken && answer.HTTPStatusCode() < 300 {
		return connector.Fail(connector.Malformed, err)
	}
	class := classOfStatus(answer.HTTPStatusCode())
	return &connector.Failure{Class: class, Until: until(class, answer, now), Err: err}
}

// classOf knows the codes of LookupEvents and those that all services share.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/CommonErrors.html
func classOf(code string) (class connector.Class, known bool) {
	switch code {
	case "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
		"RequestThrottled", "RequestThrottledException", "SlowDown":
		return connector.RateLimited, true
	case "InvalidNextTokenException":
		return connector.StateRefused, true
	case "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
		"InvalidClientTokenIdException", "InvalidAccessKeyId", "ExpiredToken", "ExpiredTokenException",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired",
		"RequestExpired", "UnauthorizedOperation":
		return connector.CredentialsRefused, true
	case "InvalidTimeRangeException", "InvalidMaxResultsException", "InvalidLookupAttributesException",
		"InvalidEventCategoryException", "OperationNotPermittedException", "UnsupportedOperationException",
		"ValidationException", "ValidationError", "UnknownOperationException", "InvalidAction":
		return connector.ConfigurationWrong, true
	case "InternalFailure", "InternalServerError", "InternalServerException", "ServiceUnavailable",
		"ServiceUnavailableException":
		return connector.TryLater, true
	}
	return 0, false
}

func classOfStatus(status int) connector.Class {
	switch {
	case status == http.StatusTooManyRequests:
		return connector.RateLimited
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return connector.CredentialsRefused
	case status == http.StatusRequestTimeout, status >= 500:
		return connector.TryLater
	}
	return connector.ConfigurationWrong
}

// torn tells an answer that broke off from one that is not AWS's.
func torn(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled)
}

func until(class connector.Class, answer *smithyhttp.ResponseError, now time.Time) time.Time {
	if class != connector.RateLimited {
		return time.Time{}
	}
	if answer != nil && answer.Response != nil {
		if at, told := connector.RetryAt(answer.Response.Header, now); told {
			return at
		}
	}
	return now.Add(throttled)
}
