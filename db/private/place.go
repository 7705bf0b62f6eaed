package private

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// stateDir holds, for root, the folders that cannot lie where they were asked
// for. Root owns it, so nobody else can put a folder there.
const stateDir = "/var/lib/annals"

// place is a folder and the account it belongs to.
type place struct {
	path    string
	account account
	moved   string // why it is not the folder that was asked for, if it is not
}

// settle finds the place of the folder dir. It creates nothing, so that a
// second process finds the same place as the first.
func settle(dir string) (place, error) {
	asked, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	if err := checkName(asked); err != nil {
		return place{}, err
	}
	who, err := accounts()
	if err != nil {
		return place{}, err
	}
	if !who[0].switched {
		return place{path: asked, account: who[0]}, nil
	}
	return settleAsRoot(asked, stateDir, who)
}

func settleAsRoot(asked, state string, who []account) (place, error) {
	owner, err := ownerOf(asked, who)
	switch {
	case err != nil:
		return place{}, err
	case owner != nil:
		if parent, closed := closedParent(asked, *owner); closed {
			return place{}, fmt.Errorf("%s belongs to user %s, to whom %s is closed: open it (chmod o+x)", asked, owner.name, parent)
		}
		return place{path: asked, account: *owner}, nil
	}
	moved := filepath.Join(state, folderName(asked))
	if owner, err = ownerOf(moved, who); err != nil {
		return place{}, err
	}
	if owner != nil {
		return place{path: moved, account: *owner, moved: "it was moved there earlier"}, nil
	}
	if exists(asked) {
		return place{path: moved, account: who[0], moved: "the folder belongs to root"}, nil
	}
	if parent, closed := closedParent(asked, who[0]); closed {
		return place{path: moved, account: who[0], moved: fmt.Sprintf("%s is closed to user %s", parent, who[0].name)}, nil
	}
	return place{path: asked, account: who[0]}, nil
}

// claimBinaries creates the folder of downloaded binaries, which all clusters
// of one account share. Where the account has no such folder, each cluster
// keeps its own.
func claimBinaries(dir string, home place) (string, error) {
	if dir != "" {
		p, err := settle(dir)
		if err != nil {
			return "", err
		}
		return p.path, p.claim()
	}
	shared := place{path: filepath.Join(stateDir, "binaries-"+home.account.name), account: home.account}
	if !home.account.switched {
		cache, err := os.UserCacheDir()
		if err != nil {
			return home.path, nil //nolint:nilerr // without a cache folder the binaries lie with the data
		}
		shared.path = filepath.Join(cache, "annals", "postgres")
	}
	if shared.claim() != nil {
		return home.path, nil //nolint:nilerr // without a shared folder the binaries lie with the data
	}
	return shared.path, nil
}

// checkName refuses names that pg_ctl and the library cannot quote: they build
// shell commands from them.
func checkName(path string) error {
	if strings.ContainsAny(path, "\"$`\\\n") {
		return fmt.Errorf("the folder name %q has a character that pg_ctl cannot quote: choose another folder", path)
	}
	return nil
}

// folderName makes a readable and unique name for a folder that is moved.
func folderName(path string) string {
	return fmt.Sprintf("%s-%.6x", filepath.Base(path), sha256.Sum256([]byte(path)))
}

// ownerOf returns which of the accounts owns the folder, nil when it is absent
// or root's, and an error when it is somebody else's.
func ownerOf(path string, who []account) (*account, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder", path)
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	for _, a := range who {
		if a.uid == uid {
			return &a, nil
		}
	}
	if uid != 0 {
		return nil, fmt.Errorf("%s belongs to user %d: run Annals as that user, choose another folder or set DATABASE_URL", path, uid)
	}
	return nil, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// closedParent returns the topmost parent of path that the account may not
// search. Parents that do not exist yet are not its concern.
func closedParent(path string, a account) (string, bool) {
	var closed string
	for parent := existingParent(path); ; parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err != nil || !a.maySearch(info) {
			closed = parent
		}
		if parent == filepath.Dir(parent) {
			return closed, closed != ""
		}
	}
}

// existingParent returns the nearest parent that exists, without symbolic
// links, so that its own parents are those that count.
func existingParent(path string) string {
	for parent := filepath.Dir(path); ; parent = filepath.Dir(parent) {
		if real, err := filepath.EvalSymlinks(parent); err == nil {
			return real
		}
		if parent == filepath.Dir(parent) {
			return parent
		}
	}
}

func (a account) maySearch(folder fs.FileInfo) bool {
	stat, mode := folder.Sys().(*syscall.Stat_t), folder.Mode().Perm()
	switch {
	case stat.Uid == a.uid:
		return mode&0o100 != 0
	case stat.Gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// temporary is the folder for temporary files of the child.
func (p place) temporary() string { return filepath.Join(p.path, "tmp") }

// claim creates the folder for its account, and changes nothing about one that
// exists.
func (p place) claim() error {
	if !p.account.switched {
		return os.MkdirAll(p.path, 0o700)
	}
	if err := makeParent(p.path); err != nil {
		return err
	}
	err := os.Mkdir(p.path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Lchown: should somebody put a link in its place, nothing else changes hands.
	if err := os.Lchown(p.path, int(p.account.uid), int(p.account.gid)); err != nil {
		os.Remove(p.path)
		return fmt.Errorf("giving %s to user %s: %w: run Annals as an ordinary user or set DATABASE_URL", p.path, p.account.name, err)
	}
	return nil
}

// makeParent creates what is missing above path, so that another user may pass
// through it whatever the umask says.
func makeParent(path string) error {
	parent := filepath.Dir(path)
	if exists(parent) {
		return nil
	}
	if err := makeParent(parent); err != nil {
		return err
	}
	if err := os.Mkdir(parent, 0o711); err != nil { //nolint:gosec // another user passes through
		return err
	}
	return os.Chmod(parent, 0o711) //nolint:gosec // another user passes through
}
