package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annals/audit"
)

// KeyStore keeps the signing keys that all replicas share.
type KeyStore interface {
	// SigningKeys gives all keys, in any order.
	SigningKeys(ctx context.Context) ([]*audit.SigningKey, error)
	// InsertSigningKey adds a key, durably.
	InsertSigningKey(ctx context.Context, key *audit.SigningKey) error
}

// Sealer encrypts private keys for one place, as package secret does.
type Sealer interface {
	Seal(plain []byte, purpose string, place ...string) ([]byte, error)
	Open(sealed []byte, purpose string, place ...string) ([]byte, error)
}

const (
	// keyLife is how long a key signs; then the next one is made. It verifies until the last token it signed is dead.
	keyLife = 90 * 24 * time.Hour
	// keysFresh is how long keys are used without a look at the store: a key that was removed there is refused then.
	keysFresh = time.Minute
	// unknownPause is the least time between two looks for a kid that is not known: another replica may have just made
	// the key, but tokens with invented ones must not cost a query each.
	unknownPause = 2 * time.Second
	loadTimeout  = 5 * time.Second

	sealPurpose = "signing-key"
)

// Keys are the keys that sign and verify our own tokens (Ed25519). They are read from the store into memory; a token's
// kid is looked up there and nowhere else. Safe for concurrent use.
type Keys struct {
	store  KeyStore
	sealer Sealer
	now    func() time.Time

	mu     sync.Mutex // held while loading, so that one goroutine loads for all
	loaded time.Time  // last attempt
	byID   map[string]*audit.SigningKey
	kid    string // of signing
	signer ed25519.PrivateKey
}

// OpenKeys reads the keys, and makes the first one. It fails when the key that signs was sealed by another key file.
func OpenKeys(ctx context.Context, store KeyStore, sealer Sealer, now func() time.Time) (*Keys, error) {
	k := &Keys{store: store, sealer: sealer, now: now}
	if _, _, err := k.signing(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// public gives the key of a kid, nil when there is none.
func (k *Keys) public(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.now().Sub(k.loaded)
	if key := k.valid(kid); key != nil && age < keysFresh {
		return key.Public, nil
	}
	if age >= unknownPause {
		if err := k.load(ctx); err != nil {
			return nil, err
		}
	}
	if key := k.valid(kid); key != nil {
		return key.Public, nil
	}
	return nil, nil
}

// valid gives a key that still verifies. The caller holds mu.
func (k *Keys) valid(kid string) *audit.SigningKey {
	if key := k.byID[kid]; key != nil && k.now().Before(retired(key).Add(MaxLife+keysFresh+leeway)) {
		return key
	}
	return nil
}

// retired is when a key ceases to sign.
func retired(key *audit.SigningKey) time.Time {
	if end := key.CreatedAt.Add(keyLife); key.RetiredAt == nil || end.Before(*key.RetiredAt) {
		return end
	}
	return *key.RetiredAt
}

// refresh reads the keys when the last look is too long ago. The caller holds mu.
func (k *Keys) refresh(ctx context.Context) error {
	if k.now().Sub(k.loaded) < keysFresh {
		return nil
	}
	return k.load(ctx)
}

// load reads the keys. The caller holds mu.
func (k *Keys) load(ctx context.Context) error {
	k.loaded = k.now()
	// A caller who hangs up must not spoil the look that all wait for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	rows, err := k.store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("reading the signing keys: %w", err)
	}
	byID := make(map[string]*audit.SigningKey, len(rows))
	for _, row := range rows {
		if len(row.Public) != ed25519.PublicKeySize {
			return fmt.Errorf("reading the signing keys: the public key of %s has %d bytes", row.KID, len(row.Public))
		}
		byID[row.KID] = row
	}
	k.byID = byID
	return nil
}

// signing gives the key that signs, a new one when the newest has served its time.
func (k *Keys) signing(ctx context.Context) (kid string, signer ed25519.PrivateKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return "", nil, err
	}
	newest := k.newest()
	if newest == nil {
		return k.create(ctx)
	}
	if newest.KID != k.kid {
		if k.signer, err = k.open(newest); err != nil {
			return "", nil, err
		}
		k.kid = newest.KID
	}
	return k.kid, k.signer, nil
}

// newest gives the youngest key that still signs. The caller holds mu.
func (k *Keys) newest() *audit.SigningKey {
	var newest *audit.SigningKey
	for _, key := range k.byID {
		if k.now().Before(retired(key)) && (newest == nil || key.CreatedAt.After(newest.CreatedAt)) {
			newest = key
		}
	}
	return newest
}

func (k *Keys) open(key *audit.SigningKey) (ed25519.PrivateKey, error) {
	seed, err := k.sealer.Open(key.Sealed, sealPurpose, key.KID)
	if err != nil {
		return nil, fmt.Errorf("opening the signing key, is ANNALS_KEY_FILE this deployment's? %w", err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("opening the signing key: it has %d bytes", len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	if !ed25519.PublicKey(key.Public).Equal(private.Public()) {
		return nil, errors.New("opening the signing key: its public key is not that of its private key")
	}
	return private, nil
}

// create makes the next key. When two replicas do so at once both keys verify, and the newer one signs. The caller holds
// mu.
func (k *Keys) create(ctx context.Context) (string, ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("making a signing key: %w", err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	key := &audit.SigningKey{
		KID: base64.RawURLEncoding.EncodeToString(id), Public: public, CreatedAt: k.now().UTC().Truncate(time.Microsecond),
	}
	if key.Sealed, err = k.sealer.Seal(private.Seed(), sealPurpose, key.KID); err != nil {
		return "", nil, fmt.Errorf("making a signing key: %w", err)
	}
	if err := k.store.InsertSigningKey(ctx, key); err != nil {
		return "", nil, fmt.Errorf("making a signing key: %w", err)
	}
	k.byID[key.KID], k.kid, k.signer = key, key.KID, private
	return k.kid, k.signer, nil
}

// sign makes the token of the claims.
func (k *Keys) sign(ctx context.Context, claims jwt.Claims) (string, error) {
	kid, signer, err := k.signing(ctx)
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = tokenType, kid
	text, err := token.SignedString(signer)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return text, nil
}
