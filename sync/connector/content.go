package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
)

// Content digests what a JSON record says, not how it is laid out: keys sorted at every level, strings by what they
// decode to, numbers as their token's text, no white space. Of a key that comes twice in an object the last one
// counts, as for encoding/json. The named members of the top level are left out, because the vendor's paths differ in
// them. What is not exactly one JSON value is an error.
func Content(raw []byte, except ...string) ([32]byte, error) {
	canonical, err := canonicalise(raw, except)
	if err != nil {
		return [32]byte{}, fmt.Errorf("digesting record: %w", err)
	}
	return sha256.Sum256(canonical), nil
}

// ContentOrBytes is Content, or the digest of the bytes themselves where they are no JSON.
func ContentOrBytes(raw []byte, except ...string) [32]byte {
	content, err := Content(raw, except...)
	if err != nil {
		return sha256.Sum256(raw)
	}
	return content
}

// DigestKey stands in for the vendor's id where a record has none.
func DigestKey(content [32]byte) string { return "sha256:" + hex.EncodeToString(content[:]) }

// maxObjects is how long a page's list may be. No vendor's is near it, and each element takes memory however short it is.
const maxObjects = 10_000

// Objects splits a JSON array into its elements' exact bytes, at most 10,000.
func Objects(raw []byte) ([]json.RawMessage, error) {
	count := 0
	gjson.ParseBytes(raw).ForEach(func(_, _ gjson.Result) bool {
		count++
		return count <= maxObjects
	})
	if count > maxObjects {
		return nil, Fail(Malformed, fmt.Errorf("reading list: it has more than %d elements", maxObjects))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, Fail(Malformed, fmt.Errorf("reading list: %w", err))
	}
	return slices.Clip(list), nil
}
