package connector

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestCanonicalise(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw, want string
		except    []string
	}{
		"keys are sorted at every level":     {raw: `{"b":{"d":1,"c":[{"f":2,"e":3}]},"a":0}`, want: `{"a":0,"b":{"c":[{"e":3,"f":2}],"d":1}}`},
		"white space goes":                   {raw: " {\t\"a\" :\r\n[ 1 , true ] } ", want: `{"a":[1,true]}`},
		"numbers stay text":                  {raw: `[1.0,1e2,-0,9007199254740993]`, want: `[1.0,1e2,-0,9007199254740993]`},
		"escapes are one":                    {raw: `{"\u0061":"\u003c\/\u00e9"}`, want: `{"a":"</é"}`},
		"escapes that must be stay":          {raw: `"\"\\\n\u0000\u2028"`, want: `"\"\\\n\u0000\u2028"`},
		"line separators are one":            {raw: "\"\u2028\"", want: `"\u2028"`},
		"broken text is replaced":            {raw: "[\"\\ud800\",\"\xff\"]", want: `["�","�"]`},
		"keys sort by what they say":         {raw: `{"a#":1,"a\"":2}`, want: `{"a\"":2,"a#":1}`},
		"the shorter key is first":           {raw: `{"ab":1,"a":2}`, want: `{"a":2,"ab":1}`},
		"the last of a repeated key counts":  {raw: `{"a":1,"b":2,"a":3}`, want: `{"a":3,"b":2}`},
		"repeats are told by what they say":  {raw: `{"a":1,"\u0061":3}`, want: `{"a":3}`},
		"a member is left out":               {raw: `{"a":1,"b":2}`, want: `{"b":2}`, except: []string{"a"}},
		"all members are left out":           {raw: `{"a":1,"b":2}`, want: `{}`, except: []string{"a", "b"}},
		"a deeper one stays":                 {raw: `{"b":{"a":1}}`, want: `{"b":{"a":1}}`, except: []string{"a"}},
		"one in an array stays":              {raw: `[{"a":1}]`, want: `[{"a":1}]`, except: []string{"a"}},
		"the empty key is a key":             {raw: `{"b":1,"":2}`, want: `{"":2,"b":1}`},
		"empty objects and arrays are alike": {raw: `{"a":{ },"b":[ ]}`, want: `{"a":{},"b":[]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := canonicalise([]byte(test.raw), test.except)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestCanonicaliseRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, ` `, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `[`, `[1,]`, `[1 2]`, `"a`, `"\`,
		`"\x"`, `"\u12"`, "\"\n\"", `01`, `-`, `1.`, `1e`, `.5`, `+1`, `NaN`, `nul`, `tru`, `1 2`, `{} {}`, `{"a":1}x`,
		"\xef\xbb\xbf{}", "\x00", "1\x00", strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
	} {
		if got, err := canonicalise([]byte(raw), nil); err == nil {
			t.Errorf("%q became %s", raw, got)
		}
	}
	deepest := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if _, err := canonicalise([]byte(deepest), nil); err != nil {
		t.Errorf("the deepest allowed: %v", err)
	}
}

func TestContentOrBytesFallsBack(t *testing.T) {
	t.Parallel()
	if got := ContentOrBytes([]byte(`{"a"`)); got != sha256.Sum256([]byte(`{"a"`)) {
		t.Error("what is no JSON is not digested as bytes")
	}
	if ContentOrBytes([]byte(`{"a":1,"b":2}`)) != ContentOrBytes([]byte(`{ "b":2, "a":1 }`)) {
		t.Error("two layouts of one record differ")
	}
	if ContentOrBytes([]byte(`{"a":1}`)) == ContentOrBytes([]byte(`{"a":1.0}`)) {
		t.Error("two tokens of one number are the same")
	}
}

// decodeAndMarshal is what canonicalise must equal, made of encoding/json alone.
func decodeAndMarshal(raw []byte, except []string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var record any
	if err := decoder.Decode(&record); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	if object, ok := record.(map[string]any); ok {
		for _, name := range except {
			delete(object, name)
		}
	}
	var canonical bytes.Buffer
	encoder := json.NewEncoder(&canonical)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(record)
	return bytes.TrimSuffix(canonical.Bytes(), []byte("\n")), err
}

// depth is at least how deep raw nests.
func depth(raw []byte) int { return bytes.Count(raw, []byte("[")) + bytes.Count(raw, []byte("{")) }

func FuzzCanonicalise(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1,-0.5e+3,{"d":null,"c":true}],"a":"\u00e9\ud83d\ude00é\/\\"}`, `{"a":1,"a":2,"\u0061":3}`, "\"\u2028\xff\"",
		`[[],{},"",0]`, `{"x\u0000":{},"x":{"\"":1,"#":2}}`, ` 1 `, `{"a":1}{"b":2}`, `"\ud800\udc00\ud800"`, `{"a":[1,]}`,
	} {
		f.Add([]byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, raw []byte, except string) {
		if depth(raw) > maxDepth {
			t.Skip("deeper than canonicalise reads")
		}
		got, err := canonicalise(raw, []string{except})
		want, wantErr := decodeAndMarshal(raw, []string{except})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got error %v, want %v", raw, err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q: got %s, want %s", raw, got, want)
		}
	})
}

func BenchmarkContent(b *testing.B) {
	raw := []byte(`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEID:alice","arn":"arn:aws:sts::111122223333:assumed-role/Admin/alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEID","arn":"arn:aws:iam::111122223333:role/Admin","accountId":"111122223333","userName":"Admin"},"attributes":{"creationDate":"2026-01-19T20:00:00Z","mfaAuthenticated":"true"}}},"eventTime":"2026-01-19T21:45:12Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.20","userAgent":"aws-cli/2.13.5","requestParameters":{"userName":"Richard_Roe"},"responseElements":{"user":{"createDate":"Jan 19, 2026 9:45:12 PM","userName":"Richard_Roe"}},"requestID":"2d528c76-329e-410b-9516-EXAMPLE565dc","eventID":"ba0801a1-87ec-4d26-be87-EXAMPLE75bbb","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`)
	b.SetBytes(int64(len(raw)))
	b.Run("canonicalise", func(b *testing.B) {
		for b.Loop() {
			_, _ = canonicalise(raw, nil)
		}
	})
	b.Run("content", func(b *testing.B) {
		for b.Loop() {
			_, _ = Content(raw)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			_, _ = decodeAndMarshal(raw, nil)
		}
	})
}
