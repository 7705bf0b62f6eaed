package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var tokenLine = regexp.MustCompile(`(?m)^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

func TestDemoMovesStopsAndStartsAgain(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url, "demo")
	var token string
	eventually(t, 60*time.Second, "the demo prints a token on a line of its own", func() bool {
		token = tokenLine.FindString(p.stdout.String())
		return token != ""
	})
	if !strings.Contains(p.stdout.String(), url) {
		t.Errorf("the demo does not print its address %s:\n%s", url, p.stdout.String())
	}
	const query = `{ activities(first: 1) { totalCount asOf { seq } } timeSeries { total laterCount } facets(fields: [INTEGRATION, PATH]) {
		total facets { otherCount missingCount values { value count } } } integrations { nodes { name status backfills { progress } } } }`
	paths := map[string]bool{}
	eventually(t, 90*time.Second, "activities arrive by backfill, poll and webhook", func() bool {
		a := p.ask(token, query, nil)
		if len(a.Errors) > 0 {
			t.Fatalf("%+v", a.Errors)
		}
		total := at(a.Data, "activities", "totalCount").(float64)
		if series := at(a.Data, "timeSeries", "total").(float64) + at(a.Data, "timeSeries", "laterCount").(float64); series != total {
			t.Fatalf("the series adds up to %v, the list to %v", series, total)
		}
		if counted := at(a.Data, "facets", "total").(float64); counted != total {
			t.Fatalf("the facets count %v, the list %v", counted, total)
		}
		for _, facet := range at(a.Data, "facets", "facets").([]any) {
			sum := at(facet, "otherCount").(float64) + at(facet, "missingCount").(float64)
			for _, value := range at(facet, "values").([]any) {
				sum += at(value, "count").(float64)
				paths[at(value, "value").(string)] = true
			}
			if sum != total {
				t.Fatalf("a facet adds up to %v, the list to %v", sum, total)
			}
		}
		return paths["BACKFILL"] && paths["POLL"] && paths["WEBHOOK"]
	})
	before := untilFetched(p, token)
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C, want 0", code)
	}

	again := start(t, env, url, "demo")
	var after fetched
	eventually(t, 90*time.Second, "the vendors go on at the second start", func() bool {
		after = gitHub(again, token)
		return after.total > before.total
	})
	// The vendor lives its life again: nothing of it is new but what happened since.
	if after.total > before.total+200 || !maps.Equal(after.backfills, before.backfills) {
		t.Errorf("%+v at the second start, %+v before it", after, before)
	}
}

// fetched is what there is of the simulated GitHub.
type fetched struct {
	total     float64
	backfills map[string]string // status by id
}

func gitHub(p *process, token string) fetched {
	p.t.Helper()
	for _, node := range p.get(token, `{ integrations { nodes { id name backfills { id status } } } }`, nil, "integrations", "nodes").([]any) {
		if at(node, "name") != "Acme GitHub" {
			continue
		}
		f := fetched{total: float64(p.count(token, at(node, "id").(string))), backfills: map[string]string{}}
		for _, backfill := range at(node, "backfills").([]any) {
			f.backfills[at(backfill, "id").(string)] = at(backfill, "status").(string)
		}
		return f
	}
	p.t.Fatal("the demo has no integration of GitHub")
	return fetched{}
}

func untilFetched(p *process, token string) fetched {
	p.t.Helper()
	var f fetched
	eventually(p.t, 120*time.Second, "the past of the simulated GitHub is fetched", func() bool {
		f = gitHub(p, token)
		return len(f.backfills) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(f.backfills)), func(status string) bool { return status != "DONE" })
	})
	return f
}

func TestKillLeavesNoPostgres(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	var data string
	for _, entry := range env {
		if folder, ok := strings.CutPrefix(entry, "ANNALS_DATA="); ok {
			data = folder
		}
	}
	if len(postgresOf(t, data)) == 0 {
		t.Skip("the processes of the private Postgres cannot be seen here")
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "Postgres has ended", func() bool { return len(postgresOf(t, data)) == 0 })
}

// postgresOf gives the command lines of processes that name a data folder.
func postgresOf(t *testing.T, data string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		line := strings.ReplaceAll(string(content), "\x00", " ")
		if err == nil && strings.Contains(line, "postgres") && strings.Contains(line, data) {
			found = append(found, line)
		}
	}
	return found
}
