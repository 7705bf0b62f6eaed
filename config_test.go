package main

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := readConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(c.data) || c.keyFile != filepath.Join(c.data, "key") {
		t.Errorf("data in %s, key in %s, want an absolute folder and the key in it", c.data, c.keyFile)
	}
	if c.publicURL != "" || c.publicURLGiven {
		t.Errorf("public URL %q before anything listens, given: %v", c.publicURL, c.publicURLGiven)
	}
	if c.databaseURL.IsSet() || c.ownerURL.IsSet() || c.meiliKey.IsSet() || c.metricsListen != "" || !c.playground || c.pollFloor != 15*time.Second {
		t.Errorf("defaults: %+v", c)
	}
}

// TestConfigNamesEveryMistake gives several at once: each is a line of its own.
func TestConfigNamesEveryMistake(t *testing.T) {
	t.Parallel()
	_, err := readConfig([]string{
		"ANNALS_EGRESS_ALLOW=10.0.0.1", "ANNALS_TRUSTED_PROXIES=10.0.0.0/8,x", "ANNALS_POLL_FLOOR=99ms", "ANNALS_PLAYGROUND=ON",
		"ANNALS_PUBLIC_URL=annals.example.com", "ANNALS_LISTEN=8080",
	})
	if err == nil {
		t.Fatal("no error")
	}
	var names []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ": ")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"ANNALS_EGRESS_ALLOW", "ANNALS_LISTEN", "ANNALS_PLAYGROUND", "ANNALS_POLL_FLOOR", "ANNALS_PUBLIC_URL", "ANNALS_TRUSTED_PROXIES",
	}
	if !slices.Equal(names, want) {
		t.Errorf("lines begin with %v, want %v:\n%v", names, want, err)
	}
}

func TestConfigBounds(t *testing.T) {
	t.Parallel()
	for entry, good := range map[string]bool{
		"ANNALS_POLL_FLOOR=100ms": true, "ANNALS_POLL_FLOOR=24h": true, "ANNALS_POLL_FLOOR=99ms": false, "ANNALS_POLL_FLOOR=24h1s": false,
		"ANNALS_LISTEN=:0": true, "ANNALS_LISTEN=[::1]:8080": true, "ANNALS_LISTEN=::1:8080": false, "ANNALS_LISTEN=/run/annals.sock": false,
		"ANNALS_METRICS_LISTEN=:9090": true, "ANNALS_METRICS_LISTEN=9090": false,
		"DATABASE_URL=postgresql://u:p@db.example.com/annals": true, "DATABASE_URL=host=db.example.com": false,
		"ANNALS_EGRESS_ALLOW= 10.0.0.0/8 , 2001:db8::/32 ,": true, "ANNALS_EGRESS_ALLOW=10.0.0.0/33": false, "ANNALS_EGRESS_ALLOW=10.0.0.1/8": false,
	} {
		if _, err := readConfig([]string{entry}); (err == nil) != good {
			t.Errorf("%s: error %v, want it good: %v", entry, err, good)
		}
	}
}

func TestConfigPublicURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ []string
		want    string // "error" for one
	}{
		{[]string{"ANNALS_PUBLIC_URL=https://annals.example.com/"}, "https://annals.example.com"},
		{[]string{"ANNALS_PUBLIC_URL=https://annals.example.com:8443/audit/"}, "https://annals.example.com:8443/audit"},
		{[]string{"ANNALS_PUBLIC_URL=https://annals.example.com", "ANNALS_LISTEN=0.0.0.0:80"}, "https://annals.example.com"},
		{[]string{"ANNALS_LISTEN=127.0.0.1:9000"}, "http://127.0.0.1:9000"},
		{[]string{"ANNALS_LISTEN=:9000"}, "http://localhost:9000"},
		{[]string{"ANNALS_LISTEN=0.0.0.0:9000"}, "http://localhost:9000"},
		{[]string{"ANNALS_LISTEN=[::]:9000"}, "http://localhost:9000"},
		{[]string{"ANNALS_LISTEN=[2001:db8::1]:9000"}, "http://[2001:db8::1]:9000"},
		{[]string{"ANNALS_LISTEN=127.0.0.1:0"}, ""},
		{[]string{"ANNALS_PUBLIC_URL=https://annals.example.com/#x"}, "error"},
		{[]string{"ANNALS_PUBLIC_URL=https://"}, "error"},
		{[]string{"ANNALS_PUBLIC_URL=javascript:alert(1)"}, "error"},
	}
	for _, test := range tests {
		c, err := readConfig(test.environ)
		if (err != nil) != (test.want == "error") || err == nil && c.publicURL != test.want {
			t.Errorf("%v: %q, %v, want %q", test.environ, c.publicURL, err, test.want)
		}
	}
}

func TestConfigSecretsByFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("postgres://u:pass-word@db.example.com/annals\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range secretVariables {
		c, err := readConfig([]string{name + "_FILE=" + path})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{
			"DATABASE_URL": c.databaseURL.Reveal(), "DATABASE_OWNER_URL": c.ownerURL.Reveal(), "MEILI_API_KEY": c.meiliKey.Reveal(),
		}[name]
		if got != "postgres://u:pass-word@db.example.com/annals" {
			t.Errorf("%s_FILE gives %q", name, got)
		}
		for what, environ := range map[string][]string{
			"both ways": {name + "_FILE=" + path, name + "=postgres://u:p@db.example.com/annals"}, "no such file": {name + "_FILE=" + path + "-"},
		} {
			if _, err := readConfig(environ); err == nil || !strings.HasPrefix(err.Error(), name+"_FILE: ") || strings.Contains(err.Error(), "pass-word") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// TestConfigIsPrintedWithoutSecrets looks for each secret in what is logged at the start, in %v and in mistakes.
func TestConfigIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	c, err := readConfig([]string{
		"DATABASE_URL=postgres://u:canary-one@db.example.com/annals", "DATABASE_OWNER_URL=postgres://o:canary-two@db.example.com/annals",
		"MEILI_API_KEY=canary-three", "MEILI_URL=http://u:canary-four@meili.example.com", "ANNALS_EGRESS_ALLOW=10.0.0.0/8",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.egressAllow, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) {
		t.Errorf("networks %v", c.egressAllow)
	}
	var printed bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
		slog.New(handler).Info("configuration", "config", c)
	}
	_, err = readConfig([]string{"DATABASE_URL=mysql://u:canary-five@db.example.com/annals"})
	if err == nil {
		t.Fatal("an address of another database is good")
	}
	printed.WriteString(err.Error())
	_, err = readConfig([]string{"DATABASE_OWNER_URL=postgres://u:canary-six%@db.example.com/annals"})
	if err == nil {
		t.Fatal("an address that cannot be read is good")
	}
	printed.WriteString(err.Error())
	if strings.Contains(printed.String(), "canary") || !strings.Contains(printed.String(), "meili.example.com") {
		t.Errorf("printed: %s", printed.String())
	}
}
