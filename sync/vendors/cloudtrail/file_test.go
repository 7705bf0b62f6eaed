package cloudtrail

import (
	"os"
	"strings"
	"testing"

	"annals/audit"
	"annals/sync/connector"
)

func readText(t *testing.T, text string) ([]audit.Draft, error) {
	t.Helper()
	var drafts []audit.Draft
	for draft, err := range (files{}).ReadFile(t.Context(), strings.NewReader(text)) {
		if err != nil {
			return drafts, err
		}
		drafts = append(drafts, draft)
	}
	return drafts, nil
}

func TestReadFileShapes(t *testing.T) {
	t.Parallel()
	one, two := `{"eventID":"1","eventName":"A"}`, `{"eventID":"2","eventName":"B"}`
	for name, text := range map[string]string{
		"log file":      `{"Records":[` + one + `,` + two + `]}`,
		"array":         `[` + one + `,` + two + `]`,
		"lines":         one + "\n" + two + "\n",
		"two log files": `{"Records":[` + one + `]}` + `{"Records":[` + two + `]}`,
	} {
		drafts, err := readText(t, text)
		if err != nil || len(drafts) != 2 || string(drafts[0].Raw) != one || string(drafts[1].Raw) != two {
			t.Errorf("%s: %d drafts, error %v", name, len(drafts), err)
		}
	}
	if drafts, err := readText(t, one); err != nil || len(drafts) != 1 {
		t.Errorf("a record alone: %d drafts, error %v", len(drafts), err)
	}
}

func TestReadFileRefusesDigests(t *testing.T) {
	t.Parallel()
	digest := `{"awsAccountId":"111122223333","digestStartTime":"2026-01-19T20:00:00Z","digestEndTime":"2026-01-19T21:00:00Z",` +
		`"digestS3Bucket":"example","previousDigestSignature":"00","logFiles":[{"s3Bucket":"example","hashValue":"00"}]}`
	drafts, err := readText(t, digest)
	if connector.ClassOf(err) != connector.Malformed || len(drafts) != 0 || !strings.Contains(err.Error(), "digest file") {
		t.Errorf("a digest file gave %d drafts and error %v", len(drafts), err)
	}
}

func TestReadFileEndsWithAnError(t *testing.T) {
	t.Parallel()
	drafts, err := readText(t, `{"Records":[{"eventID":"1"},{"eventID":`)
	if len(drafts) != 1 || connector.ClassOf(err) != connector.Malformed {
		t.Errorf("a torn file gave %d drafts and error %v", len(drafts), err)
	}
}

func BenchmarkReadFile(b *testing.B) {
	records, err := os.ReadFile("testdata/records.json")
	if err != nil {
		b.Fatal(err)
	}
	file, n := strings.Repeat(string(records), 100), 0
	for b.Loop() {
		n = 0
		for _, err := range (files{}).ReadFile(b.Context(), strings.NewReader(file)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
	b.ReportMetric(float64(len(file)/n), "B/record")
}
