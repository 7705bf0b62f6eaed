package audit

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

func TestParseText(t *testing.T) {
	t.Parallel()
	word := func(words ...string) TextTerm { return TextTerm{Words: words} }
	prefix := func(words ...string) TextTerm { return TextTerm{Words: words, Prefix: true} }
	tests := map[string]TextQuery{
		"":                           nil,
		" * \"\" .-":                 nil,
		"Delete repo":                {word("delete"), word("repo")},
		"repo*":                      {prefix("repo")},
		"repo-4242 repo-42*":         {word("repo", "4242"), prefix("repo", "42")},
		"jane@example.com":           {word("jane", "example", "com")},
		"203.0.113.9":                {word("203", "0", "113", "9")},
		`"production database" x`:    {word("production", "database"), word("x")},
		`a"b c"d`:                    {word("a"), word("b", "c"), word("d")},
		`"never closed`:              {word("never", "closed")},
		`"star* inside*"`:            {word("star", "inside")},
		"dash-* two** *front in*ner": {word("dash"), word("two"), word("front"), word("in", "ner")},
		"東京 é*":                      {word("東", "京"), prefix("e")},
		"CreateAccessKey":            {word("createaccesskey")},
	}
	for text, want := range tests {
		if got := ParseText(text); !reflect.DeepEqual(got, want) {
			t.Errorf("ParseText(%q) = %v, want %v", text, got, want)
		}
	}
}

func textActivity() *Activity {
	return &Activity{Draft: Draft{
		Type:          "aws_cloudtrail.iam.CreateAccessKey",
		Description:   "Jane created an access key for the production database",
		OutcomeReason: "quota exceeded",
		SessionID:     "sess-1",
		RequestID:     "req-77",
		VendorID:      "0b1c-99",
		Actor:         &Actor{Key: "jane@example.com", VendorID: "AIDA123", Name: "Jané Döe", Email: "jane@example.com"},
		OnBehalfOf:    &Actor{Name: "Root Owner"},
		Targets:       []Target{{Key: "k", Type: "iam_user", VendorID: "u-5", Name: "deploy bot"}, {Type: "bucket", Name: "logs"}},
		Changes:       []Change{{Field: "visibility", Before: new("private"), After: new("public")}, {Field: "owner"}},
		Origin:        Origin{IP: netip.MustParseAddr("2001:db8::1"), UserAgent: "aws-cli/2.15 Linux"},
		Metadata:      JSON(`{"z":{"list":["first leaf",{"n":18446744073709551616}]},"a":true,"b":null,"key":"last"}`),
	}}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	want := []TextValue{
		{"type", "aws_cloudtrail.iam.CreateAccessKey"},
		{"description", "Jane created an access key for the production database"},
		{"outcomeReason", "quota exceeded"},
		{"sessionId", "sess-1"},
		{"requestId", "req-77"},
		{"vendorId", "0b1c-99"},
		{"ip", "2001:db8::1"},
		{"userAgent", "aws-cli/2.15 Linux"},
		{"actor.vendorId", "AIDA123"},
		{"actor.name", "Jané Döe"},
		{"actor.email", "jane@example.com"},
		{"onBehalfOf.name", "Root Owner"},
		{"target.type", "iam_user"},
		{"target.vendorId", "u-5"},
		{"target.name", "deploy bot"},
		{"target.type", "bucket"},
		{"target.name", "logs"},
		{"changes.field", "visibility"},
		{"changes.before", "private"},
		{"changes.after", "public"},
		{"changes.field", "owner"},
		{"metadata", "last"},
		{"metadata", "first leaf"},
		{"metadata", "18446744073709551616"},
	}
	if got := textActivity().Texts(); !slices.Equal(got, want) {
		t.Errorf("Texts() = %v, want %v", got, want)
	}
	for _, metadata := range []string{"", "{", `"bare"`, "null"} {
		a := Activity{Draft: Draft{Metadata: JSON(metadata)}}
		if got := len(a.Texts()); got != len(metadata)/6 { // only the bare string is a leaf
			t.Errorf("metadata %q gave %d texts", metadata, got)
		}
	}
}

func TestTextQueryMatch(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"":                        true,
		"jane":                    true,
		"JANE production":         true,
		"jane absent":             false,
		`"production database"`:   true,
		`"database production"`:   false,
		`"key for"`:               true,
		`"created key"`:           false, // not side by side
		`"jane doe"`:              true,
		`"doe jane"`:              false, // the end of one value and the start of the next
		"jane@example.com":        true,
		"example.org":             false,
		"2001:db8::1":             true,
		"db8:1":                   true,
		"1::db8":                  false,
		"access":                  true,
		"createaccesskey":         true,
		"CreateAccessKey":         true,
		"iam.CreateAccessKey":     true,
		"iam.access":              false, // parts are single words only
		"creat*":                  true,
		"create*":                 true,
		"acces*":                  true,
		"cess*":                   false,
		"produc* databas*":        true,
		"deploy-bo*":              true,
		"deploy-bots*":            false,
		"visibility public owner": true,
		"18446744073709551616":    true,
		"first.leaf last":         true,
		"true":                    false, // not a text
		"sess-1 req-77 0b1c-99":   true,
		"root owner bucket":       true,
		"quota":                   true,
		"list":                    false, // keys of metadata are not looked into
	}
	a := textActivity()
	for text, want := range tests {
		if got := ParseText(text).Match(a); got != want {
			t.Errorf("%q matches: %t, want %t", text, got, want)
		}
	}
	query := ParseText("jane absent")
	query.Match(a)
	if len(query) != 2 || query[0].Words[0] != "jane" {
		t.Errorf("Match changed the query to %v", query)
	}
}
