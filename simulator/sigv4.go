package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// sigV4 is the Authorization header of an AWS request, Signature Version 4. The time of signing is not compared with
// the simulated clock, because SDKs sign with the real one.
type sigV4 struct {
	accessKeyID, date, region, service string
	signed                             []string // names of the headers that are signed, sorted
	signature                          string
}

// parseSigV4 reads `AWS4-HMAC-SHA256 Credential=AKID/date/region/service/aws4_request, SignedHeaders=a;b, Signature=hex`
// or gives AWS's code for what it finds instead.
func parseSigV4(r *http.Request) (s sigV4, code string) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return s, "MissingAuthenticationTokenException"
	}
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	s.signed = strings.Split(fields["SignedHeaders"], ";")
	s.signature = fields["Signature"]
	if !ok || len(scope) != 5 || scope[4] != "aws4_request" || !slices.Contains(s.signed, "host") ||
		!slices.Contains(s.signed, "x-amz-date") || !slices.IsSorted(s.signed) {
		return s, "IncompleteSignatureException"
	}
	s.accessKeyID, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
	return s, ""
}

// verify computes the signature anew.
func (s sigV4) verify(r *http.Request, body []byte, secret string) bool {
	at := r.Header.Get("X-Amz-Date")
	if !strings.HasPrefix(at, s.date+"T") {
		return false
	}
	text := strings.Join([]string{
		"AWS4-HMAC-SHA256", at, strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/"),
		hexSum([]byte(s.canonical(r, body))),
	}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(mac(key, text))), []byte(s.signature))
}

// canonical is the request as it is signed.
func (s sigV4) canonical(r *http.Request, body []byte) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	lines := []string{r.Method, path, strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")}
	for _, name := range s.signed {
		lines = append(lines, name+":"+signedHeader(r, name))
	}
	return strings.Join(append(lines, "", strings.Join(s.signed, ";"), hexSum(body)), "\n")
}

// signedHeader gives a header's value with its white space folded. net/http keeps two of them elsewhere.
func signedHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	return strings.Join(strings.Fields(strings.Join(r.Header.Values(name), ",")), " ")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
