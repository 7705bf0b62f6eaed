// Package secret keeps credentials and keys secret: a value that never prints itself, and a sealer that encrypts what
// is stored, with the deployment's key file.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands in for every value.
const redacted = "[redacted]"

// Value is a text that must not be seen: it prints, formats, marshals and logs as `[redacted]`. The zero Value is the
// empty text.
type Value struct {
	text *string // a pointer, so that not even fmt's walk over unexported fields reaches the text
}

// NewValue makes a value of a text.
func NewValue(text string) Value { return Value{text: &text} }

// Reveal gives the text. Whoever calls it takes over the duty to keep it secret.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// IsSet reports whether the text is not empty.
func (v Value) IsSet() bool { return v.Reveal() != "" }

// String is a stand-in.
func (v Value) String() string { return redacted }

// Format writes the stand-in, whatever the verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is the stand-in.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives the stand-in, for JSON as well.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the text itself, from a configuration for instance.
func (v *Value) UnmarshalText(text []byte) error {
	*v = NewValue(string(text))
	return nil
}
