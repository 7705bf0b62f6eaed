package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Store holds the records of one feed of a simulated vendor, ordered by time and key. It is safe for concurrent use.
type Store struct {
	now    func() time.Time
	faults *Faults

	mu    sync.Mutex
	items []Item // ordered
}

// NewStore makes an empty store.
func NewStore(o Options) *Store { return &Store{now: o.Now, faults: o.Faults} }

// Add holds more records.
func (s *Store) Add(items ...Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range items {
		at, _ := slices.BinarySearchFunc(s.items, item.position(), func(held Item, p Position) int {
			return held.position().compare(p)
		})
		s.items = slices.Insert(s.items, at, item)
	}
}

// Items lists all records, oldest first, those that are not visible yet included.
func (s *Store) Items() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items)
}

// Position is a record's place in the order of a store: what a vendor's cursor stands for.
type Position struct {
	At  time.Time
	Key string
}

// String is the position as text, to be put into a vendor's cursor; empty for none.
func (p Position) String() string {
	if p == (Position{}) {
		return ""
	}
	return strconv.FormatInt(p.At.UnixNano(), 10) + "|" + p.Key
}

// ParsePosition reads what String wrote.
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	at, key, ok := strings.Cut(text, "|")
	nanoseconds, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return Position{}, fmt.Errorf("%q is no position", text)
	}
	return Position{At: time.Unix(0, nanoseconds).UTC(), Key: key}, nil
}

func (p Position) compare(other Position) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.Key, other.Key))
}

func (i Item) position() Position { return Position{At: i.At, Key: i.Key} }

// Walk says which page of a walk through a store is wanted.
type Walk struct {
	From, To    time.Time // both inclusive; zero: open
	NewestFirst bool
	After       Position // Next of the page before, zero at the start
	Limit       int
	Match       func(Item) bool // nil: all
}

// Page is one page of a walk.
type Page struct {
	Items []Item
	Next  Position // where to go on, also on the last page
	More  bool     // there is more now
}

// Page reads a page of what is visible now. Here ShortPage, EmptyPage and RepeatedAcrossPages happen.
func (s *Store) Page(w Walk) Page {
	rest := s.rest(w)
	limit := w.Limit
	if len(rest) > 1 && s.faults.Hits(ShortPage) {
		limit = min(limit, 1+s.faults.below(ShortPage, len(rest)-1))
	}
	if len(rest) > 0 && s.faults.Hits(EmptyPage) {
		return Page{Next: w.After, More: true}
	}
	page := Page{Items: rest[:min(limit, len(rest))], Next: w.After}
	page.More = len(rest) > len(page.Items)
	if n := len(page.Items); n > 0 {
		page.Next = page.Items[n-1].position()
	}
	if page.More && len(page.Items) > 1 && s.faults.Hits(RepeatedAcrossPages) {
		page.Next = page.Items[len(page.Items)-2].position()
	}
	return page
}

// rest lists what a walk has before it.
func (s *Store) rest(w Walk) []Item {
	now := s.now()
	var rest []Item
	for _, item := range s.Items() {
		switch {
		case item.Visible.After(now),
			!w.From.IsZero() && item.At.Before(w.From),
			!w.To.IsZero() && item.At.After(w.To),
			w.Match != nil && !w.Match(item):
			continue
		}
		rest = append(rest, item)
	}
	if w.NewestFirst {
		slices.Reverse(rest)
	}
	if w.After == (Position{}) {
		return rest
	}
	return slices.DeleteFunc(rest, func(item Item) bool {
		order := item.position().compare(w.After)
		return order == 0 || (order < 0) != w.NewestFirst
	})
}
