package search

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"annals/audit"
)

// The searchable attributes: each has the words of some values, each word once, joined by spaces. The last takes what
// is too much for one of the others.
const (
	wordsWhat     = "what"
	wordsWho      = "who"
	wordsTarget   = "target"
	wordsIP       = "ip"
	wordsAgent    = "agent"
	wordsMetadata = "metadata"
	wordsParts    = "parts"
	wordsPairs    = "pairs"
	wordsMore     = "more"
)

func wordAttributes() []string {
	return []string{wordsWhat, wordsWho, wordsTarget, wordsIP, wordsAgent, wordsMetadata, wordsParts, wordsPairs, wordsMore}
}

// mostWords is how many words an attribute takes. Meilisearch counts 65,536 and silently drops the rest.
const mostWords = 65_000

// wordAttribute is where the words of a value go, by the value's name.
func wordAttribute(name string) string {
	group, _, _ := strings.Cut(name, ".")
	switch group {
	case "actor", "onBehalfOf":
		return wordsWho
	case "target":
		return wordsTarget
	case "ip":
		return wordsIP
	case "userAgent":
		return wordsAgent
	case "metadata", "changes":
		return wordsMetadata
	}
	return wordsWhat
}

// addWords stores the words of everything that text search looks into.
func (d document) addWords(a *audit.Activity) {
	words := wordSets{}
	for _, value := range a.Texts() {
		inOrder := audit.Words(value.Text)
		words.add(wordAttribute(value.Name), inOrder)
		words.add(wordsParts, audit.WordParts(value.Text))
		words.add(wordsPairs, pairs(inOrder))
	}
	for attribute, set := range words {
		d[attribute] = strings.Join(set.list, " ")
	}
}

// pairs joins each two short numbers that stand side by side. Alone those of an address are in very many activities.
func pairs(words []string) []string {
	var joined []string
	for i := 1; i < len(words); i++ {
		if shortNumber(words[i-1]) && shortNumber(words[i]) {
			joined = append(joined, words[i-1]+"x"+words[i])
		}
	}
	return joined
}

func shortNumber(word string) bool {
	return len(word) <= 4 && strings.Trim(word, "0123456789") == ""
}

// wordSets has the words of each attribute in the order in which they came.
type wordSets map[string]*wordSet

type wordSet struct {
	seen map[string]bool
	list []string
}

func (s wordSets) add(attribute string, words []string) {
	for _, word := range words {
		set := s[attribute]
		if set == nil {
			set = &wordSet{seen: map[string]bool{}}
			s[attribute] = set
		}
		switch {
		case set.seen[word]:
		case len(set.list) < mostWords:
			set.seen[word] = true
			set.list = append(set.list, armour(word))
		case attribute != wordsMore:
			s.add(wordsMore, []string{word})
		}
	}
}

// armour writes a word in ASCII: what is beyond it becomes `x` and five hex digits, since Meilisearch folds and splits
// other scripts by a guess at their language. It works character by character, so that prefixes stay prefixes.
func armour(word string) string {
	var b strings.Builder
	for _, r := range word {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "x%05x", r)
		}
	}
	return b.String()
}
