package github

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// maxDepth is how deep metadata is looked through; what nests deeper is copied as it stands.
const maxDepth = 64

// secretNames are members that would hold a credential in clear, were GitHub ever to send one. A hashed token is none.
var secretNames = []string{
	"access_token", "authorization", "client_secret", "encrypted_token", "password", "private_key", "refresh_token",
	"secret", "token", "webhook_secret",
}

// hidden stands for a credential's value.
const hidden = `"[hidden]"`

// metadata writes the members that are not taken, under GitHub's names and in its order, without those that drop names
// at any depth. Nil when none is left.
func (r record) metadata(drop func(name string, value gjson.Result) bool) audit.JSON {
	rest := r.Rest()
	if rest == nil {
		return nil
	}
	out := appendValue(nil, gjson.ParseBytes(rest), drop, 0)
	if len(out) == len("{}") {
		return nil
	}
	return out
}

func appendMember(
	out []byte, key, value gjson.Result, drop func(string, gjson.Result) bool, depth int,
) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out = append(append(out, key.Raw...), ':')
	if value.Type == gjson.String && value.Str != "" && slices.Contains(secretNames, strings.ToLower(key.Str)) {
		return append(out, hidden...)
	}
	return appendValue(out, value, drop, depth)
}

func appendValue(out []byte, value gjson.Result, drop func(string, gjson.Result) bool, depth int) []byte {
	switch {
	case depth >= maxDepth || !value.IsObject() && !value.IsArray():
		return append(out, value.Raw...)
	case value.IsObject():
		out = append(out, '{')
		value.ForEach(func(key, member gjson.Result) bool {
			if !drop(key.Str, member) {
				out = appendMember(out, key, member, drop, depth+1)
			}
			return true
		})
		return append(out, '}')
	}
	out = append(out, '[')
	value.ForEach(func(_, element gjson.Result) bool {
		if out[len(out)-1] != '[' {
			out = append(out, ',')
		}
		out = appendValue(out, element, drop, depth+1)
		return true
	})
	return append(out, ']')
}

// nothing drops nothing.
func nothing(string, gjson.Result) bool { return false }
