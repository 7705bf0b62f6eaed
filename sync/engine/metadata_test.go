package engine

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"annals/audit"
)

func TestFitJSON(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	tests := []struct{ what, document, want string }{
		{"nothing", "", ""},
		{"an object", `{"a":[1,"b",null,true]}`, `{"a":[1,"b",null,true]}`},
		{"white space around it", " \n{}\t", " \n{}\t"},
		{"a list", `[1]`, ""},
		{"a text", `"a"`, ""},
		{"null", `null`, ""},
		{"no JSON", `{"a":NaN}`, ""},
		{"a comment", `{"a":1,}`, ""},
		{"two documents", `{}{}`, ""},
		{"a byte order mark", "\ufeff{}", ""},
		{"a bare NUL", "{\"a\":\"\x00\"}", ""},
		{"a web page", `<html>`, ""},
		{"as large as may be", `{"a":"` + strings.Repeat("x", maxMetadata-8) + `"}`, `{"a":"` + strings.Repeat("x", maxMetadata-8) + `"}`},
		{"too large", `{"a":"` + strings.Repeat("x", maxMetadata-7) + `"}`, ""},
		{"too large by the quotes", `{"a":"` + strings.Repeat("x", maxMetadata-30) + `","b":90071992547409931}`, ""},
		{"as deep as may be", nested(audit.MaxJSONDepth), nested(audit.MaxJSONDepth)},
		{"too deep", nested(audit.MaxJSONDepth + 1), ""},
		{"brackets in a text are no depth", `{"a":"` + strings.Repeat("[", 100) + `"}`, `{"a":"` + strings.Repeat("[", 100) + `"}`},
		{"a NUL", `{"a\u0000":"\u0000b"}`, `{"a\ufffd":"\ufffdb"}`},
		{"the visible text of a NUL", `{"a":"\\u0000"}`, `{"a":"\\u0000"}`},
		{"a lone high surrogate", `{"a":"\ud83d"}`, `{"a":"\ufffd"}`},
		{"a lone low surrogate", `{"a":"\uDE00b"}`, `{"a":"\ufffdb"}`},
		{"reversed surrogates", `{"a":"\ude00\ud83d"}`, `{"a":"\ufffd\ufffd"}`},
		{"a high one before a pair", `{"a":"\ud83d\ud83d\ude00"}`, `{"a":"\ufffd\ud83d\ude00"}`},
		{"a high one before a letter", `{"a":"\ud83d\u0041"}`, `{"a":"\ufffd\u0041"}`},
		{"a pair", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d\ude00"}`},
		{"other escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9"}`, `{"a":"\"\\\/\b\f\n\r\t\u00e9"}`},
		{"a byte that is no text", "{\"a\":\"\xff\"}", "{\"a\":\"\uFFFD\"}"},
		{"an overlong NUL", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\uFFFD\"}"},
		{"keys that come twice", `{"action":1,"action":2}`, `{"action":1,"action":2}`},
		{"strange keys", `{"__proto__":{},"":1,"a.b":"$","ACTION":2}`, `{"__proto__":{},"":1,"a.b":"$","ACTION":2}`},
		{"numbers in texts", `{"a":"9007199254740993 1e400"}`, `{"a":"9007199254740993 1e400"}`},
		{"numbers beside quotes", `{"a\"":9007199254740993,"b":[9007199254740993]}`, `{"a\"":"9007199254740993","b":["9007199254740993"]}`},
	}
	for _, test := range tests {
		if got := fitJSON(audit.JSON(test.document)); string(got) != test.want {
			t.Errorf("%s: %.80s, want %.80s", test.what, got, test.want)
		}
	}
}

func TestNumbersThatADoubleHolds(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{
		"0": true, "-17": true, "0.1": true, "1e308": true, "9007199254740992": true, "123456789012345680000": true,
		"9007199254740993": false, "9223372036854775808": false, "1e309": false, "1e-400": false, strings.Repeat("9", 100): false,
	} {
		quoted := string(fitJSON(audit.JSON(`{"n":` + token + `}`)))
		if plain := !strings.Contains(quoted, `"`+token+`"`); plain != want {
			t.Errorf("%.40s: %.60s", token, quoted)
		}
	}
}

// TestNumberBombs: a kilobyte that says numbers of megabytes must cost nothing.
func TestNumberBombs(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"1e131071", "1e-131071", "1e-2147483647", "1e308", "0.30000000000000004", strings.Repeat("9", 64)} {
		count := maxMetadata / (len(token) + 3) // with quotes
		document := audit.JSON(`{"n":[` + strings.Repeat(token+",", count-2) + `0]}`)
		begun := time.Now()
		if fitJSON(document) == nil {
			t.Fatalf("%s: left out", token)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%d times %s took %s", count, token, took)
		}
	}
}

func FuzzFitJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,2.5,-3e-7],"b":{"c":"\u0000\ud83d\ude00"}}`, `{"a":"\\","b":9007199254740993}`, `{"\ud800":1e400}`,
		"{\"\xff\":[{}]}", `{"a":"\"","b":-0}`, `[1]`, `{"a":1}{`, `{"\\\ud800\\ud800":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		before := bytes.Clone(document)
		got := fitJSON(document)
		if !bytes.Equal(before, document) {
			t.Fatal("the given bytes were changed")
		}
		if got == nil {
			return
		}
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("%q became %q", document, got)
		}
		if again := fitJSON(got); !bytes.Equal(again, got) || len(got) > maxMetadata {
			t.Fatalf("%q became %q", got, again)
		}
		decoder := json.NewDecoder(bytes.NewReader(got))
		decoder.UseNumber()
		for {
			token, err := decoder.Token()
			if err != nil {
				return
			}
			switch token := token.(type) {
			case string:
				if strings.IndexByte(token, 0) >= 0 {
					t.Fatalf("%q holds a NUL", got)
				}
			case json.Number:
				holds(t, token.String())
			}
		}
	})
}

// holds checks by other means that a double is the number, or prints as it.
func holds(t *testing.T, token string) {
	t.Helper()
	double, err := json.Number(token).Float64()
	if err != nil {
		t.Fatalf("%s was left although it is no double: %v", token, err)
	}
	printed, err := json.Marshal(double)
	if err != nil {
		t.Fatal(err)
	}
	want, ok := new(big.Rat).SetString(token)
	short, _ := new(big.Rat).SetString(string(printed))
	if !ok || want.Cmp(short) != 0 && want.Cmp(new(big.Rat).SetFloat64(double)) != 0 {
		t.Fatalf("%s was left although a client reads %s", token, printed)
	}
}
