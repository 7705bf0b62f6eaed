package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annals/db/dbtest"
)

// TestTokenMistakesNameTheFlagAndMakeNoTenant: a mistyped flag must not leave a tenant behind, and a restriction that
// got lost on the way to the command, in an unset variable, must not become a token that sees everything.
func TestTokenMistakesNameTheFlagAndMakeNoTenant(t *testing.T) {
	t.Parallel()
	environ := []string{"DATABASE_URL=" + dbtest.New(t).Writer, "ANNALS_DATA=" + t.TempDir()}
	command := func(args ...string) (out, said string, err error) {
		t.Helper()
		stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer stderr.Close()
		var stdout bytes.Buffer
		err = run(t.Context(), append([]string{"token", "create", "--tenant", "acme"}, args...), environ, &stdout, stderr)
		text, readErr := os.ReadFile(stderr.Name())
		if readErr != nil {
			t.Fatal(readErr)
		}
		return stdout.String(), string(text), err
	}
	for _, test := range []struct{ flag, value string }{
		{"--scope", "activities:raed"},
		{"--scope", "activities:read,integrations:reed"},
		{"--scope", ""},
		{"--expires", "0s"},
		{"--expires", "-1h"},
		{"--expires", "2161h"},
		{"--name", ""},
		{"--name", strings.Repeat("x", 101)},
		{"--restriction", ""},
		{"--restriction", " "},
		{"--restriction", "null"},
		{"--restriction", "{}"},
		{"--restriction", `{"actor":{"email":{}}}`},
		{"--restriction", `{"connector":{"in":[]}}`},
		{"--restriction", `{"integration":{"notIn":["nonsense"]}}`},
		{"--restriction", `{"colour":{"in":["red"]}}`},
	} {
		args := []string{test.flag + "=" + test.value}
		if test.flag != "--scope" {
			args = append(args, "--scope", "activities:read")
		}
		out, said, err := command(args...)
		if err == nil || !strings.HasPrefix(err.Error(), test.flag+": ") || out != "" || strings.Contains(said, "acme") {
			t.Errorf("%s=%s: %v, stdout %q, stderr %q, want a mistake of the flag and nothing made", test.flag, test.value, err, out, said)
		}
	}
	if _, _, err := command("--scope", "activities:read", "--restriction", ""); err == nil || !strings.HasPrefix(err.Error(), "--restriction: ") {
		t.Errorf("an empty restriction as an argument of its own: %v", err)
	}
	out, said, err := command("--scope", "activities:read", "--restriction", `{"connector":{"in":["github"]}}`)
	if err != nil || strings.Count(out, ".") != 2 || !strings.Contains(said, "acme") {
		t.Errorf("without a mistake: %v, stdout %q, stderr %q, want a token and word of the new tenant", err, out, said)
	}
}
