package audit

import (
	"encoding/base64"
	"slices"
)

// Page sizes of every connection.
const (
	MaxPageSize     = 200
	DefaultPageSize = 50
)

// Size reads first and last. at is the root field; mistakes are ArgumentErrors below it.
func (a PageArgs) Size(at string) (int, error) {
	size, name := DefaultPageSize, "first"
	switch {
	case a.First != nil && a.Last != nil:
		return 0, BadArgument(at+".last", "give either first or last")
	case a.Last != nil:
		size, name = *a.Last, "last"
	case a.First != nil:
		size = *a.First
	}
	if size < 0 || size > MaxPageSize {
		return 0, BadArgument(at+"."+name, "must be from 0 to %d, got %d", MaxPageSize, size)
	}
	return size, nil
}

// Cut gives the part of a short list that a connection asks for, with the cursors of its elements. key names an
// element's place for good. at is the root field. ErrCursor is a cursor of no element.
func Cut[T any](at string, all []T, key func(T) string, args PageArgs) (part []T, cursors []string, info PageInfo, err error) {
	size, err := args.Size(at)
	if err != nil {
		return nil, nil, info, err
	}
	cursor := func(element T) string {
		return base64.RawURLEncoding.EncodeToString([]byte(at + "\x00" + key(element)))
	}
	find := func(text string) (int, error) {
		i := slices.IndexFunc(all, func(element T) bool { return cursor(element) == text })
		if i < 0 {
			return 0, ErrCursor
		}
		return i, nil
	}
	from, to := 0, len(all)
	if args.After != nil {
		if from, err = find(*args.After); err != nil {
			return nil, nil, info, err
		}
		from++
	}
	if args.Before != nil {
		if to, err = find(*args.Before); err != nil {
			return nil, nil, info, err
		}
		to = max(from, to)
	}
	if args.Last != nil {
		from = max(from, to-size)
	} else {
		to = min(to, from+size)
	}
	info.HasPreviousPage, info.HasNextPage = from > 0, to < len(all)
	for _, element := range all[from:to] {
		cursors = append(cursors, cursor(element))
	}
	if n := len(cursors); n > 0 {
		info.StartCursor, info.EndCursor = &cursors[0], &cursors[n-1]
	}
	return all[from:to], cursors, info, nil
}
