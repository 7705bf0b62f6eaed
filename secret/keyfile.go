package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

const (
	keyFileVersion = 1
	maxKeyFile     = 1 << 20
)

// keyFile is the file's JSON: two tink keysets in clear text, guarded by the file's permissions. Each may hold several
// keys; its primary one is used for what is new, all of them open what is there.
type keyFile struct {
	Version  int             `json:"annalsKeyFile"`
	Sealing  json.RawMessage `json:"sealing"`  // AES-256-GCM
	Deriving json.RawMessage `json:"deriving"` // HKDF-SHA-256
}

// OpenKeyFile reads the deployment's key file. A file that others than its owner may read is refused.
func OpenKeyFile(path string) (*Sealer, error) {
	content, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("opening the key file: %w", err)
	}
	sealer, err := parseKeyFile(content)
	if err != nil {
		return nil, fmt.Errorf("reading the key file %s: %w", path, err)
	}
	return sealer, nil
}

func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s may be read or changed by others than its owner (mode %04o): run chmod 600 on it",
			path, info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(file, maxKeyFile))
}

func parseKeyFile(content []byte) (*Sealer, error) {
	var file keyFile
	if err := json.Unmarshal(content, &file); err != nil {
		// The parser's own message may quote the content.
		return nil, errors.New("it is no whole key file")
	}
	if file.Version != keyFileVersion {
		return nil, fmt.Errorf("its version is %d, this program reads %d", file.Version, keyFileVersion)
	}
	sealing, err := readKeyset(file.Sealing)
	if err != nil {
		return nil, fmt.Errorf("its sealing keys: %w", err)
	}
	deriving, err := readKeyset(file.Deriving)
	if err != nil {
		return nil, fmt.Errorf("its deriving keys: %w", err)
	}
	return newSealer(sealing, deriving)
}

func readKeyset(content []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		return nil, errors.New("no keyset")
	}
	return handle, nil
}

// CreateKeyFile makes a key file with new keys, readable by its owner alone. An existing file is never touched: the
// error is then fs.ErrExist. The file appears as a whole or not at all, so that processes may start side by side.
func CreateKeyFile(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("creating the key file %s: %w", path, err)
		}
	}()
	content, err := newKeyFile()
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	draft, err := os.CreateTemp(folder, ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(content)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil { // unlike a rename, never replaces
		return err
	}
	return syncFolder(folder)
}

func newKeyFile() ([]byte, error) {
	sealing, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	deriving, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	return encodeKeyFile(sealing, deriving)
}

func encodeKeyFile(sealing, deriving *keyset.Handle) ([]byte, error) {
	file := keyFile{Version: keyFileVersion}
	var err error
	if file.Sealing, err = encodeKeyset(sealing); err != nil {
		return nil, err
	}
	if file.Deriving, err = encodeKeyset(deriving); err != nil {
		return nil, err
	}
	return json.MarshalIndent(file, "", "  ")
}

func encodeKeyset(handle *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b))
	return b.Bytes(), err
}

// syncFolder makes the new name durable.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the folder of the operator's file
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
