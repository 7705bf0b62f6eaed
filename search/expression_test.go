package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// filterReader evaluates filters in Meilisearch's language on documents, as its documentation describes it. It knows
// nothing of how package search writes them.
type filterReader struct {
	tokens []string // quoted strings begin with a quote
	allows func(attribute, operator string) bool
	depth  int
}

// evaluator reads a filter. The function it gives holds for the documents that the filter selects.
func evaluator(filter string, allows func(attribute, operator string) bool) (func(map[string]any) bool, error) {
	r := &filterReader{allows: allows}
	if err := r.split(filter); err != nil {
		return nil, err
	}
	holds, err := r.or()
	if err == nil && len(r.tokens) > 0 {
		err = fmt.Errorf("left over: %q", r.tokens)
	}
	return holds, err
}

func (r *filterReader) split(filter string) error {
	for i := 0; i < len(filter); {
		c := filter[i]
		switch {
		case c == ' ':
			i++
		case strings.IndexByte("()[],", c) >= 0:
			r.tokens = append(r.tokens, filter[i:i+1])
			i++
		case strings.IndexByte("=<>!", c) >= 0:
			n := 1
			if i+1 < len(filter) && filter[i+1] == '=' && c != '=' {
				n = 2
			}
			r.tokens = append(r.tokens, filter[i:i+n])
			i += n
		case c == '\'':
			value := "'"
			for i++; ; i++ {
				if i >= len(filter) {
					return fmt.Errorf("missing closing delimiter")
				}
				if filter[i] == '\'' {
					break
				}
				if filter[i] == '\\' {
					i++
				}
				value += filter[i : i+1]
			}
			r.tokens = append(r.tokens, value)
			i++
		default:
			n := 0
			for i+n < len(filter) && (filter[i+n] >= 'a' && filter[i+n] <= 'z' || filter[i+n] >= 'A' && filter[i+n] <= 'Z' ||
				filter[i+n] >= '0' && filter[i+n] <= '9' || strings.IndexByte("_-/.", filter[i+n]) >= 0) {
				n++
			}
			if n == 0 {
				return fmt.Errorf("unexpected %q", c)
			}
			r.tokens = append(r.tokens, filter[i:i+n])
			i += n
		}
	}
	return nil
}

func (r *filterReader) next() string {
	if len(r.tokens) == 0 {
		return ""
	}
	token := r.tokens[0]
	r.tokens = r.tokens[1:]
	return token
}

func (r *filterReader) takes(token string) bool {
	if len(r.tokens) > 0 && r.tokens[0] == token {
		r.tokens = r.tokens[1:]
		return true
	}
	return false
}

type predicate = func(map[string]any) bool

func (r *filterReader) or() (predicate, error) {
	holds, err := r.and()
	for err == nil && r.takes("OR") {
		left := holds
		var right predicate
		right, err = r.and()
		holds = func(d map[string]any) bool { return left(d) || right(d) }
	}
	return holds, err
}

func (r *filterReader) and() (predicate, error) {
	holds, err := r.not()
	for err == nil && r.takes("AND") {
		left := holds
		var right predicate
		right, err = r.not()
		holds = func(d map[string]any) bool { return left(d) && right(d) }
	}
	return holds, err
}

func (r *filterReader) not() (predicate, error) {
	if r.takes("NOT") {
		of, err := r.not()
		return func(d map[string]any) bool { return !of(d) }, err
	}
	if !r.takes("(") {
		return r.comparison()
	}
	if r.depth++; r.depth > 36 {
		return nil, fmt.Errorf("maximum depth")
	}
	holds, err := r.or()
	if err == nil && !r.takes(")") {
		err = fmt.Errorf("missing )")
	}
	r.depth--
	return holds, err
}

func (r *filterReader) comparison() (predicate, error) {
	attribute, operator := r.next(), r.next()
	if attribute == "" || attribute[0] == '\'' || reserved(attribute) {
		return nil, fmt.Errorf("%q is no attribute", attribute)
	}
	if !r.allows(attribute, operator) {
		return nil, fmt.Errorf("%q does not allow %q", attribute, operator)
	}
	switch operator {
	case "EXISTS":
		return func(d map[string]any) bool { _, ok := d[attribute]; return ok }, nil
	case "IN":
		return r.list(attribute)
	case "STARTS":
		if !r.takes("WITH") {
			return nil, fmt.Errorf("STARTS without WITH")
		}
		return r.value(func(d map[string]any, value string) bool {
			return slices.ContainsFunc(texts(d[attribute]), func(text string) bool { return strings.HasPrefix(text, value) })
		})
	case "=":
		return r.value(func(d map[string]any, value string) bool { return slices.Contains(texts(d[attribute]), value) })
	case "<", ">", "<=", ">=":
		return r.value(func(d map[string]any, value string) bool { return compare(d[attribute], operator, value) })
	}
	return nil, fmt.Errorf("%q is no operator", operator)
}

func (r *filterReader) list(attribute string) (predicate, error) {
	if !r.takes("[") {
		return nil, fmt.Errorf("IN without a list")
	}
	var values []string
	for !r.takes("]") {
		value := r.next()
		if value == "" || value[0] != '\'' {
			return nil, fmt.Errorf("%q in a list is not quoted", value)
		}
		values = append(values, uncut(value[1:]))
		if !r.takes(",") && len(r.tokens) > 0 && r.tokens[0] != "]" {
			return nil, fmt.Errorf("a list without commas")
		}
	}
	return func(d map[string]any) bool {
		return slices.ContainsFunc(texts(d[attribute]), func(text string) bool { return slices.Contains(values, text) })
	}, nil
}

func (r *filterReader) value(holds func(map[string]any, string) bool) (predicate, error) {
	value := r.next()
	if value == "" || strings.ContainsAny(value[:1], "()[],=<>!") {
		return nil, fmt.Errorf("%q is no value", value)
	}
	if reserved(value) {
		return nil, fmt.Errorf("%q needs quotes", value)
	}
	value = uncut(strings.TrimPrefix(value, "'"))
	return func(d map[string]any) bool { return holds(d, value) }, nil
}

func reserved(word string) bool {
	return slices.Contains([]string{"AND", "OR", "NOT", "IN", "EXISTS"}, word)
}

// folded is what Meilisearch keeps of a value: without case, trimmed, 468 bytes.
func folded(value string) string {
	value = uncut(value)
	return value[:min(len(value), 468)]
}

// uncut is what it looks for: a longer value finds nothing.
func uncut(value string) string { return strings.ToLower(strings.TrimSpace(value)) }

// texts are the values of an attribute as filters see them.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{folded(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, texts(element)...)
		}
		return all
	}
	return nil
}

func compare(value any, operator, with string) bool {
	number, ok := value.(float64)
	bound, err := strconv.ParseFloat(with, 64)
	if !ok || err != nil {
		return false
	}
	switch operator {
	case "<":
		return number < bound
	case "<=":
		return number <= bound
	case ">":
		return number > bound
	}
	return number >= bound
}
