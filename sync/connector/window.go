package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxRecord bounds one record of a file, in bytes, and with it the memory that reading takes.
const maxRecord = 16 << 20

// fileWindow is the part of a file that is being looked at.
type fileWindow struct {
	ctx    context.Context // of the call that reads the file
	r      io.Reader
	buf    []byte
	start  int   // the first byte of buf that is still needed
	at     int   // the next byte to look at
	before int64 // bytes of the file in front of buf
}

// byteOrderMark skips the mark that some programs put in front of UTF-8.
func (w *fileWindow) byteOrderMark() error {
	for len(w.buf) < 3 {
		if err := w.fill(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if bytes.HasPrefix(w.buf, []byte("\ufeff")) {
		w.at = 3
	}
	return nil
}

// next begins anew at the next token.
func (w *fileWindow) next() (byte, error) {
	w.start = w.at
	b, err := w.token()
	w.start = w.at
	return b, err
}

// token skips white space and looks at the byte behind it.
func (w *fileWindow) token() (byte, error) {
	for {
		b, err := w.peek()
		if err != nil || b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, err
		}
		w.at++
	}
}

func (w *fileWindow) peek() (byte, error) {
	for w.at >= len(w.buf) {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	return w.buf[w.at], nil
}

// value skips the value that begins with b.
func (w *fileWindow) value(b byte) error {
	if b == '{' || b == '[' || b == '"' {
		return w.skip(0)
	}
	for {
		b, err := w.peek()
		if err != nil {
			return w.torn(err)
		}
		switch b {
		case ',', ':', '}', ']', '"', ' ', '\t', '\r', '\n':
			return nil
		}
		w.at++
	}
}

// skip reads to the end of the string or of the brackets that begin here, or out of depth brackets.
func (w *fileWindow) skip(depth int) error {
	quoted := false
	for {
		i, buf := w.at, w.buf
		for i < len(buf) {
			b := buf[i]
			i++
			switch {
			case b == '"':
				quoted = !quoted
			case quoted && b == '\\':
				i++
				continue
			case quoted:
				continue
			case b == '{' || b == '[':
				depth++
				continue
			case b == '}' || b == ']':
				depth--
			default:
				continue
			}
			if depth <= 0 && !quoted {
				w.at = i
				return nil
			}
		}
		w.at = i
		if err := w.fill(); err != nil {
			return w.torn(err)
		}
	}
}

// fill reads more behind what is still needed. At the end of the file it is io.EOF.
func (w *fileWindow) fill() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.start > 0 {
		w.before += int64(w.start)
		w.buf = w.buf[:copy(w.buf, w.buf[w.start:])]
		w.at, w.start = w.at-w.start, 0
	}
	if len(w.buf) >= maxRecord {
		return w.malformed("a record of more than 16 MiB begins")
	}
	if len(w.buf) == cap(w.buf) {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), w.buf...)
	}
	n, err := w.r.Read(w.buf[len(w.buf):cap(w.buf)])
	w.buf = w.buf[:len(w.buf)+n]
	switch {
	case n > 0 || err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return fmt.Errorf("reading file: %w", err)
}

// torn is what the end of the file means inside a record.
func (w *fileWindow) torn(err error) error {
	if errors.Is(err, io.EOF) {
		return w.malformed("the file ends inside the record that begins")
	}
	return err
}

func (w *fileWindow) malformed(what string) error {
	return Fail(Malformed, fmt.Errorf("%s at byte %d of the file", what, w.before+int64(w.start)))
}
