package simulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var cloudTrailNow = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func newTestCloudTrail(faults *Faults) *CloudTrail {
	c := NewCloudTrail(Options{Seed: 7, Now: func() time.Time { return cloudTrailNow }, Faults: faults})
	c.PerSecond = 0
	c.Generate(cloudTrailNow.Add(-4*time.Hour), cloudTrailNow)
	return c
}

// call sends a body as the SDK's signer signs it.
func call(t *testing.T, c *CloudTrail, region, secret string, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://cloudtrail."+region+".amazonaws.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", cloudTrailTarget)
	credentials := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: secret, SessionToken: c.SessionToken}
	err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hexSum([]byte(body)), "cloudtrail", region, cloudTrailNow)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, c, r)
}

func serve(t *testing.T, c *CloudTrail, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, answer
}

// walkRegion reads the records of a region to the end.
func walkRegion(t *testing.T, c *CloudTrail, region string) (records []string) {
	t.Helper()
	token := ""
	for {
		body := `{"StartTime":1772400000,"EndTime":1772452800,"NextToken":` + string(mustJSON(t, token)) + `}`
		status, answer := call(t, c, region, c.SecretAccessKey, body)
		if status != http.StatusOK {
			t.Fatalf("status %d: %v", status, answer)
		}
		for _, event := range answer["Events"].([]any) {
			records = append(records, event.(map[string]any)["CloudTrailEvent"].(string))
		}
		if token, _ = answer["NextToken"].(string); token == "" {
			return records
		}
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCloudTrailWalk(t *testing.T) {
	t.Parallel()
	c := newTestCloudTrail(nil)
	total := 0
	for _, region := range c.Regions {
		records := walkRegion(t, c, region)
		times := make([]string, len(records))
		for i, record := range records {
			var r cloudTrailRecord
			if err := json.Unmarshal([]byte(record), &r); err != nil || r.AWSRegion != region {
				t.Fatalf("record of %s: %v: %s", region, err, record)
			}
			times[i] = r.EventTime
		}
		slices.Reverse(times)
		if !slices.IsSorted(times) {
			t.Errorf("%s is not newest first", region)
		}
		total += len(records)
	}
	if want := len(c.Items("management")); total != want || want < 300 {
		t.Errorf("walked through %d records of %d", total, want)
	}
}

func TestCloudTrailIsTheSameForASeed(t *testing.T) {
	t.Parallel()
	a, b := newTestCloudTrail(nil), newTestCloudTrail(nil)
	if !slices.EqualFunc(a.Items(""), b.Items(""), func(x, y Item) bool { return x.Key == y.Key && bytes.Equal(x.Body, y.Body) }) {
		t.Error("two accounts of one seed lead different lives")
	}
}

func TestCloudTrailRefuses(t *testing.T) {
	t.Parallel()
	c := newTestCloudTrail(nil)
	secret := c.SecretAccessKey
	_, first := call(t, c, "us-east-1", secret, `{"StartTime":1772400000}`)
	token := string(mustJSON(t, first["NextToken"]))
	tests := map[string]struct {
		region, secret, body, code string
	}{
		"wrong secret":              {"us-east-1", "wrong", `{}`, "InvalidSignatureException"},
		"unknown region":            {"ap-east-1", secret, `{}`, "UnrecognizedClientException"},
		"token with another time":   {"us-east-1", secret, `{"StartTime":1772400001,"NextToken":` + token + `}`, "InvalidNextTokenException"},
		"token of another region":   {"us-west-2", secret, `{"StartTime":1772400000,"NextToken":` + token + `}`, "InvalidNextTokenException"},
		"token of nobody":           {"us-east-1", secret, `{"NextToken":"x"}`, "InvalidNextTokenException"},
		"time that ends before":     {"us-east-1", secret, `{"StartTime":1772400001,"EndTime":1772400000}`, "InvalidTimeRangeException"},
		"page that is too large":    {"us-east-1", secret, `{"MaxResults":51}`, "InvalidMaxResultsException"},
		"attribute that is unknown": {"us-east-1", secret, `{"LookupAttributes":[{"AttributeKey":"Color","AttributeValue":"red"}]}`, "InvalidLookupAttributesException"},
		"category that is unknown":  {"us-east-1", secret, `{"EventCategory":"data"}`, "InvalidEventCategoryException"},
		"body that is no JSON":      {"us-east-1", secret, `{`, "SerializationException"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := call(t, c, test.region, test.secret, test.body)
			code, _ := answer["__type"].(string)
			if status != http.StatusBadRequest || !strings.HasSuffix(code, test.code) {
				t.Errorf("status %d with %q, want 400 with %s", status, code, test.code)
			}
		})
	}
	unsigned := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`))
	unsigned.Header.Set("Content-Type", "application/x-amz-json-1.1")
	unsigned.Header.Set("X-Amz-Target", cloudTrailTarget)
	if status, answer := serve(t, c, unsigned); status != http.StatusBadRequest || answer["__type"] != "MissingAuthenticationTokenException" {
		t.Errorf("without a signature: status %d, %v", status, answer)
	}
}

func TestCloudTrailThrottles(t *testing.T) {
	t.Parallel()
	c := newTestCloudTrail(nil)
	c.PerSecond = 2
	throttled := 0
	for range 10 {
		status, answer := call(t, c, "us-east-1", c.SecretAccessKey, `{}`)
		if status == http.StatusBadRequest && answer["__type"] == "ThrottlingException" {
			throttled++
		}
	}
	if throttled != 7 {
		t.Errorf("%d of 10 calls at once were throttled, want 7", throttled)
	}
	if status, _ := call(t, c, "us-west-2", c.SecretAccessKey, `{}`); status != http.StatusOK {
		t.Errorf("another region answers with status %d", status)
	}
}

func TestCloudTrailAttributes(t *testing.T) {
	t.Parallel()
	c := newTestCloudTrail(nil)
	_, answer := call(t, c, "us-east-1", c.SecretAccessKey, `{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"ConsoleLogin"}]}`)
	events := answer["Events"].([]any)
	if len(events) == 0 {
		t.Fatal("nobody signed in")
	}
	for _, event := range events {
		if name := event.(map[string]any)["EventName"]; name != "ConsoleLogin" {
			t.Errorf("looked up ConsoleLogin and got %v", name)
		}
	}
}

func TestCloudTrailLogFiles(t *testing.T) {
	t.Parallel()
	c := newTestCloudTrail(nil)
	files := c.LogFiles(cloudTrailNow.Add(-4*time.Hour), cloudTrailNow)
	seen := map[string]bool{}
	for _, file := range files {
		if !strings.HasPrefix(file.Key, "AWSLogs/111122223333/CloudTrail/") || !strings.HasSuffix(file.Key, ".json.gz") {
			t.Errorf("key %s", file.Key)
		}
		reader, err := gzip.NewReader(bytes.NewReader(file.Body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		var log struct{ Records []json.RawMessage }
		if err := json.Unmarshal(text, &log); err != nil {
			t.Fatal(err)
		}
		for _, record := range log.Records {
			seen[string(record)] = true
		}
	}
	for _, item := range c.Items("management") {
		if !seen[string(item.Body)] {
			t.Errorf("%s is in no file", item.Key)
		}
	}
}
