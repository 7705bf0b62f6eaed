package secret

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrSealed says that sealed bytes do not open: they were sealed with another key file or for another place, or they
// are damaged.
var ErrSealed = errors.New("sealed with another key file or for another place, or damaged")

// Sealer encrypts what is stored (AES-256-GCM), and derives keys that all replicas share. It is safe for concurrent
// use.
type Sealer struct {
	sealing tink.AEAD
	derive  *prf.Set
}

func newSealer(sealing, deriving *keyset.Handle) (*Sealer, error) {
	primitive, err := aead.New(sealing)
	if err != nil {
		return nil, fmt.Errorf("using the sealing keys: %w", err)
	}
	set, err := prf.NewPRFSet(deriving)
	if err != nil {
		return nil, fmt.Errorf("using the deriving keys: %w", err)
	}
	return &Sealer{sealing: primitive, derive: set}, nil
}

// Seal encrypts plain with the newest key for one place. The place names what the bytes belong to, from the general to
// the particular: the purpose, and where there are any the tenant, the object and the field. Sealed bytes open in their
// own place alone, so that nobody can swap two rows.
func (s *Sealer) Seal(plain []byte, purpose string, place ...string) ([]byte, error) {
	sealed, err := s.sealing.Encrypt(plain, associated(purpose, place))
	if err != nil {
		return nil, fmt.Errorf("sealing for %s: %w", purpose, err)
	}
	return sealed, nil
}

// Open decrypts what Seal gave for the same place, by whichever key of the file. Everything else is ErrSealed.
func (s *Sealer) Open(sealed []byte, purpose string, place ...string) ([]byte, error) {
	plain, err := s.sealing.Decrypt(sealed, associated(purpose, place))
	if err != nil {
		return nil, fmt.Errorf("opening for %s: %w", purpose, ErrSealed)
	}
	return plain, nil
}

// associated encodes a place so that no two places have the same bytes: each part with its length in front.
func associated(purpose string, place []string) []byte {
	b := appendPart(nil, purpose)
	for _, part := range place {
		b = appendPart(b, part)
	}
	return b
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// Derive gives the 32-byte key of a purpose, the MAC of cursors for instance. It is the same in every process with the
// same key file. It comes from keys of its own (HKDF-SHA-256), so it outlives a change of the sealing keys; once the
// deriving key is replaced, what was made with derived keys is no longer recognised.
func (s *Sealer) Derive(purpose string) ([]byte, error) {
	key, err := s.derive.ComputePrimaryPRF([]byte(purpose), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key for %s: %w", purpose, err)
	}
	return key, nil
}
