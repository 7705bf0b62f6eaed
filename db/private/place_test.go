package private

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// stranger is a user whose folders and groups nobody here has.
var stranger = account{name: "stranger", uid: 54321, gid: 54321, switched: true}

// tree makes a folder that the stranger may search, down from the root.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Dir(folder(t)))
	if err != nil {
		t.Fatal(err)
	}
	if parent, closed := closedParent(filepath.Join(dir, "x"), stranger); closed {
		t.Skipf("temporary folders of this machine lie in %s, which is closed to others", parent)
	}
	return dir
}

func makeFolder(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestClosedParent(t *testing.T) {
	t.Parallel()
	dir := tree(t)
	open := makeFolder(t, filepath.Join(dir, "open"), 0o711)
	closed := makeFolder(t, filepath.Join(dir, "closed"), 0o750)
	if err := os.Symlink(closed, filepath.Join(open, "link")); err != nil {
		t.Fatal(err)
	}
	self := account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	for _, test := range []struct {
		name string
		path string
		who  account
		want string
	}{
		{"open", filepath.Join(open, "data"), stranger, ""},
		{"absent parents", filepath.Join(open, "a", "b", "data"), stranger, ""},
		{"closed", filepath.Join(closed, "data"), stranger, closed},
		{"closed further up", filepath.Join(closed, "a", "b", "data"), stranger, closed},
		{"closed behind a link", filepath.Join(open, "link", "data"), stranger, closed},
		{"closed to others only", filepath.Join(closed, "data"), self, ""},
		{"open to its group", filepath.Join(closed, "data"), account{uid: stranger.uid, gid: self.gid}, ""},
	} {
		got, found := closedParent(test.path, test.who)
		if got != test.want || found != (test.want != "") {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, found, test.want)
		}
	}
}

func TestSettleAsRoot(t *testing.T) {
	t.Parallel()
	dir, state := tree(t), "/state"
	self := account{name: "self", uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), switched: true}
	closed := makeFolder(t, filepath.Join(dir, "closed"), 0o700)
	own := makeFolder(t, filepath.Join(dir, "own"), 0o700)
	moved := func(path string) string { return filepath.Join(state, folderName(path)) }

	for _, test := range []struct {
		name, asked, path string
		who, chosen       account
	}{
		{"new and reachable", filepath.Join(dir, "new"), filepath.Join(dir, "new"), stranger, stranger},
		{"new and out of reach", filepath.Join(closed, "new"), moved(filepath.Join(closed, "new")), stranger, stranger},
		{"exists", own, own, self, self},
	} {
		p, err := settleAsRoot(test.asked, state, []account{test.who})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if p.path != test.path || p.account != test.chosen || (p.moved != "") != (p.path != test.asked) {
			t.Errorf("%s: got %+v, want %s as %s", test.name, p, test.path, test.chosen.name)
		}
	}

	p, err := settleAsRoot(own, state, []account{stranger})
	if os.Geteuid() == 0 {
		if err != nil || p.path != moved(own) {
			t.Errorf("root's folder: got %+v, %v, want another one", p, err)
		}
	} else if err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("somebody's folder: got %+v, %v, want an error", p, err)
	}
}

func TestSettleAsRootStaysWhereItMoved(t *testing.T) {
	t.Parallel()
	dir := tree(t)
	state := makeFolder(t, filepath.Join(dir, "state"), 0o755)
	self := account{name: "self", uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), switched: true}
	asked := filepath.Join(dir, "asked")
	makeFolder(t, filepath.Join(state, folderName(asked)), 0o700)
	// The second account owns it: the data decides, not the order.
	p, err := settleAsRoot(asked, state, []account{stranger, self})
	if err != nil || p.path != filepath.Join(state, folderName(asked)) || p.account != self || p.moved == "" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestFolderNameIsUnique(t *testing.T) {
	t.Parallel()
	a, b := folderName("/a/postgres"), folderName("/b/postgres")
	if a == b || !strings.HasPrefix(a, "postgres-") || len(a) != len("postgres-")+12 {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestFolderThatPgCtlCannotQuoteIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`a"b`, "a$HOME", "a`id`", `a\b`, "a\nb"} {
		if _, err := settle(filepath.Join(t.TempDir(), name)); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	if _, err := settle(filepath.Join(t.TempDir(), "it's a folder")); err != nil {
		t.Error(err)
	}
}

func TestClaimLeavesExistingFoldersAlone(t *testing.T) {
	t.Parallel()
	dir := makeFolder(t, filepath.Join(tree(t), "there"), 0o751)
	for _, who := range []account{{}, stranger} {
		if err := (place{path: dir, account: who}).claim(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o751 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		t.Errorf("now it has mode %v and owner %d", info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://secret")
	t.Setenv("PGUSER", "somebody")
	t.Setenv("SSL_CERT_DIR", "/certs")
	env := place{path: "/folder"}.environment()
	for _, want := range []string{"HOME=/folder", "TMPDIR=/folder/tmp", "SSL_CERT_DIR=/certs"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, variable := range env {
		if strings.HasPrefix(variable, "DATABASE_URL") || strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "PGCTLTIMEOUT") {
			t.Errorf("%s is passed on", variable)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		who  account
		err  error
		want string
	}{
		{stranger, syscall.EPERM, "becoming user stranger is not permitted here"},
		{stranger, syscall.EINVAL, "set DATABASE_URL"},
		{stranger, syscall.EACCES, "chmod o+rx"},
		{account{}, syscall.EACCES, "working in /folder: fork/exec"},
	} {
		err := place{path: "/folder", account: test.who}.explain(&os.PathError{Op: "fork/exec", Err: test.err})
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %q, want %q in it", test.err, err, test.want)
		}
	}
}

func TestClaimOpensTheParentsThatItMakes(t *testing.T) {
	dir := tree(t)
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(dir, "a", "b", "data")
	if err := makeParent(path); err != nil {
		t.Fatal(err)
	}
	if parent, closed := closedParent(path, stranger); closed {
		t.Errorf("%s is closed", parent)
	}
}
