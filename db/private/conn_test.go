package private

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestConnURLs(t *testing.T) {
	t.Parallel()
	c := Conn{Port: 5433, OwnerPassword: "one", LoginPassword: "two", PID: 7}
	if got, want := c.OwnerURL(), "postgres://postgres:one@127.0.0.1:5433/annals?sslmode=disable"; got != want {
		t.Errorf("OwnerURL: got %s, want %s", got, want)
	}
	if got, want := c.LoginURL(), "postgres://annals_server:two@127.0.0.1:5433/annals?sslmode=disable"; got != want {
		t.Errorf("LoginURL: got %s, want %s", got, want)
	}
}

func TestConnHidesItsPasswords(t *testing.T) {
	t.Parallel()
	c := Conn{Port: 5433, OwnerPassword: "secret1", LoginPassword: "secret2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(t.Context(), "x", "conn", c)
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", "server", &Server{Conn: c})
	for _, text := range []string{log.String(), fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%v", &Server{Conn: c})} {
		if strings.Contains(text, "secret") {
			t.Errorf("%s", text)
		}
		if !strings.Contains(text, "127.0.0.1:5433") {
			t.Errorf("no address in %s", text)
		}
	}
}
