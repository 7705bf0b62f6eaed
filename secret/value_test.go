package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-7f3a"

// holder has a value in every position where a printer may find it.
type holder struct {
	Public  Value
	private Value
	Pointer *Value
	List    []Value
	Map     map[string]Value
	Any     any
}

func newHolder() holder {
	v := NewValue(canary)
	return holder{v, v, &v, []Value{v}, map[string]Value{"k": v}, v}
}

func TestValueNeverPrints(t *testing.T) {
	t.Parallel()
	subjects := map[string]any{
		"value": NewValue(canary), "pointer": new(NewValue(canary)), "holder": newHolder(), "holder pointer": new(newHolder()),
	}
	for name, subject := range subjects {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%c", "%U", "% x", "%40s"} {
			if out := fmt.Sprintf(verb, subject); leaks(out) {
				t.Errorf("%s with %s prints %s", name, verb, out)
			}
		}
		if out := fmt.Sprint(subject); leaks(out) {
			t.Errorf("%s prints %s", name, out)
		}
		if out := fmt.Errorf("wrapped: %v %w", subject, errors.ErrUnsupported).Error(); leaks(out) {
			t.Errorf("%s in an error prints %s", name, out)
		}
	}
}

func TestValueNeverMarshals(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(newHolder())
	if err != nil || leaks(string(out)) || !strings.Contains(string(out), redacted) {
		t.Errorf("JSON is %s, %v", out, err)
	}
	out, err = json.Marshal(map[Value]int{NewValue(canary): 1})
	if err != nil || leaks(string(out)) {
		t.Errorf("JSON of a key is %s, %v", out, err)
	}
	out, err = xml.Marshal(NewValue(canary))
	if err != nil || leaks(string(out)) {
		t.Errorf("XML is %s, %v", out, err)
	}
}

func TestValueNeverLogs(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).InfoContext(t.Context(), "configuration",
			"value", NewValue(canary), "holder", newHolder(), "group", slog.GroupValue(slog.Any("v", NewValue(canary))))
		if leaks(b.String()) || !strings.Contains(b.String(), redacted) {
			t.Errorf("%s logs %s", name, b.String())
		}
	}
}

// leaks also finds the canary in hex and in Go's list of bytes.
func leaks(out string) bool {
	lower := strings.ToLower(strings.ReplaceAll(out, " ", ""))
	return strings.Contains(out, canary) || strings.Contains(lower, fmt.Sprintf("%x", canary)) ||
		strings.Contains(out, strings.Trim(fmt.Sprint([]byte(canary)), "[]"))
}

func TestLeaksFindsThePlainText(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%x", "% X", "%q"} {
		if !leaks(fmt.Sprintf(verb, canary)) {
			t.Errorf("a plain text with %s is not found: the tests above prove nothing", verb)
		}
	}
	if !leaks(fmt.Sprint([]byte(canary))) {
		t.Error("plain bytes are not found: the tests above prove nothing")
	}
}

func TestValueReveals(t *testing.T) {
	t.Parallel()
	var v Value
	if v.IsSet() || v.Reveal() != "" {
		t.Error("the zero value is not empty")
	}
	if err := json.Unmarshal([]byte(`"`+canary+`"`), &v); err != nil || v.Reveal() != canary || !v.IsSet() {
		t.Errorf("read %v, %q", err, v.Reveal())
	}
}
