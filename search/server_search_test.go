package search

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

type fakeQuestion struct {
	Query                string `json:"q"`
	Filter               []string
	Sort                 []string
	Limit                int
	MatchingStrategy     string
	AttributesToRetrieve []string
}

func (s *fakeServer) search(w http.ResponseWriter, name string, index *fakeIndex, body []byte) {
	var question fakeQuestion
	if err := json.Unmarshal(body, &question); err != nil {
		refuse(w, http.StatusBadRequest, "malformed_payload", "invalid_request")
		return
	}
	if s.onAsk != nil {
		s.onAsk(name, strings.Join(question.Filter, " & "))
	}
	for _, rule := range question.Sort {
		if attribute, _, _ := strings.Cut(rule, ":"); !index.sorts(attribute) {
			refuse(w, http.StatusBadRequest, "invalid_search_sort", "invalid_request")
			return
		}
	}
	var parts []predicate
	for _, filter := range question.Filter {
		holds, err := evaluator(filter, index.allows)
		if err != nil {
			refuse(w, http.StatusBadRequest, "invalid_search_filter", "invalid_request")
			return
		}
		parts = append(parts, holds)
	}
	parts = append(parts, index.reads(question.Query))
	var hits []map[string]any
	for _, document := range index.documents {
		if !slices.ContainsFunc(parts, func(holds predicate) bool { return !holds(document) }) {
			hits = append(hits, document)
		}
	}
	slices.SortFunc(hits, func(a, b map[string]any) int { return sorted(a, b, question.Sort) })
	hits = hits[:min(len(hits), question.Limit, index.maxTotalHits())]
	shown := make([]map[string]any, len(hits))
	for i, document := range hits {
		shown[i] = map[string]any{}
		for _, attribute := range question.AttributesToRetrieve {
			shown[i][attribute] = document[attribute]
		}
	}
	reply(w, http.StatusOK, map[string]any{"hits": shown, "query": question.Query, "limit": question.Limit})
}

func (x *fakeIndex) sorts(attribute string) bool {
	sortable, _ := x.settings["sortableAttributes"].([]any)
	return slices.Contains(sortable, any(attribute))
}

func (x *fakeIndex) maxTotalHits() int {
	pagination, _ := x.settings["pagination"].(map[string]any)
	if most, ok := pagination["maxTotalHits"].(float64); ok {
		return int(most)
	}
	return 1000
}

func (x *fakeIndex) allows(attribute, operator string) bool {
	for _, rule := range x.filterable {
		if slices.Contains(rule.AttributePatterns, attribute) {
			comparison := strings.ContainsAny(operator, "<>")
			return comparison && rule.Features.Filter.Comparison || !comparison && rule.Features.Filter.Equality
		}
	}
	return false
}

// reads prepares a question of at most ten words: quoted ones are whole words, a bare last one is a prefix.
func (x *fakeIndex) reads(question string) predicate {
	var wanted [][]string // the words that each place of the question takes
	asked := strings.Fields(question)
	for i, word := range asked[:min(len(asked), 10)] {
		bare := strings.Trim(word, `"`)
		words := []string{bare}
		if i == len(asked)-1 && bare == word {
			words = append(words, x.derived(bare)...)
		}
		wanted = append(wanted, words)
	}
	return func(document map[string]any) bool {
		said := x.said(document)
		return !slices.ContainsFunc(wanted, func(words []string) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return said[word] })
		})
	}
}

// derived are the words that a prefix stands for: all of them where the index keeps a list, which it does for short
// prefixes of many words, else the first 1,000.
func (x *fakeIndex) derived(prefix string) []string {
	found := map[string]bool{}
	for _, document := range x.documents {
		for word := range x.said(document) {
			if word != prefix && strings.HasPrefix(word, prefix) {
				found[word] = true
			}
		}
	}
	words := slices.Sorted(maps.Keys(found))
	if len(prefix) <= 4 && len(words) >= 100 {
		return words
	}
	return words[:min(len(words), 1000)]
}

// said are the words of a document.
func (x *fakeIndex) said(document map[string]any) map[string]bool {
	words := map[string]bool{}
	for _, attribute := range x.searchable {
		text, _ := document[attribute].(string)
		for word := range strings.FieldsSeq(text) {
			words[word] = true
		}
	}
	return words
}

func sorted(a, b map[string]any, by []string) int {
	for _, rule := range by {
		attribute, direction, _ := strings.Cut(rule, ":")
		left, _ := a[attribute].(float64)
		right, _ := b[attribute].(float64)
		if order := cmp.Compare(left, right); order != 0 {
			if direction == "desc" {
				order = -order
			}
			return order
		}
	}
	return 0
}
