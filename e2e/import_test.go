package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// trail writes log files of CloudTrail and counts what is in them, each record once.
type trail struct {
	t       *testing.T
	folder  string
	counted map[string]bool           // by eventID
	counts  map[string]map[string]int // by facet, or DAY, and value
}

func newTrail(t *testing.T) *trail {
	t.Helper()
	return &trail{t: t, folder: t.TempDir(), counted: map[string]bool{}, counts: map[string]map[string]int{}}
}

func (tr *trail) count(facet, value string) {
	if tr.counts[facet] == nil {
		tr.counts[facet] = map[string]int{}
	}
	tr.counts[facet][value]++
}

// record makes record number n: calls, people, addresses, outcomes and days in turn.
func (tr *trail) record(n int) []byte {
	calls := [...]struct{ service, name, action string }{
		{"iam", "CreateUser", "CREATE"},
		{"s3", "GetObject", "READ"},
		{"iam", "DeleteRole", "DELETE"},
		{"ec2", "StopInstances", "DISABLE"},
		{"iam", "AttachUserPolicy", "GRANT"},
	}
	outcomes := [...]struct{ code, outcome string }{{"", "SUCCESS"}, {"", "SUCCESS"}, {"AccessDenied", "DENIED"}, {"NoSuchEntityException", "FAILURE"}}
	call, outcome := calls[n%len(calls)], outcomes[n%len(outcomes)]
	who, from := fmt.Sprintf("user-%d", n%7), fmt.Sprintf("192.0.2.%d", n%11)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 37 * time.Minute)
	record := map[string]any{
		"eventVersion": "1.08", "eventID": fmt.Sprintf("e-%d", n), "eventTime": at.Format(time.RFC3339), "eventSource": call.service + ".amazonaws.com",
		"eventName": call.name, "awsRegion": "eu-central-1", "sourceIPAddress": from, "eventType": "AwsApiCall",
		"recipientAccountId": "111122223333",
		"userIdentity":       map[string]any{"type": "IAMUser", "userName": who, "arn": "arn:aws:iam::111122223333:user/" + who},
	}
	if outcome.code != "" {
		record["errorCode"] = outcome.code
	}
	if id := fmt.Sprint(n); !tr.counted[id] {
		tr.counted[id] = true
		tr.count("TYPE", "aws_cloudtrail."+call.service+"."+call.name)
		tr.count("ACTION", call.action)
		tr.count("OUTCOME", outcome.outcome)
		tr.count("ACTOR", "aws_cloudtrail:arn:aws:iam::111122223333:user/"+who)
		tr.count("IP", from)
		tr.count("DAY", at.Format(time.DateOnly))
	}
	content, err := json.Marshal(record)
	if err != nil {
		tr.t.Fatal(err)
	}
	return content
}

// records makes those from one number up to another.
func (tr *trail) records(from, to int) [][]byte {
	var all [][]byte
	for n := from; n < to; n++ {
		all = append(all, tr.record(n))
	}
	return all
}

func (tr *trail) write(name string, content []byte) string {
	path := filepath.Join(tr.folder, name)
	if strings.HasSuffix(name, ".gz") {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(content)
		if err := errors.Join(err, w.Close()); err != nil {
			tr.t.Fatal(err)
		}
		content = packed.Bytes()
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tr.t.Fatal(err)
	}
	return path
}

func logFile(records [][]byte) []byte {
	return fmt.Appendf(nil, `{"Records":[%s]}`, bytes.Join(records, []byte(",")))
}

// imported is what an import says at its end.
type imported struct {
	recorded, repeated, refused, exit int
	stderr                            string
}

var importSummary = regexp.MustCompile(`^(\d+) recorded, (\d+) repeated, (\d+) files refused, in \S+\n$`)

// imports runs an import, whatever comes of it.
func (p *process) imports(args ...string) imported {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"import"}, args...)...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = p.env, &stderr
	out, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.t.Fatal(err)
	}
	done := imported{exit: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	if found := importSummary.FindSubmatch(out); found != nil {
		_, _ = fmt.Sscan(string(bytes.Join(found[1:], []byte(" "))), &done.recorded, &done.repeated, &done.refused)
	} else if done.exit == 0 {
		p.t.Fatalf("import %v says %q", args, out)
	}
	return done
}

func (p *process) wantImport(want imported, args ...string) {
	p.t.Helper()
	got := p.imports(args...)
	if said := got.stderr; want.stderr != "" && !strings.Contains(said, want.stderr) {
		p.t.Errorf("import %v says nothing of %q:\n%s", args, want.stderr, said)
	}
	if got.stderr = want.stderr; got != want {
		p.t.Errorf("import %v: %+v, want %+v", args, got, want)
	}
}

// counts are what facets and the daily series say of an integration.
func (p *process) counts(token, integration string) map[string]map[string]int {
	p.t.Helper()
	data := p.get(token, `query($id: ID!) {
		facets(filter: {integration: {in: [$id]}}, fields: [TYPE, ACTION, OUTCOME, ACTOR, IP], first: 1000) { facets { field otherCount values { value count } } }
		timeSeries(filter: {integration: {in: [$id]}}, interval: "P1D") { starts totals laterCount } }`, map[string]any{"id": integration})
	counts := map[string]map[string]int{"DAY": {}}
	for _, facet := range at(data, "facets", "facets").([]any) {
		values := map[string]int{}
		for _, value := range at(facet, "values").([]any) {
			values[at(value, "value").(string)] = int(at(value, "count").(float64))
		}
		counts[at(facet, "field").(string)] = values
	}
	totals := at(data, "timeSeries", "totals").([]any)
	for n, start := range at(data, "timeSeries", "starts").([]any) {
		if total := int(totals[n].(float64)); total > 0 {
			counts["DAY"][start.(string)[:len(time.DateOnly)]] = total
		}
	}
	return counts
}

func (p *process) wantCounts(token, integration string, want map[string]map[string]int) {
	p.t.Helper()
	for facet, got := range p.counts(token, integration) {
		if !maps.Equal(got, want[facet]) {
			p.t.Errorf("%s: %v, want %v", facet, got, want[facet])
		}
	}
}

func TestImportCountsWhatItRecords(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	id, _, _ := p.integration(token, "aws_cloudtrail", "Trail", nil)
	own := p.record(token, ownActivity("k-1", "jane@example.com", "APPROVE"))[0]
	push := p.get(token, `query($id: ID!) { activity(id: $id) { integration { id } } }`, map[string]any{"id": own}, "activity", "integration", "id").(string)
	tr := newTrail(t)

	// Beside the server: a pattern over a log file, a packed one that repeats a part of it, and lines.
	tr.write("a.json", logFile(tr.records(0, 100)))
	tr.write("b.json.gz", logFile(tr.records(80, 200)))
	tr.write("c.jsonl.gz", bytes.Join(tr.records(200, 250), []byte("\n")))
	pattern := filepath.Join(tr.folder, "*.json*")
	p.wantImport(imported{recorded: 250, repeated: 20}, "--integration", id, pattern)
	p.wantImport(imported{repeated: 270}, "--integration", id, pattern)
	p.wantCounts(token, id, tr.counts)

	// A file that breaks off gives what it held before, and the others are read.
	torn := bytes.TrimSuffix(logFile(tr.records(250, 260)), []byte(`}]}`))
	brokenOff := tr.write("torn", torn)
	noGzip := tr.write("no-gzip", []byte{0x1f, 0x8b, 'x'})
	whole := tr.write("whole", logFile(tr.records(260, 270)))
	p.wantImport(imported{recorded: 19, refused: 2, exit: 1, stderr: brokenOff}, "--integration", id, brokenOff, noGzip, whole)
	p.wantImport(imported{repeated: 19, refused: 2, exit: 1, stderr: noGzip}, "--integration", id, brokenOff, noGzip, whole)
	if count := p.count(token, id); count != 269 {
		t.Errorf("%d activities, want 269", count)
	}

	nothing := filepath.Join(tr.folder, "nothing*")
	p.wantImport(imported{exit: 1, stderr: nothing}, "--integration", id, nothing)
	for what, integration := range map[string]string{"unknown": "AQEAAA", "of what clients push": push} {
		if got := p.imports("--integration", integration, whole); got.exit != 1 || !strings.Contains(got.stderr, "annals: --integration: ") {
			t.Errorf("an integration %s: %+v", what, got)
		}
	}
	if got := p.imports("--integration", id, "--tenant", "elsewhere", whole); got.exit != 1 || !strings.Contains(got.stderr, "annals: --tenant: ") {
		t.Errorf("another tenant: %+v", got)
	}

	// Without a server.
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	mended := tr.write("torn", logFile(tr.records(250, 270)))
	p.wantImport(imported{recorded: 1, repeated: 19}, "--integration", id, mended)
	p.wantImport(imported{repeated: 20}, "--integration", id, mended)
	p = start(t, env, url)
	p.wantCounts(token, id, tr.counts)
}

// TestImportCountsRealFiles counts real log files by what CloudTrail itself says in them.
func TestImportCountsRealFiles(t *testing.T) {
	t.Parallel()
	folder := fixtures(t, "aws_cloudtrail")
	files, err := filepath.Glob(filepath.Join(folder, "invictus", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	tr := newTrail(t)
	for _, file := range files {
		for _, record := range cloudTrailRecords(t, file) {
			if tr.counted[record.EventID] {
				continue
			}
			tr.counted[record.EventID] = true
			tr.count("TYPE", "aws_cloudtrail."+strings.TrimSuffix(record.EventSource, ".amazonaws.com")+"."+record.EventName)
			tr.count("DAY", record.EventTime[:len(time.DateOnly)])
			if addr, err := netip.ParseAddr(record.SourceIPAddress); err == nil {
				tr.count("IP", addr.String())
			}
		}
	}
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	id, _, _ := p.integration(token, "aws_cloudtrail", "Trail", nil)
	if got := p.imports("--integration", id, filepath.Join(folder, "invictus", "*")); got.recorded != len(tr.counted) || got.exit != 0 {
		t.Errorf("%+v, want %d recorded", got, len(tr.counted))
	}
	counts := p.counts(token, id)
	for _, facet := range []string{"TYPE", "DAY", "IP"} {
		if !maps.Equal(counts[facet], tr.counts[facet]) {
			t.Errorf("%s: %v, want %v", facet, counts[facet], tr.counts[facet])
		}
	}
}
