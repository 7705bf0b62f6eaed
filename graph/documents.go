package graph

import (
	"container/list"
	"context"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
)

// Bounds of the document cache: a stranger's documents must not fill the memory. A parsed document takes about 30 times
// its text.
const (
	maxDocuments     = 200
	maxDocumentBytes = 4 << 10
)

// documents keeps the validated documents that were used last, by their whole text. It is gqlgen's query cache.
type documents struct {
	mu     sync.Mutex
	recent *list.List // of *document, the last used in front
	byText map[string]*list.Element
}

type document struct {
	text   string
	parsed *ast.QueryDocument
}

func newDocuments() *documents {
	return &documents{recent: list.New(), byText: map[string]*list.Element{}}
}

// Get returns a document that was validated before.
func (d *documents) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	if len(text) > maxDocumentBytes {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	element, ok := d.byText[text]
	if !ok {
		return nil, false
	}
	d.recent.MoveToFront(element)
	return element.Value.(*document).parsed, true
}

// Add keeps a document unless its text is long, and drops the one that was not used for the longest time.
func (d *documents) Add(_ context.Context, text string, parsed *ast.QueryDocument) {
	if len(text) > maxDocumentBytes {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.byText[text]; ok {
		return
	}
	d.byText[text] = d.recent.PushFront(&document{text: text, parsed: parsed})
	if d.recent.Len() > maxDocuments {
		oldest := d.recent.Remove(d.recent.Back()).(*document)
		delete(d.byText, oldest.text)
	}
}
