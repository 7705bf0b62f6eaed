package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
)

// Records gives the vendor records of a JSON file one after the other, each as a copy of its exact bytes:
//
//   - of an array its elements;
//   - of an object with an array called list that array's elements, so that `{"Records":[…]}` is read with `Records`;
//   - any other object itself;
//   - and where the first of those objects fills a line, every line behind it.
//
// Only brackets and strings are looked at, in one pass. What they enclose may be no JSON, which its reader finds out.
// Memory is bounded by the longest record, at most 16 MiB. An error ends the file, as does the end of ctx; it is a
// *Failure of class Malformed where the file is to blame.
func Records(ctx context.Context, r io.Reader, list string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		s := splitter{
			fileWindow: fileWindow{ctx: ctx, r: r, buf: make([]byte, 0, 64<<10)},
			list:       strconv.AppendQuote(nil, list), yield: yield,
		}
		if err := s.documents(); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// errStopped: who reads the records wants no more.
var errStopped = errors.New("reading was stopped")

// splitter finds where the values of a JSON text begin and end.
type splitter struct {
	fileWindow
	list  []byte // key of the list, quoted
	lines bool   // one record a line from here on
	yield func(json.RawMessage, error) bool
}

func (s *splitter) documents() error {
	if err := s.byteOrderMark(); err != nil {
		return err
	}
	for {
		b, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case s.lines:
			err = s.line()
		case b == '[':
			s.at++
			err = s.elements()
		case b == '{':
			s.at++
			err = s.object()
		default:
			err = s.malformed("neither a JSON array nor an object begins")
		}
		if err != nil {
			return err
		}
	}
}

// elements gives what an array holds, whose bracket is read.
func (s *splitter) elements() error {
	for {
		b, err := s.next()
		switch {
		case err != nil:
			return s.torn(err)
		case b == ']':
			s.at++
			return nil
		case b == ',':
			s.at++
		case b == '}' || b == ':':
			return s.malformed("a list is broken")
		default:
			if err := s.value(b); err != nil {
				return err
			}
			if err := s.give(); err != nil {
				return err
			}
		}
	}
}

// object gives what the list of an object holds, whose bracket is read, or all of the object where it has no list.
func (s *splitter) object() error {
	listed := false
	for {
		if listed {
			s.start = s.at
		}
		b, err := s.token()
		switch {
		case err != nil:
			return s.torn(err)
		case b == ',':
			s.at++
		case b == '"':
			found, err := s.member()
			if err != nil {
				return err
			}
			listed = listed || found
		default: // its end, or what should not be here and makes it unreadable
			if err := s.skip(1); err != nil || listed {
				return err
			}
			return s.whole()
		}
	}
}

// member reads a key and what is behind it, and says whether that was the list.
func (s *splitter) member() (list bool, err error) {
	key := s.at - s.start
	if err := s.skip(0); err != nil {
		return false, err
	}
	named := bytes.Equal(s.buf[s.start+key:s.at], s.list)
	b, err := s.token()
	if err != nil || b != ':' {
		return false, s.torn(err)
	}
	s.at++
	switch b, err = s.token(); {
	case err != nil:
		return false, s.torn(err)
	case named && b == '[':
		s.at++
		return true, s.elements()
	case b == ',' || b == '}':
		return false, nil
	}
	return false, s.value(b)
}

// whole gives an object as one record, and finds out whether it fills a line.
func (s *splitter) whole() error {
	oneLine := bytes.IndexByte(s.buf[s.start:s.at], '\n') < 0
	if err := s.give(); err != nil {
		return err
	}
	for oneLine {
		switch b, err := s.peek(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case b != ' ' && b != '\t' && b != '\r':
			s.lines = b == '\n'
			return nil
		}
		s.at++
	}
	return nil
}

// line gives the rest of a line as one record.
func (s *splitter) line() error {
	for {
		end := bytes.IndexByte(s.buf[s.at:], '\n')
		if end >= 0 {
			s.at += end
			return s.give()
		}
		s.at = len(s.buf)
		if err := s.fill(); errors.Is(err, io.EOF) {
			return s.give()
		} else if err != nil {
			return err
		}
	}
}

func (s *splitter) give() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	record := bytes.Clone(bytes.TrimRight(s.buf[s.start:s.at], " \t\r\n"))
	s.start = s.at
	if !s.yield(record, nil) {
		return errStopped
	}
	return nil
}
