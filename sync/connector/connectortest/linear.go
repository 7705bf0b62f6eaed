package connectortest

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// linearLimit is far more than one pass over some megabytes takes anywhere, and far less than one for each of their
// members.
const linearLimit = 10 * time.Second

// RunLinear gives each document to do, and fails where it takes so long that the time must grow faster than the
// document. Documents are by name, of a few megabytes.
func RunLinear(t *testing.T, documents map[string]string, do func(document []byte)) {
	t.Helper()
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				do([]byte(document))
			}()
			select {
			case <-done:
			case <-time.After(linearLimit):
				t.Fatalf("%d bytes are not done after %v", len(document), linearLimit)
			}
		})
	}
}

// Many writes n members or elements with commas between them, each with its number in the place of every #.
func Many(n int, pattern string) string {
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strings.ReplaceAll(pattern, "#", strconv.Itoa(i)))
	}
	return list.String()
}
