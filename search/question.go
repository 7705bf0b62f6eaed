package search

import (
	"cmp"
	"slices"
	"strings"

	"annals/audit"
)

// mostAsked is how many words are asked for. Meilisearch looks at ten and silently ignores the rest.
const mostAsked = 9

// mostPrefix is how much of a prefix is asked for, in bytes. Meilisearch keeps complete lists for prefixes up to four;
// of the words that begin with a longer one it takes the first 1,000 and silently ignores the rest.
const mostPrefix = 4

// question writes a question for Meilisearch: the longest words, each in quotes, and the head of one prefix, last and
// bare. Words of a phrase are asked for one by one. It is empty when there is no word.
func question(text audit.TextQuery) string {
	var words, prefixes []string
	for _, term := range text {
		whole := term.Words
		if last := len(whole) - 1; term.Prefix {
			prefixes = append(prefixes, whole[last])
			whole = whole[:last]
		}
		words = slices.Concat(words, whole, pairs(whole))
	}
	words, prefixes = longest(words, mostAsked), longest(prefixes, 1)
	if len(words)+len(prefixes) > mostAsked {
		words = words[:mostAsked-1]
	}
	asked := make([]string, 0, mostAsked)
	for _, word := range words {
		asked = append(asked, `"`+armour(word)+`"`)
	}
	for _, prefix := range prefixes {
		head := armour(prefix)
		asked = append(asked, head[:min(len(head), mostPrefix)])
	}
	return strings.Join(asked, " ")
}

// longest gives the longest of some words, each once: they are the rarest.
func longest(words []string, most int) []string {
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	words = slices.Compact(words)
	return words[:min(most, len(words))]
}

// countValues is the number of values in a filter's lists: the cost of a question grows with their square.
func countValues(where audit.Expr) int {
	count := 0
	switch e := where.(type) {
	case audit.All:
		for _, part := range e {
			count += countValues(part)
		}
	case audit.Any:
		for _, part := range e {
			count += countValues(part)
		}
	case audit.Not:
		return countValues(e.Of)
	case audit.SomeTarget:
		return countValues(e.Of)
	case audit.In:
		return len(e.Values)
	case audit.Prefix:
		return len(e.Values)
	case audit.InIntegrations:
		return len(e.IDs)
	case audit.InNetworks:
		return len(e.Networks)
	}
	return count
}
