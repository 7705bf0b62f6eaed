package e2e

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// refused runs annals where it must end by itself, and gives what it says.
func refused(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &said, &said
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("annals %v: %v, want exit code 1", args, err)
	}
	return said.String()
}

func TestServerRunsOnADatabaseOfItsOwnAlone(t *testing.T) {
	t.Parallel()
	in := install(t)
	env, _ := environment(t, in.shared...)
	if said := refused(t, env); !strings.Contains(said, "annals migrate") {
		t.Errorf("before any migration nobody says what to run:\n%s", said)
	}
	if said := refused(t, env, "migrate"); !strings.Contains(said, "DATABASE_OWNER_URL: ") {
		t.Errorf("a migration without the owner's address:\n%s", said)
	}
	if first, second := in.migrate(), in.migrate(); !strings.HasPrefix(first, "Applied ") || second != "The database is current." {
		t.Errorf("the first migration: %s\nthe second: %s", first, second)
	}
	for _, wrong := range []string{
		"DATABASE_URL=" + in.owner, // a superuser
		"ANNALS_LISTEN=" + strings.TrimPrefix(in.replica().url, "http://"),
		"ANNALS_KEY_FILE=" + dataFolder(t) + "/another",
	} {
		name, _, _ := strings.Cut(wrong, "=")
		if said := refused(t, append(env, wrong)); !strings.Contains(said, "annals: "+name+": ") {
			t.Errorf("no line names %s:\n%s", name, said)
		}
	}
}
