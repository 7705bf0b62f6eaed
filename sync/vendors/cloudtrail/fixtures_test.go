package cloudtrail

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// fixtures are the files of real and sanitised records beside the repository.
func fixtures(t testing.TB) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "shared", "fixtures", "aws_cloudtrail")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared fixtures are not beside this checkout")
	}
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("listing fixtures: %d files, %v", len(files), err)
	}
	return files
}

func readFile(t testing.TB, path string) []audit.Draft {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var drafts []audit.Draft
	for draft, err := range (files{}).ReadFile(t.Context(), file) {
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		drafts = append(drafts, draft)
	}
	return drafts
}

// count reads a file with gjson alone: how many records it holds, and how many ids.
func count(t testing.TB, path string) (records int, ids map[string]bool) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids = map[string]bool{}
	each := func(_, record gjson.Result) bool {
		records++
		if id := record.Get("eventID"); id.Exists() {
			ids[id.String()+"/"+record.Get("recipientAccountId").String()] = true
		}
		return true
	}
	parsed := gjson.ParseBytes(file)
	switch list := parsed.Get("Records"); {
	case strings.HasSuffix(path, ".jsonl"):
		for line := range strings.Lines(string(file)) {
			each(gjson.Result{}, gjson.Parse(line))
		}
	case list.IsArray():
		list.ForEach(each)
	default:
		parsed.ForEach(each)
	}
	return records, ids
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	total := 0
	for _, path := range fixtures(t) {
		drafts := readFile(t, path)
		records, ids := count(t, path)
		if len(drafts) != records {
			t.Errorf("%s: %d drafts of %d records", path, len(drafts), records)
		}
		total += len(drafts)
		keys := map[string]bool{}
		for _, draft := range drafts {
			if draft.VendorID != "" {
				keys[draft.Key] = true
			}
			checkDraft(t, path, draft)
		}
		if len(keys) != len(ids) {
			t.Errorf("%s: %d keys for %d ids", path, len(keys), len(ids))
		}
	}
	if total != 1264 {
		t.Errorf("%d drafts in all, want 1264", total)
	}
}

func checkDraft(t *testing.T, path string, d audit.Draft) {
	t.Helper()
	switch {
	case !strings.HasPrefix(d.Type, Name+"."), d.Key == "", d.Content == [32]byte{}, len(d.Raw) == 0:
		t.Errorf("%s: incomplete: %+v", path, d)
	case !d.Action.Valid(), !d.Category.Valid(), !d.Outcome.Valid():
		t.Errorf("%s: %s: outside the sets: %s %s %s", path, d.Type, d.Action, d.Category, d.Outcome)
	case d.Description == "":
		t.Errorf("%s: %s: no description", path, d.Type)
	case len(d.Metadata) > 0 && !gjson.ValidBytes(d.Metadata):
		t.Errorf("%s: %s: metadata is no JSON: %s", path, d.Type, d.Metadata)
	}
}

func BenchmarkTranslate(b *testing.B) {
	var raws [][]byte
	bytes := 0
	for _, path := range fixtures(b) {
		for _, draft := range readFile(b, path) {
			raws = append(raws, draft.Raw)
			bytes += len(draft.Raw)
		}
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(raws)))
	for i := 0; b.Loop(); i++ {
		translate(raws[i%len(raws)])
	}
}
