// Package playground serves the page on which people try the GraphQL API by hand: GraphiQL, built from src into dist and
// embedded, so that the running server needs neither Node nor the network. The page talks to /graphql of its own origin.
package playground

import (
	"fmt"
	"net/http"
	"net/url"
)

// New returns the handler of the page at "/" and of its files under "/assets/"; every other path is not found.
// publicURL is the server's own http or https address as its users know it; the page may open websockets to its host and to the
// host that it was asked under. It errs when publicURL is no such address.
func New(publicURL string) (http.Handler, error) {
	public, err := parsePublic(publicURL)
	if err != nil {
		return nil, fmt.Errorf("playground: public URL: %w", err)
	}
	files, err := loadFiles()
	if err != nil {
		return nil, fmt.Errorf("playground: built files: %w", err)
	}
	return &handler{files: files, public: public}, nil
}

// handler is immutable once made.
type handler struct {
	files  map[string]file // by path of the address
	public *url.URL
}

// ServeHTTP answers GET and HEAD. Refusals carry the same security headers as the page.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header(), sockets(h.public, r))
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f, ok := h.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r)
}
