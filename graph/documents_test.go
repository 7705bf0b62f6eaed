package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

func TestDocumentsKeepTheLastUsed(t *testing.T) {
	t.Parallel()
	d, ctx := newDocuments(), t.Context()
	first := &ast.QueryDocument{}
	d.Add(ctx, "first", first)
	d.Add(ctx, "first", &ast.QueryDocument{})
	for i := range 2 * maxDocuments {
		d.Add(ctx, fmt.Sprint("another ", i), &ast.QueryDocument{})
		if got, ok := d.Get(ctx, "first"); !ok || got != first {
			t.Fatalf("after %d others the one in use was dropped or replaced", i+1)
		}
	}
	if d.recent.Len() != maxDocuments || len(d.byText) != maxDocuments {
		t.Errorf("%d documents, %d texts; want %d", d.recent.Len(), len(d.byText), maxDocuments)
	}
	if _, ok := d.Get(ctx, "another 0"); ok {
		t.Error("the one not used for the longest time is still there")
	}
}

func TestDocumentsKeepNoLongTexts(t *testing.T) {
	t.Parallel()
	d, ctx := newDocuments(), t.Context()
	for _, size := range []int{maxDocumentBytes, maxDocumentBytes + 1} {
		text := strings.Repeat("x", size)
		d.Add(ctx, text, &ast.QueryDocument{})
		if _, kept := d.Get(ctx, text); kept != (size <= maxDocumentBytes) {
			t.Errorf("a text of %d bytes: kept %v", size, kept)
		}
	}
}
