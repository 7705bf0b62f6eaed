package main

// The README and docs/ say what is true: what they show parses, names what there is, and leaves nothing out.

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"annals/audit"
	"annals/graph/generated"
)

// computed are defaults that no tag can hold, as the README words them.
var computed = map[string]string{
	"ANNALS_METRICS_LISTEN": "`" + defaultMetricsListen + "`",
	"ANNALS_PUBLIC_URL":     "`http://` + the address listened on",
	"ANNALS_KEY_FILE":       "`key` in `ANNALS_DATA`",
}

func TestDocsVariables(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for field := range reflect.TypeFor[variables]().Fields() {
		name, byDefault := field.Tag.Get("env"), field.Tag.Get("envDefault")
		switch {
		case byDefault != "":
			want[name] = "`" + byDefault + "`"
		case computed[name] != "":
			want[name] = computed[name]
		default:
			want[name] = "none"
		}
	}
	for _, name := range secretVariables {
		want[name+"_FILE"] = want[name]
	}
	got := map[string]string{}
	for _, row := range tableBelow(t, "README.md", "Configuration") {
		for _, name := range codesIn(row[0]) {
			got[name] = row[1]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md, Configuration: variables and defaults (-code +README):\n%s", diff)
	}
	for name, text := range pages(t) {
		for _, variable := range regexp.MustCompile(`\b(?:ANNALS|DATABASE|MEILI)_[A-Z_]+\b`).FindAllString(text, -1) {
			if _, ok := want[variable]; !ok {
				t.Errorf("%s: there is no variable %s", name, variable)
			}
		}
	}
}

func TestDocsDefaultOfTheKeyFile(t *testing.T) {
	t.Parallel()
	c, err := readConfig([]string{"ANNALS_DATA=/data"})
	if err != nil || c.keyFile != "/data/key" {
		t.Errorf("key file %q, %v, want the one that the README tells", c.keyFile, err)
	}
}

func TestDocsCommands(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commandLine{}, kong.Name("annals"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for name, text := range pages(t) {
		for _, block := range blocksOf(text, "sh") {
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
				args, ok := annalsArgs(line)
				if !ok {
					continue
				}
				shown++
				if _, err := parser.Parse(args); err != nil {
					t.Errorf("%s: annals %q: %v", name, args, err)
				}
			}
		}
		for _, span := range codesIn(text) {
			if words, ok := strings.CutPrefix(span, "annals "); ok && !isCommand(parser.Model.Node, strings.Fields(words)) {
				t.Errorf("%s: there is no command %q", name, span)
			}
		}
	}
	if shown < 5 {
		t.Errorf("%d commands found: the test no longer sees them", shown)
	}
}

// annalsArgs are the arguments of a shell line that runs annals, variables in front left out.
func annalsArgs(line string) ([]string, bool) {
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	switch {
	case len(words) > 0 && words[0] == "annals":
		return words[1:], true
	case len(words) > 2 && slices.Equal(words[:3], []string{"go", "run", "."}):
		return words[3:], true
	}
	return nil, false
}

func isCommand(node *kong.Node, words []string) bool {
	for _, word := range words {
		i := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == word })
		if i < 0 {
			return false
		}
		node = node.Children[i]
	}
	return true
}

func TestDocsGraphQL(t *testing.T) {
	t.Parallel()
	inScript := regexp.MustCompile("`(\\s*(?:query|mutation|subscription)\\b[^`]*)`")
	shown := 0
	for name, text := range pages(t) {
		documents := blocksOf(text, "graphql")
		for _, script := range append(blocksOf(text, "js"), blocksOf(text, "jsx")...) {
			for _, match := range inScript.FindAllStringSubmatch(script, -1) {
				documents = append(documents, match[1])
			}
		}
		for _, document := range documents {
			shown++
			if _, errs := gqlparser.LoadQueryWithRules(servedSchema(), document, nil); errs != nil {
				t.Errorf("%s: %v in\n%s", name, errs, document)
			}
		}
		for _, block := range blocksOf(text, "json") {
			if !json.Valid([]byte(block)) {
				t.Errorf("%s: no JSON:\n%s", name, block)
			}
		}
	}
	if shown < 10 {
		t.Errorf("%d documents found: the test no longer sees them", shown)
	}
}

func servedSchema() *ast.Schema { return generated.NewExecutableSchema(generated.Config{}).Schema() }

func TestDocsTellEveryCodeAndScope(t *testing.T) {
	t.Parallel()
	var want []string
	for _, value := range servedSchema().Types["ErrorCode"].EnumValues {
		want = append(want, value.Name)
	}
	if diff := cmp.Diff(want, firstCodes(tableBelow(t, "docs/api.md", "Errors"))); diff != "" {
		t.Errorf("docs/api.md, Errors (-schema +docs):\n%s", diff)
	}
	want = nil
	for _, scope := range audit.Scopes() {
		want = append(want, string(scope))
	}
	if diff := cmp.Diff(want, firstCodes(tableBelow(t, "docs/api.md", "Scopes"))); diff != "" {
		t.Errorf("docs/api.md, Scopes (-code +docs):\n%s", diff)
	}
}

func TestDocsConnectors(t *testing.T) {
	t.Parallel()
	yes := map[bool]string{true: "yes", false: "no"}
	var want [][]string
	for _, registration := range catalogue() {
		c := registration.Connector
		var feeds []string
		for _, feed := range c.Feeds {
			feeds = append(feeds, "`"+feed.Name+"`")
		}
		want = append(want, []string{
			"`" + c.Name + "`", c.Label, strings.Join(feeds, " "), yes[c.CanPoll], yes[c.CanPush], yes[c.CanImport],
		})
	}
	got := tableBelow(t, "docs/connectors.md", "Those there are")
	for _, rows := range [][][]string{want, got} {
		slices.SortFunc(rows, slices.Compare)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/connectors.md (-catalogue +docs):\n%s", diff)
	}
}

func TestDocsFolders(t *testing.T) {
	t.Parallel()
	holds := regexp.MustCompile(`\.(?:go|md)$`)
	var want []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		folder, below, ok := strings.Cut(path, "/")
		if ok && holds.MatchString(below) && !strings.HasPrefix(folder, ".") && !slices.Contains(want, folder+"/") {
			want = append(want, folder+"/")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, firstCodes(tableBelow(t, "README.md", "Where things are"))); diff != "" {
		t.Errorf("README.md, Where things are (-folders +README):\n%s", diff)
	}
}

// TestDocsPromises: no promise without its test.
func TestDocsPromises(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(content, -1) {
			declared[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range tableBelow(t, "README.md", "What holds") {
		if len(codesIn(row[1])) == 0 {
			t.Errorf("README.md: no test holds %q", row[0])
		}
	}
	for _, span := range codesIn(pages(t)["README.md"]) {
		if strings.HasPrefix(span, "Test") && !declared[span] {
			t.Errorf("README.md: there is no test %s", span)
		}
	}
}

func TestDocsLinks(t *testing.T) {
	t.Parallel()
	for name, text := range pages(t) {
		for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			path, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			file := name
			if path != "" {
				file = filepath.Join(filepath.Dir(name), path)
			}
			content, err := os.ReadFile(file)
			if err != nil || anchor != "" && !slices.Contains(anchors(string(content)), anchor) {
				t.Errorf("%s: %s leads nowhere", name, match[1])
			}
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(page string) []string {
	var found []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		plain := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

// pages gives the README and docs/ by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	read := map[string]string{}
	for _, name := range append(names, "README.md") {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		read[name] = string(content)
	}
	return read
}

// blocksOf gives the fenced blocks of a language, those in lists too.
func blocksOf(page, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$").FindAllStringSubmatch(page, -1) {
		if match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

// tableBelow gives the cells of the first table below a heading.
func tableBelow(t *testing.T, name, heading string) [][]string {
	t.Helper()
	_, below, found := strings.Cut(pages(t)[name], "# "+heading+"\n")
	if !found {
		t.Fatalf("%s: there is no heading %q", name, heading)
	}
	var rows [][]string
	for line := range strings.Lines(below) {
		row, isRow := strings.CutPrefix(strings.TrimSpace(line), "| ")
		switch {
		case isRow:
			rows = append(rows, strings.Split(strings.TrimSuffix(row, " |"), " | "))
		case len(rows) > 1 && !strings.HasPrefix(line, "|-"):
			return rows[1:]
		}
	}
	t.Fatalf("%s: there is no table below %q", name, heading)
	return nil
}

// codesIn gives the texts in backticks that stand on one line, blocks left out.
func codesIn(text string) []string {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	var found []string
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// firstCodes gives the codes in the first cells.
func firstCodes(rows [][]string) []string {
	var found []string
	for _, row := range rows {
		found = append(found, codesIn(row[0])...)
	}
	return found
}
