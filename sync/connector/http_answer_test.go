package connector

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAnswerJSON(t *testing.T) {
	t.Parallel()
	type record struct {
		ID string
		At time.Time
	}
	tests := map[string]struct {
		contentType, body string
		says              string // empty: it is read
	}{
		"JSON":               {"application/json", `{"id":"1","more":true}`, ""},
		"an unnamed type":    {"", `{"id":"1"}`, ""},
		"a wrong type":       {"text/plain; charset=utf-8", `{"id":"1"}`, ""},
		"a page":             {"text/html; charset=utf-8", `{"id":"1"}`, "a web page"},
		"an unnamed page":    {"application/json", `<html>secret</html>`, "no JSON from byte 1"},
		"nothing":            {"application/json", ``, "no JSON from byte 0 of 0"},
		"a part":             {"application/json", `{"id":"secret`, "no JSON from byte"},
		"another type":       {"application/json", `{"id":12345}`, "is no string"},
		"a value of its own": {"application/json", `{"at":"secret"}`, "cannot be read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.contentType}
				_, _ = w.Write([]byte(test.body))
			})
			answer, err := client.Get(t.Context(), address+"/x?token=hidden", nil)
			if err != nil {
				t.Fatal(err)
			}
			var into record
			err = answer.JSON(&into)
			if test.says == "" {
				if err != nil || into.ID != "1" {
					t.Errorf("got %v, %v", into, err)
				}
				return
			}
			if err == nil || ClassOf(err) != Malformed || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error %v, want one that says %q", err, test.says)
			}
			for _, shown := range []string{"secret", "hidden", "12345"} {
				if strings.Contains(err.Error(), shown) {
					t.Errorf("the error shows too much: %v", err)
				}
			}
		})
	}
}

func TestAnswersAreLoggedWithoutTheirBody(t *testing.T) {
	t.Parallel()
	client, address := reach(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "secret")
		_, _ = w.Write([]byte("secret"))
	})
	answer, err := client.Get(t.Context(), address+"/"+strings.Repeat("p", 1000)+"?token=secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "answer", answer)
	if text := log.String(); strings.Contains(text, "secret") || !strings.Contains(text, "status 200") || len(text) > 500 {
		t.Errorf("logged %s", text)
	}
}
