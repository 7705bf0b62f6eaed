package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCommandsRefuseInOneLine: what is wrong on the command line ends with exit code 1, says why on stderr, and prints
// nothing where a script reads.
func TestCommandsRefuseInOneLine(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	p := in.replica()
	create := func(more ...string) []string { return append([]string{"token", "create"}, more...) }
	for _, test := range []struct {
		args []string
		said string
	}{
		{[]string{"nonsense"}, "nonsense"},
		{[]string{"import", "x"}, "--integration"},
		{create(), "--scope"},
		{create("--scope", "everything"), "everything"},
		{create("--scope", "activities:read", "--expires", "0s"), "lives from"},
		{create("--scope", "activities:read", "--expires", "2161h"), "lives from"},
		{create("--scope", "activities:read", "--tenant", ""), "--tenant"},
		{create("--scope", "activities:read", "--tenant", strings.Repeat("x", 101)), "--tenant"},
		{create("--scope", "activities:read", "--restriction", "{"), "--restriction"},
		{create("--scope", "activities:read", "--restriction", `{"colour":{"in":["red"]}}`), "--restriction"},
		{create("--scope", "activities:read", "--restriction", `{"ip":{"in":["nowhere"]}}`), "restriction"},
	} {
		out, said, code := p.command(test.args...)
		_, line, found := strings.Cut(said, "annals: ")
		if code != 1 || out != "" || !found || !strings.Contains(strings.ToLower(line), test.said) || strings.Count(strings.TrimSpace(line), "\n") > 0 {
			t.Errorf("annals %q: exit code %d, stdout %q, stderr %s", test.args, code, out, tail(said, 600))
		}
	}
	out, said, code := p.command(create("--scope", "activities:read", "--scope", "schema:read", "--tenant", "acme")...)
	if token := strings.TrimSuffix(out, "\n"); code != 0 || !tokenLine.MatchString(token) || strings.Contains(token, "\n") || !strings.Contains(said, "acme") {
		t.Errorf("exit code %d, stdout %q, stderr %s, want a token alone, and word of the new tenant", code, out, said)
	}
}

// command runs a sub-command to its end.
func (p *process) command(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &out, &said
	_ = cmd.Run() // the exit code tells
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}
