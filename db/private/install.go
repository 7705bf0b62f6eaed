package private

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// oldest and newest are the major versions of PostgreSQL that Annals works with.
const (
	oldest = 15
	newest = 18
)

// installations are where packages put the binaries of a server, besides the
// search path.
var installations = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // PostgreSQL's own RPMs
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew on ARM
	"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin", // built from source
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// binaries are the programs of one PostgreSQL version.
type binaries struct {
	path    string // the folder above bin
	version embeddedpostgres.PostgresVersion
	major   int

	keep    func() error // records that they proved whole
	release func()       // lets other processes at them
}

// findBinaries returns binaries for data of the major version, or the newest
// when it is 0.
func (o order) findBinaries(ctx context.Context, major int, say func(message)) (binaries, error) {
	var found []binaries
	if !o.IgnoreInstalled {
		found = installed(ctx)
	}
	for _, b := range found {
		if b.major == major || major == 0 {
			return b, nil
		}
	}
	if major != 0 && major != majorOf(downloadVersion) {
		return binaries{}, fmt.Errorf("the data in %s is of PostgreSQL %d, which is not installed: "+
			"install postgresql-%d, or move the data away to start anew", o.in(dataDir), major, major)
	}
	return o.download(ctx, say)
}

// installed lists the usable servers on this machine, newest first.
func installed(ctx context.Context) []binaries {
	var found []binaries
	for _, bin := range binFolders(ctx) {
		if b, ok := inspect(ctx, bin); ok {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return cmp.Compare(b.major, a.major) })
	return found
}

func binFolders(ctx context.Context) []string {
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(initdb))
	}
	if bin, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(bin)))
	}
	for _, pattern := range installations {
		matches, _ := filepath.Glob(pattern)
		folders = append(folders, matches...)
	}
	return folders
}

// inspect looks whether a folder has what the library runs, in a version that
// Annals works with. The library wants the folder to be called bin.
func inspect(ctx context.Context, bin string) (binaries, bool) {
	if filepath.Base(bin) != "bin" {
		return binaries{}, false
	}
	if !exists(filepath.Join(bin, "pg_ctl")) {
		return binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	match := versionOutput.FindSubmatch(out)
	if match == nil {
		return binaries{}, false
	}
	b := binaries{
		path:    filepath.Dir(bin),
		version: embeddedpostgres.PostgresVersion(match[1]),
		keep:    func() error { return nil },
		release: func() {},
	}
	b.major = majorOf(b.version)
	return b, oldest <= b.major && b.major <= newest
}

// majorOf returns 18 for 18.3.0 and for 18beta1, 0 for what is no version.
func majorOf(version embeddedpostgres.PostgresVersion) int {
	end := strings.IndexFunc(string(version), func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, _ := strconv.Atoi(string(version[:end]))
	return major
}
