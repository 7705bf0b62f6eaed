package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// shape is a token taken apart before anything of it is believed: enough to choose whose keys check it.
type shape struct {
	text   string
	header map[string]json.RawMessage
	typ    string // lower case, without the prefix application/
	kid    string
	issuer string
}

// bearer takes the token out of an Authorization header or a connection_init payload.
func bearer(credentials string) string {
	credentials = strings.TrimSpace(credentials)
	if scheme, token, ok := strings.Cut(credentials, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return credentials
}

// takeApart reads a token's header and issuer. Its cost is bounded by maxTokenBytes.
func takeApart(token string) (*shape, error) {
	if len(token) > maxTokenBytes {
		return nil, errors.New("token too long")
	}
	if strings.Count(token, ".") != 2 {
		return nil, errors.New("not three segments")
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	s := &shape{text: token}
	var err error
	if s.header, err = decodeObject(header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	body, err := decodeObject(claims)
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	if s.typ, err = member(s.header, "typ"); err != nil {
		return nil, err
	}
	s.typ = strings.TrimPrefix(strings.ToLower(s.typ), "application/")
	if s.kid, err = member(s.header, "kid"); err != nil {
		return nil, err
	}
	if s.issuer, err = member(body, "iss"); err != nil {
		return nil, err
	}
	return s, nil
}

// member gives a text of an object, empty when it is not there.
func member(object map[string]json.RawMessage, name string) (string, error) {
	var text string
	if value, ok := object[name]; ok {
		if err := json.Unmarshal(value, &text); err != nil {
			return "", fmt.Errorf("%s is no text", name)
		}
	}
	return text, nil
}

// decodeObject reads a segment: base64url without slack bits, one JSON object, no name twice at any depth.
func decodeObject(segment string) (map[string]json.RawMessage, error) {
	content, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return nil, errors.New("no base64url")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil || object == nil {
		return nil, errors.New("no JSON object")
	}
	if err := uniqueNames(json.NewDecoder(bytes.NewReader(content))); err != nil {
		return nil, err
	}
	return object, nil
}

// uniqueNames reads one value of valid JSON. Of two equal names Go's decoder takes the last and others the first, and it
// matches names without regard to case: names that differ in case alone are equal here.
func uniqueNames(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for decoder.More() {
		if opening == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(strings.ToUpper(fmt.Sprint(name))) // also ſ and s
			if seen[folded] {
				return errors.New("a name stands twice")
			}
			seen[folded] = true
		}
		if err := uniqueNames(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}
