package playground

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// built is what `npm run build` made. Files ending in .gz are stored in the form in which nearly every client takes them.
// The bundler may begin a file's name with an underscore, which embeds only under all:.
//
//go:embed all:dist
var built embed.FS

const (
	root      = "dist"
	indexPath = "/index.html"
	packedExt = ".gz"
)

// file is one built file.
type file struct {
	content     []byte
	contentType string
	packed      bool // content is gzip
}

// loadFiles reads the built files by the path under which they are served: the index at "/", all others where they lie.
func loadFiles() (map[string]file, error) {
	files := make(map[string]file)
	err := fs.WalkDir(built, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		served, packed := strings.CutSuffix(strings.TrimPrefix(name, root), packedExt)
		kind, err := contentType(served)
		if err != nil {
			return err
		}
		content, err := built.ReadFile(name)
		if err != nil {
			return err
		}
		if served == indexPath {
			served = "/"
		}
		files[served] = file{content: content, contentType: kind, packed: packed}
		return nil
	})
	return files, err
}

// contentType knows the kinds that the build makes. The standard library's table depends on the machine.
func contentType(name string) (string, error) {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".svg":
		return "image/svg+xml", nil
	case ".ttf":
		return "font/ttf", nil
	case ".txt":
		return "text/plain; charset=utf-8", nil
	}
	return "", fmt.Errorf("%s is of no known type", name)
}

// serve writes the file as the client accepts it. A write fails only when the client has gone, so nobody is left to tell.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	if f.packed {
		h.Set("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Values("Accept-Encoding")) {
			_ = unpack(w, f.content)
			return
		}
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(f.content)))
	_, _ = w.Write(f.content)
}

func unpack(w io.Writer, packed []byte) error {
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, plain) //nolint:gosec // G110: our own build, not a stranger's archive
	return err
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip by name, or by * where its name does not stand.
func acceptsGzip(accept []string) bool {
	wildcard := false
	for element := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		coding, parameters, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return wanted(parameters)
		case "*":
			wildcard = wanted(parameters)
		}
	}
	return wildcard
}

// wanted reports whether a coding's weight ("q=0.5", or nothing) is above zero.
func wanted(parameters string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(parameters), "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return true
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && weight > 0
}
