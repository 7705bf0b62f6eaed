// The structure of the house, held by a test: every package says what it is and imports only what the table gives it.
package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// rule is what a package may import beside the standard library and small leaf libraries. Tests may import anything.
type rule struct {
	ours      []string // of our packages
	libraries []string // that live in it: one that any rule names is closed to all packages whose rule does not
	strict    bool     // nothing else, leaf libraries included
	wires     bool     // all of our packages, but those for tests
	why       string
}

// table is the import table, by folder. A new folder gets its rule here and in .golangci.yml.
var table = map[string]rule{
	".": {
		wires: true, libraries: []string{"github.com/alecthomas/kong", "github.com/caarlos0/env"},
		why: "main wires the parts; what only tests use does not ship",
	},
	"audit":                    {strict: true, why: "the domain knows nobody, so that everybody can speak its words"},
	"audit/audittest":          {ours: []string{"audit"}, why: "it makes activities and filters for tests"},
	"audit/internal/foldtable": {strict: true, libraries: []string{"golang.org/x/text"}, why: "it writes the domain's table of folded letters"},
	"auth": {
		ours: []string{"audit"}, libraries: []string{"github.com/golang-jwt/jwt", "github.com/MicahParks"},
		why: "tokens are checked without knowing who serves or stores",
	},
	"secret": {libraries: []string{"github.com/tink-crypto"}, why: "sealing is one small thing that can be read in one go"},
	"ledger": {
		ours: []string{"audit"}, libraries: []string{"golang.org/x/mod/sumdb"}, strict: true,
		why: "an auditor's verifier must not need a database",
	},
	"ledger/anchor": {ours: []string{"audit", "ledger"}, libraries: []string{"github.com/aws"}, why: "an anchor stores checkpoints and nothing else"},
	"export":        {ours: []string{"audit", "ledger"}, why: "it reads through interfaces of its own, under a View"},
	"explore":       {ours: []string{"audit"}, why: "it reads through interfaces of its own, under a View"},
	"live":          {ours: []string{"audit"}, why: "it reads through interfaces of its own, under a View"},
	"db": {
		ours: []string{"audit", "ledger", "db/migrations"}, libraries: []string{"database/sql", "github.com/uptrace/bun", "github.com/jackc/pgx"},
		why: "it implements what others declare, and types cross in audit",
	},
	"db/migrations": {libraries: []string{"github.com/uptrace/bun"}, why: "it holds SQL files"},
	"db/private": {
		libraries: []string{"github.com/jackc/pgx", "github.com/fergusstrange/embedded-postgres"},
		why:       "it runs a Postgres and does not know what is kept in it",
	},
	"db/dbtest": {ours: []string{"db", "db/migrations", "db/private"}, libraries: []string{"github.com/jackc/pgx"}, why: "it makes databases for tests"},
	"search":    {ours: []string{"audit"}, libraries: []string{"github.com/meilisearch/meilisearch-go"}, why: "the index can be deleted at any time, so nothing may lean on it"},
	"graph": {
		ours: []string{"audit", "auth", "graph/scalar"}, libraries: []string{"github.com/99designs/gqlgen", "github.com/vektah/gqlparser"},
		why: "the server of GraphQL knows no store",
	},
	"graph/scalar":     {ours: []string{"audit"}, libraries: []string{"github.com/99designs/gqlgen"}, why: "it reads and writes values"},
	"graph/playground": {why: "it serves files"},
	"resolvers":        {ours: []string{"audit", "auth", "graph/generated"}, why: "a resolver calls one function of an interface that it declares itself"},
	"sync/connector":   {ours: []string{"audit"}, why: "the contract with vendors knows no engine"},
	"sync/vendors":     {ours: []string{"sync/connector", "sync/vendors/*"}, why: "it is a list"},
	"sync/vendors/*":   {ours: []string{"audit", "sync/connector"}, libraries: []string{"github.com/aws"}, why: "a vendor is translated without knowing who collects or stores"},
	"sync/integration": {ours: []string{"audit", "sync/connector", "secret"}, why: "it stores through interfaces of its own"},
	"sync/engine":      {ours: []string{"audit", "sync/connector", "secret"}, libraries: []string{"github.com/go-co-op/gocron"}, why: "it stores through interfaces of its own"},
	"sync/webhook":     {ours: []string{"audit", "sync/connector", "secret"}, why: "it stores through interfaces of its own"},
	"sync/journal":     {ours: []string{"audit"}, why: "what people do in Annals is recorded like anything else"},
	"sync/push":        {ours: []string{"audit", "sync/connector"}, why: "what clients send is recorded like anything else"},
	"sync/location":    {ours: []string{"audit"}, libraries: []string{"github.com/oschwald/maxminddb-golang"}, why: "it looks up addresses"},
	"simulator":        {why: "a fake that shares code with its caller proves nothing"},
	"sync/connector/connectortest": {
		ours: []string{"audit", "sync/connector", "simulator"}, why: "the suite sees a vendor's code through the contract alone",
	},
	"bench":       {wires: true, why: "it measures the parts"},
	"e2e":         {wires: true, why: "it drives the process"},
	"e2e/browser": {wires: true, why: "it drives a browser"},
}

// leaves are the libraries that a vendor's package may use beside its SDK.
var leaves = []string{"github.com/google/uuid", "github.com/klauspost/compress", "github.com/tidwall/gjson", "golang.org/x"}

// testSupport is for tests alone.
var testSupport = []string{"audit/audittest", "db/dbtest", "sync/connector/connectortest"}

// badNames say nothing, or hide a package of the standard library.
var badNames = []string{"base", "common", "helper", "helpers", "misc", "models", "pkg", "shared", "sync", "util", "utils"}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	for folder, files := range packages(t) {
		commented := slices.ContainsFunc(slices.Collect(maps.Values(shipped(files))), func(f *ast.File) bool {
			text := f.Doc.Text()
			return strings.HasPrefix(text, "Package "+f.Name.Name+" ") || f.Name.Name == "main" && strings.HasPrefix(text, "Command ")
		})
		if !commented {
			t.Errorf("%s: no file says what the package is, in a comment that begins with \"Package\" and its name", folder)
		}
	}
}

func TestPackageNames(t *testing.T) {
	t.Parallel()
	for _, files := range packages(t) {
		for name, file := range files {
			if slices.Contains(badNames, strings.TrimSuffix(file.Name.Name, "_test")) {
				t.Errorf("%s: a package called %s says nothing, or hides the standard library's", name, file.Name.Name)
			}
		}
	}
}

func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, files := range packages(t) {
		for name, file := range files {
			for _, declared := range file.Decls {
				if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: init runs behind everybody's back: call a function, or list a value", name)
				}
			}
		}
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for folder, files := range packages(t) {
		r, ok := ruleOf(folder)
		if !ok {
			t.Errorf("%s: has no rule in the import table", folder)
			continue
		}
		for name, file := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, imported := range imports(file) {
				if !r.allows(imported) {
					t.Errorf("%s: imports %s, which the import table does not give to %s: %s", name, imported, folder, r.why)
				}
			}
		}
	}
}

func TestVendorsUseOneSDK(t *testing.T) {
	t.Parallel()
	for folder, files := range packages(t) {
		if path.Dir(folder) != "sync/vendors" {
			continue
		}
		owners := map[string]bool{}
		for _, file := range shipped(files) {
			for _, imported := range imports(file) {
				if isLibrary(imported) && !within(leaves, imported) {
					owners[strings.Join(strings.SplitN(imported, "/", 3)[:2], "/")] = true
				}
			}
		}
		if len(owners) > 1 {
			t.Errorf("%s: uses libraries of %v; a vendor's package needs one SDK at most", folder, slices.Sorted(maps.Keys(owners)))
		}
	}
}

// TestImportRules holds that the table refuses what it is there to refuse.
func TestImportRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		folder, imported string
		want             bool
	}{
		{".", "annals/db", true},
		{".", "annals/db/dbtest", false},
		{"audit", "annals/auth", false},
		{"audit", "github.com/tidwall/gjson", false},
		{"audit", "golang.org/x/text/unicode/norm", false},
		{"audit", "strings", true},
		{"auth", "github.com/golang-jwt/jwt/v5", true},
		{"db", "annals/sync/connector", false},
		{"db", "database/sql", true},
		{"explore", "database/sql", false},
		{"explore", "annals/db", false},
		{"graph", "github.com/coder/websocket", true},
		{"resolvers", "annals/graph", false},
		{"resolvers", "annals/graph/generated", true},
		{"resolvers", "github.com/uptrace/bun/dialect/pgdialect", false},
		{"sync/journal", "annals/sync/connector", false},
		{"sync/vendors", "annals/sync/vendors/github", true},
		{"sync/vendors/github", "annals/db", false},
		{"sync/vendors/github", "annals/sync/engine", false},
		{"sync/vendors/github", "annals/sync/vendors/cloudtrail", false},
		{"sync/webhook", "github.com/go-co-op/gocron/v2", false},
	}
	for _, tt := range tests {
		r, ok := ruleOf(tt.folder)
		if !ok {
			t.Fatalf("%s has no rule", tt.folder)
		}
		if got := r.allows(tt.imported); got != tt.want {
			t.Errorf("%s may import %s: %t, want %t", tt.folder, tt.imported, got, tt.want)
		}
	}
	if _, ok := ruleOf("nowhere"); ok {
		t.Error("a folder that the table does not name has a rule")
	}
}

func ruleOf(folder string) (rule, bool) {
	if r, ok := table[folder]; ok {
		return r, true
	}
	r, ok := table[path.Dir(folder)+"/*"]
	return r, ok
}

func (r rule) allows(imported string) bool {
	if ours, ok := strings.CutPrefix(imported, "annals/"); ok {
		return r.wires && !slices.Contains(testSupport, ours) ||
			slices.Contains(r.ours, ours) || slices.Contains(r.ours, path.Dir(ours)+"/*")
	}
	if within(r.libraries, imported) {
		return true
	}
	if r.strict {
		return !isLibrary(imported)
	}
	for _, other := range table {
		if !other.strict && within(other.libraries, imported) {
			return false
		}
	}
	return true
}

// isLibrary says whether a path is of a library: its first part is a host's name.
func isLibrary(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	return strings.Contains(host, ".")
}

func within(prefixes []string, imported string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}

func imports(file *ast.File) []string {
	var all []string
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		all = append(all, imported)
	}
	return all
}

// shipped leaves out a package's tests, unless it has nothing else.
func shipped(files map[string]*ast.File) map[string]*ast.File {
	rest := maps.Clone(files)
	maps.DeleteFunc(rest, func(name string, _ *ast.File) bool { return strings.HasSuffix(name, "_test.go") })
	if len(rest) == 0 {
		return files
	}
	return rest
}

// parse reads the module's files by folder and name, without what gqlgen generates.
var parse = sync.OnceValues(func() (map[string]map[string]*ast.File, error) {
	all := map[string]map[string]*ast.File{}
	return all, fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"testdata", "node_modules", "generated"}, entry.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		if all[folder] == nil {
			all[folder] = map[string]*ast.File{}
		}
		all[folder][name] = file
		return nil
	})
})

func packages(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	all, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
