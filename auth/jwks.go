package auth

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"annals/audit"
)

// jwk is a public key as RFC 8037 writes it.
type jwk struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KID       string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// Handler answers with the public keys that verify our tokens, oldest first, as a JWK set (RFC 7517).
func (k *Keys) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(map[string][]jwk{"keys": k.published(r.Context())})
		if err != nil {
			http.Error(w, "something went wrong on our side", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(body)
	})
}

// published gives the keys that verify. Without the store they are those that were last read.
func (k *Keys) published(ctx context.Context) []jwk {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.refresh(ctx)
	keys := []jwk{}
	for _, key := range slices.SortedFunc(maps.Values(k.byID), byAge) {
		if k.valid(key.KID) != nil {
			keys = append(keys, jwk{
				Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key.Public),
				KID: key.KID, Use: "sig", Algorithm: "EdDSA",
			})
		}
	}
	return keys
}

func byAge(a, b *audit.SigningKey) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.KID, b.KID))
}
