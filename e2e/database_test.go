package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// refused runs annals where it must end by itself, and gives what it says.
func refused(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
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
	if said := refused(t, env); !strings.Contains(said, "annals: DATABASE_URL: ") {
		t.Errorf("before any migration no line names DATABASE_URL:\n%s", said)
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
	in.execute(`INSERT INTO bun_migrations (name, group_id) VALUES ('20991231000001_ahead', 99)`)
	if said := refused(t, env); !strings.Contains(said, "annals: DATABASE_URL: ") || strings.Contains(said, "annals migrate") {
		t.Errorf("on a newer database:\n%s", said)
	}
	in.execute(`DELETE FROM bun_migrations WHERE name IN (SELECT name FROM bun_migrations ORDER BY name DESC LIMIT 2)`)
	if said := refused(t, env); !strings.Contains(said, "annals migrate") {
		t.Errorf("on an older database nobody says what to run:\n%s", said)
	}
}

// execute changes the database as its owner may.
func (i *installation) execute(sql string) {
	i.t.Helper()
	conn, err := pgx.Connect(i.t.Context(), i.owner)
	if err != nil {
		i.t.Fatal(err)
	}
	if _, err := conn.Exec(i.t.Context(), sql); err != nil {
		i.t.Fatal(err)
	}
	if err := conn.Close(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}
