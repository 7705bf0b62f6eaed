package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// TextQuery is a question in words: every term must hold. Without terms it always holds.
type TextQuery []TextTerm

// TextTerm is words that stand side by side in one value of an activity. A single word may also be a part of a word.
type TextTerm struct {
	Words  []string // folded, at least one
	Prefix bool     // the last word may go on
}

// ParseText reads a question as a person types it: words, phrases in quotes, `word*` for what begins so. A term with
// punctuation inside (`repo-4242`, an address) is a phrase as well. Every text is a question; what has no word in it
// asks nothing.
func ParseText(text string) TextQuery {
	var query TextQuery
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			query = query.with(part, false)
			continue
		}
		for term := range strings.FieldsSeq(part) {
			query = query.with(term, openEnded(term))
		}
	}
	return query
}

// openEnded reports whether a term ends in a star that stands directly behind a word.
func openEnded(term string) bool {
	word, star := strings.CutSuffix(term, "*")
	last, _ := utf8.DecodeLastRuneInString(word)
	return star && inWord(last)
}

func (q TextQuery) with(term string, prefix bool) TextQuery {
	words := Words(term)
	if len(words) == 0 {
		return q
	}
	return append(q, TextTerm{Words: words, Prefix: prefix})
}

// Match reports whether every term holds in an activity, each in a value of its own or several in the same.
func (q TextQuery) Match(a *Activity) bool {
	open := slices.Clone(q)
	for _, value := range a.Texts() {
		if len(open) == 0 {
			break
		}
		words, parts := Words(value.Text), WordParts(value.Text)
		open = slices.DeleteFunc(open, func(term TextTerm) bool { return term.in(words) || term.inParts(parts) })
	}
	return len(open) == 0
}

// in reports whether the term's words follow each other somewhere in a value's words.
func (t TextTerm) in(words []string) bool {
	for ; len(words) >= len(t.Words); words = words[1:] {
		if t.heads(words) {
			return true
		}
	}
	return false
}

// heads reports whether words begin with the term's.
func (t TextTerm) heads(words []string) bool {
	last := len(t.Words) - 1
	if !slices.Equal(words[:last], t.Words[:last]) {
		return false
	}
	return words[last] == t.Words[last] || t.Prefix && strings.HasPrefix(words[last], t.Words[last])
}

func (t TextTerm) inParts(parts []string) bool { return len(t.Words) == 1 && t.in(parts) }

// TextValue is one value that text search looks into.
type TextValue struct {
	Name string // as in the API: `description`, `actor.name`; every leaf of metadata is `metadata`
	Text string
}

// Texts gives what text search looks into, always in the same order. Values of metadata are its strings and numbers.
func (a *Activity) Texts() []TextValue {
	var values textValues
	values.add("type", a.Type)
	values.add("description", string(a.Description))
	values.add("outcomeReason", string(a.OutcomeReason))
	values.add("sessionId", string(a.SessionID))
	values.add("requestId", string(a.RequestID))
	values.add("vendorId", string(a.VendorID))
	values.add("ip", a.text(FieldIP))
	values.add("userAgent", string(a.Origin.UserAgent))
	values.addActor("actor", a.Actor)
	values.addActor("onBehalfOf", a.OnBehalfOf)
	for _, t := range a.Targets {
		values.add("target.type", t.Type)
		values.add("target.vendorId", string(t.VendorID))
		values.add("target.name", string(t.Name))
	}
	for _, c := range a.Changes {
		values.addChange(c)
	}
	values.addMetadata(a.Metadata)
	return values
}

type textValues []TextValue

func (v *textValues) add(name, text string) {
	if text != "" {
		*v = append(*v, TextValue{Name: name, Text: text})
	}
}

func (v *textValues) addActor(name string, a *Actor) {
	if a == nil {
		return
	}
	v.add(name+".vendorId", string(a.VendorID))
	v.add(name+".name", string(a.Name))
	v.add(name+".email", string(a.Email))
}

func (v *textValues) addChange(c Change) {
	v.add("changes.field", c.Field)
	if c.Before != nil {
		v.add("changes.before", *c.Before)
	}
	if c.After != nil {
		v.add("changes.after", *c.After)
	}
}

// addMetadata takes numbers as they are written. Drafts are checked before they are recorded, so that metadata is JSON.
func (v *textValues) addMetadata(metadata JSON) {
	decoder := json.NewDecoder(strings.NewReader(string(metadata)))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) == nil {
		v.addLeaves(value)
	}
}

func (v *textValues) addLeaves(value any) {
	switch of := value.(type) {
	case string:
		v.add("metadata", of)
	case json.Number:
		v.add("metadata", of.String())
	case []any:
		for _, element := range of {
			v.addLeaves(element)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(of)) {
			v.addLeaves(of[key])
		}
	}
}
