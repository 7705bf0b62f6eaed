package private

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSettleData(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		files   map[string]string
		major   int
		wantErr bool
		kept    bool // the data folder is as it was
	}{
		{name: "nothing"},
		{name: "data", files: map[string]string{"data/PG_VERSION": "17\n"}, major: 17, kept: true},
		{name: "foreign files", files: map[string]string{"data/thesis.txt": "x"}, wantErr: true, kept: true},
		{name: "torn version", files: map[string]string{"data/PG_VERSION": "", "data/base/1": "x"}, wantErr: true, kept: true},
		{name: "interrupted first start", files: map[string]string{"new": "", "data/PG_VERSION": "17\n", "data/base/1": "x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := order{Dir: t.TempDir()}
			for name, text := range test.files {
				write(t, o.in(name), text)
			}
			major, err := o.settleData()
			if major != test.major || (err != nil) != test.wantErr {
				t.Errorf("got %d, %v", major, err)
			}
			if entries, _ := os.ReadDir(o.in(dataDir)); (len(entries) > 0) != test.kept {
				t.Errorf("the data folder has %d entries", len(entries))
			}
		})
	}
}

func TestDataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	o := order{Dir: t.TempDir(), Binaries: t.TempDir()}
	_, err := o.findBinaries(t.Context(), 9, silent)
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL 9") || !strings.Contains(err.Error(), "install postgresql-9") {
		t.Errorf("got %v", err)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, folder, says string
		want               bool
	}{
		{"Debian's", "bin", "initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", true},
		{"plain", "bin", "initdb (PostgreSQL) 18.3", true},
		{"a beta", "bin", "initdb (PostgreSQL) 18beta1", true},
		{"too old", "bin", "initdb (PostgreSQL) 14.2", false},
		{"too new", "bin", "initdb (PostgreSQL) 19.1", false},
		{"something else", "bin", "hello", false},
		{"wrong folder", "tools", "initdb (PostgreSQL) 15.18", false},
	} {
		bin := filepath.Join(t.TempDir(), test.folder)
		write(t, filepath.Join(bin, "pg_ctl"), "")
		write(t, filepath.Join(bin, "initdb"), "#!/bin/sh\necho '"+test.says+"'\n")
		if err := os.Chmod(filepath.Join(bin, "initdb"), 0o700); err != nil {
			t.Fatal(err)
		}
		b, ok := inspect(t.Context(), bin)
		if ok != test.want || ok && (b.path != filepath.Dir(bin) || !strings.HasPrefix(string(b.version), fmt.Sprint(b.major))) {
			t.Errorf("%s: got %+v, %v", test.name, b, ok)
		}
	}
}

// bystander is a living process that has nothing to do with Postgres.
func bystander(t *testing.T) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

func TestStopLeftoverSparesOthers(t *testing.T) {
	t.Parallel()
	sleeper := bystander(t)
	for _, test := range []struct {
		name string
		pid  int
		gone bool // the stale file would keep Postgres from starting
	}{
		{"a reused number", sleeper, true},
		{"a number of nobody", 1 << 30, false},
	} {
		data := t.TempDir()
		file := filepath.Join(data, pidFile)
		write(t, file, fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n127.0.0.1\n", test.pid, data))
		if err := stopLeftover(t.Context(), data, silent); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := os.Stat(file); (err != nil) != test.gone {
			t.Errorf("%s: the file: %v", test.name, err)
		}
	}
	if !alive(sleeper) {
		t.Error("the bystander was killed")
	}
}

func TestStartDespiteAStalePIDFile(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	stop(t, run(t, options(t, dir)))
	data := filepath.Join(dir, dataDir)
	write(t, filepath.Join(data, pidFile), fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n127.0.0.1\n         0         0\nready\n", bystander(t), data))
	s := run(t, options(t, dir))
	if got := query(t, s.OwnerURL(), "SELECT 'yes'"); got != "yes" {
		t.Errorf("got %q", got)
	}
}

func TestTornPIDFile(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	write(t, filepath.Join(data, pidFile), "12")
	if err := stopLeftover(t.Context(), data, silent); err == nil {
		t.Error("no error")
	}
}

// masquerade is a process that shows the given command line.
func masquerade(t *testing.T, args ...string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Args = args
	cmd.Env = append(os.Environ(), helperSleep+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

func TestIsPostmaster(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want bool
	}{
		{"a postgres", []string{"/opt/pg/bin/postgres", "-D", "/my data", "-p", "1"}, true},
		{"nothing after it", []string{"postgres", "-D", "/my data"}, true},
		{"on a longer name", []string{"postgres", "-D", "/my data2", "-p", "1"}, false},
		{"on a folder below", []string{"postgres", "-D", "/my data/x"}, false},
		{"another program", []string{"/opt/pg/bin/pg_basebackup", "-D", "/my data"}, false},
		{"no folder", []string{"postgres", "-p", "1"}, false},
	} {
		if got := isPostmaster(masquerade(t, test.args...), "/my data"); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func TestIsPostgres(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want bool
	}{
		{[]string{"/opt/pg/bin/postgres", "-D", "/data"}, true},
		{[]string{"postgres: annals annals 127.0.0.1(40000) idle"}, true},
		{[]string{"/opt/annals", "postgres"}, false},
	} {
		if got := isPostgres(masquerade(t, test.args...)); got != test.want {
			t.Errorf("%q: got %v", test.args, got)
		}
	}
}
