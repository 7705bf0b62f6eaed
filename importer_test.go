package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/schollz/progressbar/v3"

	"annals/audit"
)

func write(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExpand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, b := write(t, folder, "a.json", ""), write(t, folder, "b.json", "")
	found, err := expand([]string{filepath.Join(folder, "*.json"), a})
	if want := []string{a, b, a}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%v, %v, want %v", found, err, want)
	}
	for _, pattern := range []string{filepath.Join(folder, "*.gz"), filepath.Join(folder, "[")} {
		if _, err := expand([]string{a, pattern}); err == nil || !strings.HasPrefix(err.Error(), pattern+": ") {
			t.Errorf("%s: %v, want an error that begins with it", pattern, err)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct{ content, want string }{
		"empty":     {"", ""},
		"one byte":  {"\x1f", "\x1f"},
		"plain":     {`{"a":1}`, `{"a":1}`},
		"gzip":      {packed(t, `{"a":1}`), `{"a":1}`},
		"two parts": {packed(t, `{"a":1}`) + packed(t, `{"b":2}`), `{"a":1}{"b":2}`}, // as log shippers append
	} {
		r, err := plain(iotest.OneByteReader(strings.NewReader(test.content)))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v, want %q", what, got, err, test.want)
		}
	}
	whole := packed(t, strings.Repeat("x", 1000))
	r, err := plain(strings.NewReader(whole[:len(whole)-4]))
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if err == nil {
		t.Error("a gzip that breaks off is read without an error")
	}
}

func drafts(count, size int) iter.Seq[audit.Draft] {
	return func(yield func(audit.Draft) bool) {
		for range count {
			if !yield(audit.Draft{Raw: make([]byte, size)}) {
				return
			}
		}
	}
}

func TestBatchedBoundsCountAndBytes(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		count, size int
		want        []int
	}{
		"none":       {0, 1, nil},
		"few":        {3, 1, []int{3}},
		"by count":   {2*importBatch + 1, 1, []int{importBatch, importBatch, 1}},
		"to the end": {importBatch, 1, []int{importBatch}},
		"by bytes":   {5, importBytes / 2, []int{2, 2, 1}},
		"large":      {2, importBytes + 1, []int{1, 1}},
	} {
		var sizes []int
		for batch := range batched(drafts(test.count, test.size)) {
			sizes = append(sizes, len(batch))
		}
		if !slices.Equal(sizes, test.want) {
			t.Errorf("%s: batches of %v, want %v", what, sizes, test.want)
		}
	}
	for range batched(drafts(3*importBatch, 1)) { // who stops asking gets no more, and no panic
		break
	}
}

// lineReader gives a draft of each line, and an error at one that says so.
type lineReader struct{}

var errLine = errors.New("a bad line")

func (lineReader) FileFeed() string { return "lines" }

func (lineReader) ReadFile(_ context.Context, r io.Reader) iter.Seq2[audit.Draft, error] {
	return func(yield func(audit.Draft, error) bool) {
		content, err := io.ReadAll(r)
		if err != nil {
			yield(audit.Draft{}, err)
			return
		}
		for line := range strings.Lines(string(content)) {
			line = strings.TrimSpace(line)
			if line == "bad" {
				yield(audit.Draft{}, errLine)
				return
			}
			if !yield(audit.Draft{Raw: []byte(line)}, nil) {
				return
			}
		}
	}
}

func TestImporterGoesOnBehindWhatItCannotRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	paths := []string{
		write(t, folder, "1", "a\nb\nbad\nnever\n"), filepath.Join(folder, "absent"), write(t, folder, "2.gz", packed(t, "c\n")),
		write(t, folder, "3.gz", packed(t, "x")[:10]), write(t, folder, "4", "d\n"),
	}
	i := &importer{reader: lineReader{}, bar: progressbar.DefaultBytesSilent(-1)}
	var got []string
	for draft := range i.drafts(t.Context(), paths) {
		got = append(got, string(draft.Raw))
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("drafts %v, want %v", got, want)
	}
	if len(i.refused) != 3 || !errors.Is(i.refused[0], errLine) || !errors.Is(i.refused[1], os.ErrNotExist) {
		t.Errorf("refused: %v, want three", i.refused)
	}
	for n, path := range []string{paths[0], paths[1], paths[3]} {
		if n < len(i.refused) && !strings.HasPrefix(i.refused[n].Error(), path+": ") {
			t.Errorf("%v does not begin with %s", i.refused[n], path)
		}
	}
}

func TestImporterStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	folder := t.TempDir()
	i := &importer{reader: lineReader{}, bar: progressbar.DefaultBytesSilent(-1)}
	var got int
	for range i.drafts(ctx, []string{write(t, folder, "1", "a\n"), write(t, folder, "2", "b\n")}) {
		got++
		cancel()
	}
	if got != 1 || len(i.refused) != 0 {
		t.Errorf("%d drafts after the end, refused %v, want the one that was there", got, i.refused)
	}
}
