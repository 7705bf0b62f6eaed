package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

func newFile(t *testing.T) (string, *Sealer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	sealer, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, sealer
}

func TestSealedOpensInItsOwnPlaceOnly(t *testing.T) {
	t.Parallel()
	_, sealer := newFile(t)
	sealed, err := sealer.Seal([]byte(canary), "integration", "1", "22", "token")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte(canary)) {
		t.Fatal("the sealed bytes show the text")
	}
	plain, err := sealer.Open(sealed, "integration", "1", "22", "token")
	if err != nil || string(plain) != canary {
		t.Fatalf("opened %q, %v", plain, err)
	}
	for name, place := range map[string][]string{
		"purpose":     {"signing-key", "1", "22", "token"},
		"tenant":      {"integration", "2", "22", "token"},
		"object":      {"integration", "1", "23", "token"},
		"field":       {"integration", "1", "22", "secret"},
		"shifted":     {"integration", "12", "2", "token"},
		"joined":      {"integration", "1", "22token"},
		"one more":    {"integration", "1", "22", "token", ""},
		"one less":    {"integration", "1", "22"},
		"no place":    {"integration"},
		"all in one":  {"integration\x011\x0222\x05token"},
		"no purpose":  {""},
		"other order": {"integration", "22", "1", "token"},
	} {
		if _, err := sealer.Open(sealed, place[0], place[1:]...); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %v, want ErrSealed", name, err)
		}
	}
}

func TestDamagedBytesDoNotOpen(t *testing.T) {
	t.Parallel()
	_, sealer := newFile(t)
	sealed, err := sealer.Seal([]byte(canary), "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		if _, err := sealer.Open(damaged, "test"); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d: got %v, want ErrSealed", i, err)
		}
	}
	for _, short := range [][]byte{nil, {}, sealed[:4], sealed[:len(sealed)-1]} {
		if _, err := sealer.Open(short, "test"); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes: got %v, want ErrSealed", len(short), err)
		}
	}
}

func TestAnotherKeyFileDoesNotOpen(t *testing.T) {
	t.Parallel()
	_, one := newFile(t)
	_, two := newFile(t)
	sealed, err := one.Seal([]byte(canary), "test")
	if err != nil {
		t.Fatal(err)
	}
	_, err = two.Open(sealed, "test")
	if !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "another key file") {
		t.Errorf("got %v", err)
	}
}

func TestNewKeysOpenWhatOldOnesSealed(t *testing.T) {
	t.Parallel()
	path, before := newFile(t)
	sealed, err := before.Seal([]byte(canary), "test")
	if err != nil {
		t.Fatal(err)
	}
	addSealingKey(t, path)
	after, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := after.Open(sealed, "test"); err != nil || string(plain) != canary {
		t.Errorf("opened %q, %v", plain, err)
	}
	resealed, err := after.Seal([]byte(canary), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open(resealed, "test"); !errors.Is(err, ErrSealed) {
		t.Errorf("the old key still seals: %v", err)
	}
	if !bytes.Equal(derived(t, before, "cursor"), derived(t, after, "cursor")) {
		t.Error("a new sealing key changed the derived keys")
	}
}

// addSealingKey makes a new primary sealing key beside the old one.
func addSealingKey(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file keyFile
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	sealing, err := readKeyset(file.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	deriving, err := readKeyset(file.Deriving)
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(sealing)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	if sealing, err = manager.Handle(); err != nil {
		t.Fatal(err)
	}
	if content, err = encodeKeyFile(sealing, deriving); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDeriveIsStableAndSeparate(t *testing.T) {
	t.Parallel()
	path, sealer := newFile(t)
	again, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, other := newFile(t)
	cursor := derived(t, sealer, "cursor")
	if len(cursor) != 32 || !bytes.Equal(cursor, derived(t, again, "cursor")) {
		t.Errorf("two openings of one file derive %x and %x", cursor, derived(t, again, "cursor"))
	}
	if bytes.Equal(cursor, derived(t, sealer, "cursor2")) || bytes.Equal(cursor, derived(t, other, "cursor")) {
		t.Error("two purposes, or two files, derive the same key")
	}
}

func derived(t *testing.T, s *Sealer, purpose string) []byte {
	t.Helper()
	key, err := s.Derive(purpose)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeyFileIsPrivate(t *testing.T) {
	t.Parallel()
	path, _ := newFile(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644, 0o620, 0o601, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyFile(path); err != nil {
		t.Errorf("mode 400: %v", err)
	}
}

func TestKeyFileIsNeverReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			if errs[i] = CreateKeyFile(path); errs[i] == nil || errors.Is(errs[i], fs.ErrExist) {
				_, errOpen := OpenKeyFile(path) // whole for everyone, at once
				errs[i] = errors.Join(errs[i], errOpen)
			}
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if made != 1 || err != nil || len(entries) != 1 {
		t.Errorf("made %d times, folder %v, %v", made, entries, err)
	}
}

func TestBrokenKeyFiles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, want string }{
		"empty":     {"", "no whole key file"},
		"torn":      {`{"annalsKeyFile": 1, "sealing": {"` + canary, "no whole key file"},
		"version":   {`{"annalsKeyFile": 2}`, "its version is 2"},
		"no keys":   {`{"annalsKeyFile": 1}`, "its sealing keys"},
		"bad value": {`{"annalsKeyFile": 1, "sealing": {"key": "` + canary + `"}, "deriving": {}}`, "its sealing keys"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeyFile(path)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) || leaks(err.Error()) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := OpenKeyFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v", err)
	}
	if _, err := OpenKeyFile(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}
