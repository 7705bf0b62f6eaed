package playground

import (
	"net/http/httptest"
	"strings"
	"testing"
)

var hostileHosts = []string{
	"x;script-src *",
	"x;script-src",
	"x; script-src 'unsafe-inline'",
	"x,script-src",
	"x *",
	"*",
	"*.example.com",
	"x\r\nSet-Cookie: a=b",
	"x\n",
	"x\x00",
	"'unsafe-eval'",
	"user@x",
	"x/path",
	"x?y",
	"x#y",
	"x:",
	"x:*",
	"x:port",
	"x:123456",
	"x:80:80",
	":8080",
	".",
	"x.",
	".x",
	"x..y",
	"x_y",
	"bücher.example",
	"[::1]",
	"[::1]:8080",
	"[::1%25;script-src]",
	"%3Bscript-src",
	strings.Repeat("x", 300),
}

func TestSocketOrigin(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"localhost", "localhost:8080", "127.0.0.1:8080", "192.0.2.1", "a-b.example.com:443", "xn--bcher-kva.example"} {
		if got, want := socketOrigin(false, host), "ws://"+host; got != want {
			t.Errorf("socketOrigin(false, %q) = %q, want %q", host, got, want)
		}
		if got, want := socketOrigin(true, host), "wss://"+host; got != want {
			t.Errorf("socketOrigin(true, %q) = %q, want %q", host, got, want)
		}
	}
	for _, host := range append(hostileHosts, "") {
		if got := socketOrigin(false, host); got != "" {
			t.Errorf("socketOrigin(false, %q) = %q, want nothing", host, got)
		}
	}
}

// directive returns the value of one directive of the answer's policy.
func directive(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	for part := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), "; ") {
		if value, ok := strings.CutPrefix(part, name+" "); ok {
			return value
		}
	}
	t.Fatalf("the policy has no %s", name)
	return ""
}
