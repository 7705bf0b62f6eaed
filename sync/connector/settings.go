package connector

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"annals/audit"
)

// Settings are an integration's settings by name, secrets included. They never print their values.
type Settings struct{ values map[string]json.RawMessage }

// NewSettings fills in the defaults of a form.
func NewSettings(form []audit.SettingField, values map[string]json.RawMessage) Settings {
	filled := make(map[string]json.RawMessage, len(form))
	for _, field := range form {
		if len(field.Default) > 0 {
			filled[field.Name] = json.RawMessage(field.Default)
		}
		if value, ok := values[field.Name]; ok {
			filled[field.Name] = value
		}
	}
	return Settings{values: filled}
}

// Text reads a text, empty when absent.
func (s Settings) Text(name string) string { return read[string](s, name) }

// Bool reads a truth value, false when absent.
func (s Settings) Bool(name string) bool { return read[bool](s, name) }

// Int reads a whole number, 0 when absent.
func (s Settings) Int(name string) int64 { return read[int64](s, name) }

// Texts reads the values of CHOICES, none when absent.
func (s Settings) Texts(name string) []string { return read[[]string](s, name) }

// Duration reads a duration, 0 when absent or unreadable.
func (s Settings) Duration(name string) time.Duration {
	d, err := audit.ParseDuration(s.Text(name))
	if err != nil {
		return 0
	}
	return time.Duration(d)
}

// String hides the values.
func (s Settings) String() string { return fmt.Sprintf("%d settings", len(s.values)) }

// GoString hides the values.
func (s Settings) GoString() string { return s.String() }

// LogValue hides the values.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

func read[T any](s Settings, name string) T {
	var value T
	if raw, ok := s.values[name]; ok && json.Unmarshal(raw, &value) != nil {
		var zero T
		return zero
	}
	return value
}
