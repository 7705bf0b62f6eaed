package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// all reads a file to its end or first error.
func all(r io.Reader) (records []string, err error) {
	for record, err := range Records(context.Background(), r, "Records") {
		if err != nil {
			return records, err
		}
		records = append(records, string(record))
	}
	return records, nil
}

func TestRecords(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []string
	}{
		"empty":                    {file: " \n", want: nil},
		"list":                     {file: `{"Records":[{"a":1}, {"b" : [2]}]}`, want: []string{`{"a":1}`, `{"b" : [2]}`}},
		"list behind others":       {file: `{"a":{"Records":[0]},"b":[1],"Records":[{}],"c":"]"}`, want: []string{`{}`}},
		"empty list":               {file: `{"Records":[]}`, want: nil},
		"files behind each other":  {file: `{"Records":[{"a":1}]}{"Records":[{"b":2}]}`, want: []string{`{"a":1}`, `{"b":2}`}},
		"files in lines":           {file: "{\"Records\":[1]}\n{\"Records\":[2]}\n", want: []string{`1`, `2`}},
		"the list is no list":      {file: `{"Records":{"a":1}}`, want: []string{`{"Records":{"a":1}}`}},
		"array":                    {file: "[\n {\"a\":1},\n {\"b\":2}\n]\n", want: []string{`{"a":1}`, `{"b":2}`}},
		"array of anything":        {file: `[1,"x,]",null,[2,3]]`, want: []string{`1`, `"x,]"`, `null`, `[2,3]`}},
		"one object":               {file: `{"a":"}{\"\\"}`, want: []string{`{"a":"}{\"\\"}`}},
		"object over lines":        {file: "{\n \"a\": 1\n}\n{\n \"b\": 2\n}", want: []string{"{\n \"a\": 1\n}", "{\n \"b\": 2\n}"}},
		"lines":                    {file: "{\"a\":1}\r\n\n{\"b\":2} \n{\"c\":3}", want: []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		"a torn line is a record":  {file: "{\"a\":1}\n{\"b\":\"\n{\"c\":3}\n", want: []string{`{"a":1}`, `{"b":"`, `{"c":3}`}},
		"a line of something else": {file: "{\"a\":1}\nrotated\n{\"c\":3}\n", want: []string{`{"a":1}`, `rotated`, `{"c":3}`}},
		"byte order mark":          {file: "\ufeff{\"Records\":[{}]}", want: []string{`{}`}},
		"broken inside":            {file: `[{"a" 1},{"a":},{,}]`, want: []string{`{"a" 1}`, `{"a":}`, `{,}`}},
		"broken object":            {file: `{"a":1 x "Records":[2]}`, want: []string{`{"a":1 x "Records":[2]}`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(test.file), iotest.OneByteReader(strings.NewReader(test.file))} {
				got, err := all(r)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

func TestRecordsEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []string
	}{
		"no JSON":       {file: "<html></html>"},
		"scalar":        {file: "1"},
		"cut in list":   {file: `{"Records":[{"a":1},{"b":`, want: []string{`{"a":1}`}},
		"cut in string": {file: `{"Records":[{"a":1},{"b":"\`, want: []string{`{"a":1}`}},
		"cut behind":    {file: `{"Records":[{"a":1}]`, want: []string{`{"a":1}`}},
		"cut in array":  {file: `[{"a":1},`, want: []string{`{"a":1}`}},
		"broken list":   {file: `{"Records":[{"a":1}}`, want: []string{`{"a":1}`}},
		"behind array":  {file: `[1] 2`, want: []string{`1`}},
		"too long":      {file: `[1,"` + strings.Repeat("x", maxRecord) + `"]`, want: []string{`1`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := all(strings.NewReader(test.file))
			if ClassOf(err) != Malformed {
				t.Errorf("got error %v, want one of class Malformed", err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRecordsPassErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := all(io.MultiReader(strings.NewReader(`[1,2`), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %q and error %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range Records(ctx, strings.NewReader(`[1]`), "Records") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want that of the context", err)
		}
	}
}

func TestRecordsStop(t *testing.T) {
	t.Parallel()
	n := 0
	for _, err := range Records(t.Context(), strings.NewReader(`[1,2,3]`), "Records") {
		if n++; n == 2 || err != nil {
			break
		}
	}
	if n != 2 {
		t.Errorf("read %d records, want 2", n)
	}
}

func FuzzRecords(f *testing.F) {
	for _, seed := range []string{`{"Records":[{"a":[1,"]"]}]}`, `[1,{}]`, "{\"a\":1}\n{\"b\":2}", `{"a":"\"`, `{"Records":1}`, `{]`, "\ufeff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := all(bytes.NewReader(file))
		slow, slowErr := all(iotest.OneByteReader(bytes.NewReader(file)))
		if !slices.Equal(got, slow) || (err == nil) != (slowErr == nil) {
			t.Fatalf("in one piece %q, %v; byte by byte %q, %v", got, err, slow, slowErr)
		}
		if !json.Valid(file) {
			return
		}
		value := string(bytes.Trim(file, " \t\r\n"))
		wrapped, err := all(strings.NewReader(`{"x":` + value + `,"Records":[` + value + ` , ` + value + `]}`))
		if err != nil || !slices.Equal(wrapped, []string{value, value}) {
			t.Fatalf("in a list %q became %q, %v", value, wrapped, err)
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	record := `{"eventVersion":"1.08","eventID":"e1bf1000-86a4-4a78-81d7-000000000001",` +
		strings.Repeat(`"requestParameters":{"name":"example","set":[1,2,3]},`, 20) + `"readOnly":false}`
	file := `{"Records":[` + strings.Repeat(record+",", 999) + record + `]}`
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		for _, err := range Records(b.Context(), strings.NewReader(file), "Records") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
