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
			Kind:   audit.Kind(rapid.ByteRange(1, 6).Draw(rt, "kind")),
			Tenant: audit.TenantID(rapid.Int64Min(0).Draw(rt, "tenant")),
		}
		switch id.Kind {
		case audit.KindActivity, audit.KindIntegration, audit.KindBackfill:
			id.Number = rapid.Int64Min(0).Draw(rt, "number")
		case audit.KindConnector:
			id.Tenant = 0
			fallthrough
		case audit.KindAPIToken:
			id.Name = rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(rt, "name")
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
		if rapid.Bool().Draw(rt, "nearly right") {
			id := audit.ID{Kind: audit.KindActivity, Tenant: audit.TenantID(rapid.Int64Range(0, 1<<40).Draw(rt, "tenant")), Number: rapid.Int64Range(0, 1<<40).Draw(rt, "number")}
			bytes, _ = base64.RawURLEncoding.DecodeString(id.String())
			bytes[rapid.IntRange(0, len(bytes)-1).Draw(rt, "at")] ^= rapid.SampledFrom([]byte{0, 1, 2, 127, 128}).Draw(rt, "flip")
		}
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

// TestIDsHaveTheirPartsAlone: what resolves an id looks only at the parts of its kind, so others would be aliases.
func TestIDsHaveTheirPartsAlone(t *testing.T) {
	t.Parallel()
	token := "0b0fae93-6a5c-4d1f-9a43-2f0a43c6b3c1"
	for _, good := range []audit.ID{
		{Kind: audit.KindActivity, Tenant: 5},
		{Kind: audit.KindAPIToken, Tenant: 5, Name: token},
		{Kind: audit.KindTenant, Tenant: 5},
		{Kind: audit.KindConnector, Name: "aws_cloudtrail"},
	} {
		if got, ok := audit.ParseID(good.String()); !ok || got != good {
			t.Errorf("%+v is read as %+v, %v", good, got, ok)
		}
	}
	for _, bad := range []audit.ID{
		{Kind: 0, Tenant: 5, Number: 1},
		{Kind: 7, Tenant: 5, Number: 1},
		{Kind: audit.KindActivity, Tenant: 5, Number: 1, Name: "x"},
		{Kind: audit.KindIntegration, Tenant: 5, Number: 1, Name: "x"},
		{Kind: audit.KindBackfill, Tenant: 5, Number: 1, Name: "x"},
		{Kind: audit.KindAPIToken, Tenant: 5},
		{Kind: audit.KindAPIToken, Tenant: 5, Number: 1, Name: token},
		{Kind: audit.KindAPIToken, Tenant: 5, Name: "a\x00b"},
		{Kind: audit.KindAPIToken, Tenant: 5, Name: "\xff"},
		{Kind: audit.KindAPIToken, Tenant: 5, Name: strings.Repeat("a", 65)},
		{Kind: audit.KindTenant, Tenant: 5, Number: 1},
		{Kind: audit.KindTenant, Tenant: 5, Name: "x"},
		{Kind: audit.KindConnector, Tenant: 5, Name: "github"},
		{Kind: audit.KindConnector, Number: 1, Name: "github"},
		{Kind: audit.KindConnector},
	} {
		if _, ok := audit.ParseID(bad.String()); ok {
			t.Errorf("%+v is an id", bad)
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
