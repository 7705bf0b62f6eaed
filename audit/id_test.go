package audit_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"annals/audit"
)

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		id := audit.ID{
			Kind:   audit.Kind(rapid.Byte().Draw(rt, "kind")),
			Tenant: audit.TenantID(rapid.Int64Min(0).Draw(rt, "tenant")),
			Number: rapid.Int64Min(0).Draw(rt, "number"),
			Name:   rapid.String().Draw(rt, "name"),
		}
		text := id.String()
		if got, ok := audit.ParseID(text); !ok || got != id {
			rt.Fatalf("ParseID(%q) = %+v, %v, want %+v", text, got, ok, id)
		}
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			rt.Fatalf("%q is not safe in a URL", text)
		}
	})
}

// TestIDsAreCanonical: whatever parses prints the same text again, so that one object has one id.
func TestIDsAreCanonical(t *testing.T) {
	t.Parallel()
	parsed := 0
	rapid.Check(t, func(rt *rapid.T) {
		bytes := append([]byte{1}, rapid.SliceOfN(rapid.Byte(), 0, 14).Draw(rt, "bytes")...)
		text := base64.RawURLEncoding.EncodeToString(bytes)
		if id, ok := audit.ParseID(text); ok {
			parsed++
			if id.String() != text || id.Tenant < 0 || id.Number < 0 {
				rt.Fatalf("%q is %+v, which prints as %q", text, id, id.String())
			}
		}
	})
	if parsed == 0 {
		t.Error("nothing parsed: nothing is proved")
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	right := audit.ID{Kind: audit.KindActivity, Tenant: 300, Number: 2}.String()
	if _, ok := audit.ParseID(right); !ok {
		t.Fatalf("%q is refused", right)
	}
	encode := func(bytes ...byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
	for name, text := range map[string]string{
		"empty":              "",
		"no base64":          "!!!",
		"space":              right + " ",
		"newline":            right + "\n",
		"newline inside":     right[:3] + "\r\n" + right[3:],
		"padding":            base64.URLEncoding.EncodeToString([]byte{1, 1, 5, 2, 0}),
		"standard alphabet":  base64.RawStdEncoding.EncodeToString([]byte{1, 0xff, 0xfb, 0x01, 0xff, 0x01}),
		"trailing bits":      encode(1, 1, 5, 2)[:5] + "h",
		"other version":      encode(2, 1, 5, 2),
		"version 0":          encode(0, 1, 5, 2),
		"too short":          encode(1, 1, 5),
		"unended tenant":     encode(1, 1, 0x80, 0x80),
		"unended number":     encode(1, 1, 5, 0x80),
		"long form of 5":     encode(1, 1, 0x85, 0x00, 2),
		"long form of 2":     encode(1, 1, 5, 0x82, 0x00),
		"tenant of 64 bits":  encode(1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 2),
		"more than 64 bits":  encode(1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 2),
		"other letters":      strings.ToLower(right),
		"a decimal number":   "12345678",
		"letters beyond it":  "ＡＱＦＢ",
		"NUL":                "\x00\x00\x00\x00",
		"a MongoDB id":       "507f1f77bcf86cd799439011",
		"a path":             "../../etc/passwd",
		"invalid UTF-8":      "AQ\xff\xfe",
		"very long nonsense": strings.Repeat("A", 1<<20),
	} {
		if id, ok := audit.ParseID(text); ok {
			t.Errorf("%s: %.40q is %.40v", name, text, id)
		}
	}
}

func TestIDsOfObjects(t *testing.T) {
	t.Parallel()
	for want, got := range map[audit.ID]audit.Node{
		{Kind: audit.KindActivity, Tenant: 5, Number: 9}:    &audit.Activity{Tenant: 5, Seq: 9},
		{Kind: audit.KindIntegration, Tenant: 5, Number: 9}: &audit.Integration{Tenant: 5, Number: 9},
		{Kind: audit.KindBackfill, Tenant: 5, Number: 9}:    &audit.Backfill{Tenant: 5, Number: 9},
		{Kind: audit.KindAPIToken, Tenant: 5, Name: "jti"}:  &audit.APIToken{Tenant: 5, JTI: "jti"},
		{Kind: audit.KindTenant, Tenant: 5}:                 &audit.Tenant{Number: 5},
		{Kind: audit.KindConnector, Name: "github"}:         &audit.Connector{Name: "github"},
	} {
		if got.ID() != want.String() {
			t.Errorf("the id of %T is %q, want %q", got, got.ID(), want.String())
		}
	}
	if text := (&audit.Activity{Tenant: 5, Seq: 9}).ID(); text != "AQEFCQ" {
		t.Errorf("an id was %q and is %q: ids never change", "AQEFCQ", text)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("AQEFCQ")
	f.Add("AQYAAGdpdGh1Yg")
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := audit.ParseID(text); ok && id.String() != text {
			t.Errorf("%q is %+v, which prints as %q", text, id, id.String())
		}
	})
}
