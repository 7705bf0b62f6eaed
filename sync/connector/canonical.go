package connector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep values may nest. Sorting an object moves its members once per level around it, so that this
// bounds the time which a hostile record takes.
const maxDepth = 256

// canonicaliser writes the one JSON text that stands for everything that says the same. It reads the source once and
// checks it on the way: digesting is on the path of every activity, where decoding into maps costs ten times as much.
//
// The text is the one that encoding/json makes of the decoded value with HTML escaping off; the fuzz test holds that.
type canonicaliser struct {
	in      []byte
	at      int
	out     []byte
	members []span   // of the objects that are open, innermost last
	names   [][]byte // what keys with a backslash decode to, each once: sorting asks for them again and again
	scratch []byte
	except  []string
	depth   int
}

// span is where one member of an object stands in out: `"key":value`, without a comma.
type span struct {
	start, colon, end int
	name              int // of an escaped key: its place in names, counted from 1
}

func canonicalise(raw []byte, except []string) ([]byte, error) {
	c := canonicaliser{
		in: raw, out: make([]byte, 0, len(raw)), scratch: make([]byte, 0, len(raw)), except: except,
		members: make([]span, 0, min(40, len(raw)/len(`"":0,`))),
	}
	if err := c.value(); err != nil {
		return nil, err
	}
	if c.space(); c.at < len(c.in) {
		return nil, c.unexpected("after the value")
	}
	return c.out, nil
}

func (c *canonicaliser) value() error {
	c.space()
	switch b := c.peek(); {
	case b == '"':
		return c.string()
	case b == '-' || '0' <= b && b <= '9':
		return c.number()
	case b == '{' || b == '[':
		return c.nested(b)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(c.in[c.at:], []byte(word)) {
			c.at += len(word)
			c.out = append(c.out, word...)
			return nil
		}
	}
	return c.unexpected("at the start of a value")
}

func (c *canonicaliser) nested(bracket byte) (err error) {
	if c.depth++; c.depth > maxDepth {
		return fmt.Errorf("values nest deeper than %d", maxDepth)
	}
	if bracket == '{' {
		err = c.object()
	} else {
		err = c.array()
	}
	c.depth--
	return err
}

func (c *canonicaliser) array() error {
	c.at++
	c.out = append(c.out, '[')
	if c.space(); c.peek() == ']' {
		c.at++
		c.out = append(c.out, ']')
		return nil
	}
	for {
		if err := c.value(); err != nil {
			return err
		}
		c.space()
		b := c.peek()
		if b != ',' && b != ']' {
			return c.unexpected("after an element")
		}
		c.at++
		c.out = append(c.out, b)
		if b == ']' {
			return nil
		}
	}
}

// object writes the members in the order of the source, and puts them into theirs when it knows all.
func (c *canonicaliser) object() error {
	c.at++
	c.out = append(c.out, '{')
	start, first := len(c.out), len(c.members)
	if c.space(); c.peek() == '}' {
		c.at++
		c.out = append(c.out, '}')
		return nil
	}
	for {
		if err := c.member(); err != nil {
			return err
		}
		c.space()
		b := c.peek()
		if b != ',' && b != '}' {
			return c.unexpected("after a member")
		}
		c.at++
		if b == '}' {
			c.arrange(start, c.members[first:])
			c.members = c.members[:first]
			c.out = append(c.out, '}')
			return nil
		}
		c.out = append(c.out, ',')
	}
}

func (c *canonicaliser) member() error {
	m := span{start: len(c.out)}
	if c.space(); c.peek() != '"' {
		return c.unexpected("where a key should be")
	}
	if err := c.string(); err != nil {
		return err
	}
	if c.space(); c.peek() != ':' {
		return c.unexpected("after a key")
	}
	c.at++
	m.colon = len(c.out)
	if key := c.out[m.start:m.colon]; bytes.IndexByte(key, '\\') >= 0 {
		c.names = append(c.names, []byte(decoded(key)))
		m.name = len(c.names)
	}
	c.out = append(c.out, ':')
	if err := c.value(); err != nil {
		return err
	}
	m.end = len(c.out)
	c.members = append(c.members, m)
	return nil
}

// arrange sorts the members that stand in out from start on, and drops what is left out or comes again later.
func (c *canonicaliser) arrange(start int, members []span) {
	if c.arranged(members) {
		return
	}
	slices.SortStableFunc(members, func(a, b span) int { return c.compare(a, b) })
	c.scratch = append(c.scratch[:0], c.out[start:]...)
	source := c.scratch
	c.out = c.out[:start]
	for i, m := range members {
		if c.dropped(source, start, members, i) {
			continue
		}
		if len(c.out) > start {
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, source[m.start-start:m.end-start]...)
	}
}

func (c *canonicaliser) arranged(members []span) bool {
	for i := range members[1:] {
		if c.compare(members[i], members[i+1]) >= 0 {
			return false
		}
	}
	return c.depth > 1 || len(c.except) == 0
}

func (c *canonicaliser) dropped(source []byte, start int, members []span, i int) bool {
	key := func(m span) []byte { return source[m.start-start : m.colon-start] }
	if i+1 < len(members) && bytes.Equal(key(members[i]), key(members[i+1])) {
		return true
	}
	return c.depth == 1 && len(c.except) > 0 && slices.Contains(c.except, decoded(key(members[i])))
}

// compare orders members by the bytes that their keys decode to.
func (c *canonicaliser) compare(a, b span) int { return bytes.Compare(c.name(a), c.name(b)) }

func (c *canonicaliser) name(m span) []byte {
	if m.name > 0 {
		return c.names[m.name-1]
	}
	return c.out[m.start+1 : m.colon-1]
}

// string copies a string that is canonical already, which nearly all are, and has encoding/json rewrite the others.
func (c *canonicaliser) string() error {
	start, plain := c.at, true
	for i := start + 1; i < len(c.in); i++ {
		switch class[c.in[i]] {
		case quote:
			c.at = i + 1
			return c.emit(c.in[start:c.at], plain)
		case backslash:
			i++
			plain = plain && i < len(c.in) && strings.IndexByte(`"\bfnrt`, c.in[i]) >= 0
		case control:
			c.at = i
			return c.unexpected("in a string")
		case beyondASCII:
			plain = false
		}
	}
	c.at = len(c.in)
	return c.unexpected("in a string")
}

// What a byte means inside a string.
const (
	itself = iota
	quote
	backslash
	control
	beyondASCII
)

var class = func() (table [256]byte) {
	for b := range table {
		switch {
		case b < ' ':
			table[b] = control
		case b >= utf8.RuneSelf:
			table[b] = beyondASCII
		}
	}
	table['"'], table['\\'] = quote, backslash
	return table
}()

// emit writes a string token. Beyond ASCII it is canonical as well unless it is broken, or holds one of the two line
// separators that encoding/json escapes.
func (c *canonicaliser) emit(token []byte, plain bool) error {
	if plain {
		c.out = append(c.out, token...)
		return nil
	}
	var text string
	if err := json.Unmarshal(token, &text); err != nil {
		return err
	}
	var canonical bytes.Buffer
	encoder := json.NewEncoder(&canonical)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return err
	}
	c.out = append(c.out, bytes.TrimSuffix(canonical.Bytes(), []byte("\n"))...)
	return nil
}

// decoded reads a string token that has been checked.
func decoded(token []byte) string {
	if bytes.IndexByte(token, '\\') < 0 {
		return string(token[1 : len(token)-1])
	}
	var text string
	if json.Unmarshal(token, &text) != nil {
		return string(token)
	}
	return text
}

// number copies a number's token: RFC 8259 section 6.
func (c *canonicaliser) number() error {
	start := c.at
	if c.peek() == '-' {
		c.at++
	}
	if c.peek() == '0' {
		c.at++
	} else if c.digits() == 0 {
		return c.unexpected("in a number")
	}
	if c.peek() == '.' {
		c.at++
		if c.digits() == 0 {
			return c.unexpected("in a fraction")
		}
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.at++
		if b := c.peek(); b == '+' || b == '-' {
			c.at++
		}
		if c.digits() == 0 {
			return c.unexpected("in an exponent")
		}
	}
	c.out = append(c.out, c.in[start:c.at]...)
	return nil
}

func (c *canonicaliser) digits() int {
	start := c.at
	for '0' <= c.peek() && c.peek() <= '9' {
		c.at++
	}
	return c.at - start
}

func (c *canonicaliser) space() {
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end: no JSON text holds a bare zero byte.
func (c *canonicaliser) peek() byte {
	if c.at < len(c.in) {
		return c.in[c.at]
	}
	return 0
}

func (c *canonicaliser) unexpected(where string) error {
	if c.at >= len(c.in) {
		return fmt.Errorf("the text ends %s", where)
	}
	return fmt.Errorf("byte %d is unexpected %s", c.at, where)
}
