package engine

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"annals/audit"
)

const maxMetadata = 256 << 10

// fitJSON gives metadata as one JSON document that any client reads without loss: numbers that a double cannot hold
// exactly become strings, and escapes that stand for no text become U+FFFD. What is no object, too large or too deep is
// left out, also when it is too large only then.
func fitJSON(document audit.JSON) audit.JSON {
	if len(document) == 0 || len(document) > maxMetadata || !json.Valid(document) || bytes.TrimLeft(document, " \t\r\n")[0] != '{' || document.TooDeep() {
		return nil
	}
	if !utf8.Valid(document) {
		document = bytes.ToValidUTF8(document, []byte("\uFFFD"))
	}
	if document = exactNumbers(mendEscapes(document)); len(document) > maxMetadata {
		return nil
	}
	return document
}

// mendEscapes replaces the escapes of NUL, which Postgres cannot hold as text, and of lone surrogates in a valid
// document.
func mendEscapes(document []byte) []byte {
	mended := false
	for i := 0; ; {
		next := bytes.IndexByte(document[i:], '\\')
		if next < 0 {
			return document
		}
		i += next
		size, fit := readEscape(document[i:])
		if !fit {
			if !mended {
				document, mended = bytes.Clone(document), true
			}
			copy(document[i:], `\ufffd`)
		}
		i += size
	}
}

// readEscape reads the escape that a text begins with: its length, with both halves of a pair of surrogates, and whether
// it stands for a character that can be stored.
func readEscape(text []byte) (size int, fit bool) {
	if text[1] != 'u' {
		return 2, true
	}
	first := hex(text[2:6])
	if !utf16.IsSurrogate(first) {
		return 6, first != 0
	}
	if bytes.HasPrefix(text[6:], []byte(`\u`)) && utf16.DecodeRune(first, hex(text[8:12])) != utf8.RuneError {
		return 12, true
	}
	return 6, false
}

func hex(digits []byte) rune {
	r, _ := strconv.ParseUint(string(digits), 16, 16) // valid JSON
	return rune(r)
}

// exactNumbers quotes the number tokens of a valid document that a double cannot hold exactly.
func exactNumbers(document []byte) []byte {
	var rebuilt []byte
	copied := 0
	for i := 0; i < len(document); {
		switch c := document[i]; {
		case c == '"':
			i = stringEnd(document, i)
		case c == '-' || c >= '0' && c <= '9':
			end := numberEnd(document, i)
			if token := string(document[i:end]); !audit.ExactNumber(token) {
				rebuilt = append(append(rebuilt, document[copied:i]...), '"')
				rebuilt = append(append(rebuilt, token...), '"')
				copied = end
			}
			i = end
		default:
			i++
		}
	}
	if copied == 0 {
		return document
	}
	return append(rebuilt, document[copied:]...)
}

// stringEnd is the index behind the string that begins at i.
func stringEnd(document []byte, i int) int {
	for i++; document[i] != '"'; i++ {
		if document[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func numberEnd(document []byte, i int) int {
	for i < len(document) && strings.IndexByte("+-.eE0123456789", document[i]) >= 0 {
		i++
	}
	return i
}
