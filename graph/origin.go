package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
)

// Origins are the origins whose pages may use the API from a browser.
type Origins struct {
	allowed map[string]bool
}

// NewOrigins makes the list of the deployment's own public URL, whose playground uses the API too, and of further
// origins, each exactly as browsers send it: `https://app.example.com`.
func NewOrigins(publicURL string, further []string) (Origins, error) {
	own, err := url.Parse(publicURL)
	if err != nil || own.Host == "" {
		return Origins{}, fmt.Errorf("the public URL %q is no URL with a scheme and a host", publicURL)
	}
	allowed := map[string]bool{strings.ToLower(own.Scheme + "://" + own.Host): true}
	for _, origin := range further {
		parsed, err := url.Parse(origin)
		if err != nil || parsed.Host == "" || parsed.Scheme+"://"+parsed.Host != origin {
			return Origins{}, fmt.Errorf("the allowed origin %q is no origin like https://app.example.com", origin)
		}
		allowed[origin] = true
	}
	return Origins{allowed: allowed}, nil
}

// Allow reports whether a request may be answered: it comes from an allowed origin, or from no browser at all.
func (o Origins) Allow(r *http.Request) bool {
	sent := r.Header.Values("Origin")
	return len(sent) == 0 || len(sent) == 1 && o.allowed[sent[0]]
}

// CORS lets pages of the allowed origins read the answers of a handler. There are no cookies, hence no credentials.
func (o Origins) CORS(next http.Handler) http.Handler {
	return tidied(cors.New(cors.Options{
		// A list would not do: an empty one means everybody.
		AllowOriginFunc: func(origin string) bool { return o.allowed[origin] },
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Authorization", "Content-Type", "traceparent"},
		ExposedHeaders:  []string{"Retry-After", "X-Request-Id"},
		MaxAge:          int((10 * time.Minute).Seconds()),
	}).Handler(next))
}

// tidied writes the names of headers that a preflight asks for as browsers do, which is all that package cors reads: in
// lower case, sorted, without spaces. Who tries it by hand writes them differently.
func tidied(next http.Handler) http.Handler {
	const asked = "Access-Control-Request-Headers"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get(asked) != "" {
			names := strings.FieldsFunc(strings.ToLower(r.Header.Get(asked)), func(c rune) bool { return c == ',' || c == ' ' })
			slices.Sort(names)
			r = r.Clone(r.Context())
			r.Header.Set(asked, strings.Join(slices.Compact(names), ","))
		}
		next.ServeHTTP(w, r)
	})
}
