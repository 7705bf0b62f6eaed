package graph

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Media types of answers.
const (
	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
)

// media is how an answer is sent. Clients that accept application/json alone may take any other status than 200 for a
// proxy's, so they get it even where the request is refused.
type media struct {
	contentType string
	onlyJSON    bool
}

// negotiate picks the media type that a client likes best, false when it likes none of ours.
// See the GraphQL over HTTP draft, section Body.
func negotiate(accept []string) (media, bool) {
	if len(accept) == 0 {
		return media{contentType: typeJSON}, true
	}
	liked := qualities(accept)
	json, _ := liked.of(typeJSON)
	response, named := liked.of(typeResponse)
	switch {
	case json == 0 && response == 0:
		return media{contentType: typeJSON}, false
	case json == 0, named && response >= json:
		return media{contentType: typeResponse}, true
	default: // a range like */* gets what every client can read
		return media{contentType: typeJSON, onlyJSON: response == 0}, true
	}
}

// preferences are the weights of the media ranges of Accept headers.
type preferences map[string]float64

func qualities(accept []string) preferences {
	liked := preferences{}
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			name, parameters, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			liked[name] = max(liked[name], quality(parameters["q"]))
		}
	}
	return liked
}

func quality(text string) float64 {
	if text == "" {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}

// of is the weight of a media type by the most precise range that covers it, and whether that names the type itself.
func (p preferences) of(name string) (weight float64, named bool) {
	if weight, named = p[name]; named {
		return weight, true
	}
	if weight, ok := p["application/*"]; ok {
		return weight, false
	}
	return p["*/*"], false
}

// status is that of a request that was refused as a whole, or failed as a whole, with some code.
func (m media) status(c code) int {
	switch c {
	case codeUnauthenticated:
		return http.StatusUnauthorized
	case codeRateLimited:
		return http.StatusTooManyRequests
	case codeUnavailable, codeTimeout:
		return http.StatusServiceUnavailable
	case codeInternal:
		return http.StatusInternalServerError
	default: // a refusal of the request, which older clients know by status 200 alone
	}
	switch {
	case m.onlyJSON:
		return http.StatusOK
	case c == codeForbidden:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}
