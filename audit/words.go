package audit

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:generate go run ./internal/foldtable

// WordsVersion changes when the same text may give other words. Whoever stores words makes them anew then.
const WordsVersion = "1-" + foldUnicode + "-" + unicode.Version

// maxWord is the length in bytes that words are cut to.
const maxWord = 64

// Words gives the words of a text, in order and folded, so that texts that read alike give the same words.
//
// A word is a run of letters, numbers and marks; all else separates. Characters of scripts that are written without
// spaces are words of their own. Folding takes compatibility forms, case and accents away (`Straße` gives `strasse`),
// and words longer than 64 bytes are cut at a character.
func Words(text string) []string {
	var words []string
	for run := range runs(text) {
		words = appendFolded(words, run)
	}
	return words
}

// WordParts gives the words within words that a change of case tells apart, folded: `CreateAccessKey` gives create,
// access and key. Words without such a border give nothing.
func WordParts(text string) []string {
	var parts []string
	for run := range runs(text) {
		start := 0
		for _, border := range caseBorders(run) {
			parts = appendFolded(parts, run[start:border])
			start = border
		}
		if start > 0 {
			parts = appendFolded(parts, run[start:])
		}
	}
	return parts
}

// runs gives the runs of letters, numbers and marks as they are written.
func runs(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(r rune) bool { return !inWord(r) })
}

// inWord reports whether a rune can be part of a word.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// caseBorders gives where parts begin within a run: at a capital behind a small letter, and at a capital before a
// small letter that stands behind a capital or a number (`HTTPServer`, `EC2Instance`).
func caseBorders(run string) []int {
	var borders []int
	var before, capital rune // the two runes before the one looked at
	at := 0                  // where capital begins
	for i, r := range run {
		switch {
		case unicode.IsUpper(r) && unicode.IsLower(capital):
			borders = append(borders, i)
		case unicode.IsLower(r) && unicode.IsUpper(capital) && (unicode.IsUpper(before) || unicode.IsNumber(before)):
			borders = append(borders, at)
		}
		before, capital, at = capital, r, i
	}
	return borders
}

// appendFolded adds the words of one run.
func appendFolded(words []string, run string) []string {
	if isASCII(run) {
		return append(words, strings.ToLower(run[:min(len(run), maxWord)]))
	}
	var word []rune
	alone := false // the word is one character of a script without spaces
	for _, r := range foldRun(run) {
		apart := unspaced(r)
		if apart || alone && !unicode.IsMark(r) {
			words, word = appendWord(words, word), word[:0]
			alone = apart
		}
		word = append(word, r)
	}
	return appendWord(words, word)
}

func appendWord(words []string, word []rune) []string {
	if len(word) == 0 {
		return words
	}
	return append(words, cut(string(word), maxWord))
}

// cut shortens a text to at most so many bytes, at a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unspaced reports whether a rune is of a script that is written without spaces between words.
func unspaced(r rune) bool {
	const first = 0x0E00 // Thai, the first of them
	return r >= first && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// foldRun folds a run and puts its marks into canonical order, so that both ways to write a character are one.
func foldRun(run string) []rune {
	folded := make([]rune, 0, len(run))
	for _, r := range run {
		for _, to := range foldRune(r) {
			folded = append(folded, to)
			sinkMark(folded)
		}
	}
	return folded
}

// sinkMark moves a mark at the end before the marks of a higher class. No writing has more than a few marks on a
// letter: the bound keeps a hostile text of marks alone from costing the square of its length.
func sinkMark(folded []rune) {
	const mostMarks = 30
	last := len(folded) - 1
	class := markClass(folded[last])
	for i := last; class > 0 && i > max(0, last-mostMarks) && markClass(folded[i-1]) > class; i-- {
		folded[i-1], folded[i] = folded[i], folded[i-1]
	}
}

// foldRune gives what a rune becomes: one rune, several, or none for an accent.
func foldRune(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		return string(unicode.ToLower(r))
	case r >= hangulFirst && r <= hangulLast:
		return hangul(r)
	}
	i, found := slices.BinarySearchFunc(foldEntries[:], r, func(entry uint64, r rune) int {
		return int(entry>>32) - int(r)
	})
	if !found {
		return string(r)
	}
	start, length := foldEntries[i]>>8&0xffffff, foldEntries[i]&0xff
	return foldTexts[start : start+length]
}

// The Hangul syllables, and the letters that they are made of by arithmetic (Unicode 15.0, section 3.12).
const (
	hangulFirst, hangulLast = 0xAC00, 0xD7A3
	leadFirst               = 0x1100
	vowelFirst, vowels      = 0x1161, 21
	tailBase, tails         = 0x11A7, 28
)

func hangul(syllable rune) string {
	i := syllable - hangulFirst
	lead, vowel, tail := leadFirst+i/(vowels*tails), vowelFirst+i%(vowels*tails)/tails, tailBase+i%tails
	if tail == tailBase {
		return string([]rune{lead, vowel})
	}
	return string([]rune{lead, vowel, tail})
}

// markClass is the canonical combining class of a mark, 0 of all else.
func markClass(r rune) rune {
	if r < foldClasses[0][0] {
		return 0
	}
	i, _ := slices.BinarySearchFunc(foldClasses[:], r, func(class [3]rune, r rune) int { return int(class[1]) - int(r) })
	if i < len(foldClasses) && foldClasses[i][0] <= r {
		return foldClasses[i][2]
	}
	return 0
}
