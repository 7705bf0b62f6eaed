package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryWrongVariableIsNamed starts annals with one mistake after the other: it must end with one line that begins
// with the variable's name.
func TestEveryWrongVariableIsNamed(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.migrate()
	good, _ := environment(t, in.shared...)
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(folder, "absent")
	taken := strings.TrimPrefix(in.replica().url, "http://")
	for name, values := range map[string][]string{
		"ANNALS_LISTEN":           {"nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "http://127.0.0.1:8080", taken},
		"ANNALS_DATA":             {filepath.Join(garbage, "folder")},
		"DATABASE_URL":            {"nonsense", "mysql://u:p@127.0.0.1/annals", "postgres://u:p@127.0.0.1:1/annals"},
		"DATABASE_URL_FILE":       {absent},
		"DATABASE_OWNER_URL":      {"nonsense", "https://example.com"},
		"DATABASE_OWNER_URL_FILE": {absent},
		"MEILI_URL":               {"nonsense", "ftp://127.0.0.1", "http://"},
		"MEILI_API_KEY_FILE":      {absent},
		"ANNALS_EGRESS_ALLOW":     {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/8,nonsense"},
		"ANNALS_POLL_FLOOR":       {"15", "0s", "25h", "-1s"},
		"ANNALS_ALLOWED_ORIGINS":  {"https://app.example.com/path", "app.example.com", "*", "null"},
		"ANNALS_PUBLIC_URL":       {"annals.example.com", "ftp://annals.example.com", "https://annals.example.com/?a=b", "https://u:p@annals.example.com"},
		"ANNALS_METRICS_LISTEN":   {"nonsense", taken},
		"ANNALS_TRUSTED_PROXIES":  {"10.0.0.1", "proxy.example.com"},
		"ANNALS_GEOIP":            {absent, garbage},
		"ANNALS_KEY_FILE":         {garbage, filepath.Join(garbage, "key")},
		"ANNALS_ISSUERS_FILE":     {absent, garbage},
		"ANNALS_PLAYGROUND":       {"yes", "true", "ON"},
	} {
		for _, value := range values {
			env := append(slices.Clip(good), name+"="+value)
			if name == "ANNALS_DATA" || name == "DATABASE_URL_FILE" {
				env = append(env, "DATABASE_URL=") // beside it nobody looks at them
			}
			said := refused(t, env)
			_, line, _ := strings.Cut(said, "annals: ")
			if !strings.HasPrefix(line, name+": ") || strings.Count(line, "\n") != 1 {
				t.Errorf("%s=%s: no one line that begins with the name:\n%s", name, value, tail(said, 500))
			}
		}
	}
}
