package audit

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 70)
	tests := map[string][]string{
		"":                            nil,
		" .-_@'$*":                    nil,
		"Repository deleted":          {"repository", "deleted"},
		"repo-4242":                   {"repo", "4242"},
		"jane.doe@example.com":        {"jane", "doe", "example", "com"},
		"it's $x_y":                   {"it", "s", "x", "y"},
		"203.0.113.9":                 {"203", "0", "113", "9"},
		"2001:db8::1":                 {"2001", "db8", "1"},
		"CreateAccessKey":             {"createaccesskey"},
		"Straße STRASSE ſtraẞe":       {"strasse", "strasse", "strasse"},
		"Café cafe\u0301 CAFÉ":        {"cafe", "cafe", "cafe"},
		"Ångström Øre":                {"angstrom", "øre"},
		"ΣΊΣΥΦΟΣ σίσυφος":             {"σισυφοσ", "σισυφοσ"},
		"ﬁle ｆｕｌｌ ①②":                 {"file", "full", "12"},
		"İstanbul ISTANBUL":           {"istanbul", "istanbul"},
		"soft\u00adhyphen":            {"soft", "hyphen"},
		"zero\u200bwidth\ufeffmark":   {"zero", "width", "mark"},
		"bad\xffbytes":                {"bad", "bytes"},
		"nul\x00byte":                 {"nul", "byte"},
		"東京タワー":                       {"東", "京", "タ", "ワ", "ー"},
		"abc東x":                       {"abc", "東", "x"},
		"ガ カ\u3099 ｶﾞ":                {"カ\u3099", "カ\u3099", "カ\u3099"},
		"ไทย":                         {"ไ", "ท", "ย"},
		"한글":                          {"\u1112\u1161\u11ab\u1100\u1173\u11af"},
		"ЙОД йод":                     {"иод", "иод"},
		"e\u05b0\u05b1 e\u05b1\u05b0": {"e\u05b0\u05b1", "e\u05b0\u05b1"},
		long:                          {long[:64]},
		strings.Repeat("ж", 40):       {strings.Repeat("ж", 32)},
		"x" + strings.Repeat("ж", 40): {"x" + strings.Repeat("ж", 31)},
		"\u0301":                      nil,
	}
	for text, want := range tests {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("Words(%+q) = %+q, want %+q", text, got, want)
		}
	}
}

func TestWordParts(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"":                        nil,
		"plain words UPPER Title": nil,
		"CreateAccessKey":         {"create", "access", "key"},
		"iam.createAccessKey x":   {"create", "access", "key"},
		"HTTPServer":              {"http", "server"},
		"parseHTTP":               {"parse", "http"},
		"EC2Instance":             {"ec2", "instance"},
		"A1B2C3D4":                nil,
		"s3Bucket":                {"s3", "bucket"},
		"IDs":                     {"i", "ds"},
		"straßeÖl":                {"strasse", "ol"},
	}
	for text, want := range tests {
		if got := WordParts(text); !slices.Equal(got, want) {
			t.Errorf("WordParts(%q) = %q, want %q", text, got, want)
		}
	}
}

// Words are clean: bounded, valid, folded once and for all, and never changed by being split again.
func TestWordsAreStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		words := Words(text)
		for _, word := range words {
			if word == "" || len(word) > maxWord || !utf8.ValidString(word) {
				t.Errorf("a word of %+q is %+q", text, word)
			}
		}
		if again := Words(strings.Join(words, " ")); !slices.Equal(again, words) {
			t.Errorf("words of %+q: %+q, again %+q", text, words, again)
		}
	})
}

// A text of marks alone must not cost the square of its length.
func TestWordsOfHostileMarks(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("\u05b1\u05b0", 200_000)
	start := time.Now()
	if words := Words(text); len(words) != 1 {
		t.Errorf("%d words, want 1", len(words))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("CreateAccessKey straße 東京 \xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range slices.Concat(Words(text), WordParts(text)) {
			if word == "" || len(word) > maxWord || strings.ContainsAny(word, " \"'*\\\x00") {
				t.Errorf("a word of %+q is %+q", text, word)
			}
		}
		ParseText(text).Match(&Activity{Draft: Draft{Description: Text(text)}})
	})
}

func BenchmarkWords(b *testing.B) {
	for _, text := range []string{
		"octocat deleted the repository example/production-database",
		"Přihlášení uživatele žluťoučký kůň selhalo",
	} {
		b.Run(text[:8], func(b *testing.B) {
			for b.Loop() {
				Words(text)
			}
		})
	}
}
