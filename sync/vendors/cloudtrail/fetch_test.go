package cloudtrail

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 5e8, time.UTC)

// openAt opens the connector for a fake that answers at an address.
func openAt(t *testing.T, values map[string]any) (connector.Opened, error) {
	t.Helper()
	raw := map[string]json.RawMessage{}
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		raw[name] = text
	}
	r := Registration()
	client := connector.NewClient(connector.ClientOptions{
		Guard: connector.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}),
		Now:   func() time.Time { return now },
	})
	t.Cleanup(client.CloseIdleConnections)
	return r.Open(connector.Config{
		Settings: connector.NewSettings(r.Connector.Settings, raw), HTTP: client, Now: func() time.Time { return now },
	})
}

// fakeAWS answers every request by a function of its body.
func fakeAWS(t *testing.T, answer func(w http.ResponseWriter, body string)) connector.Fetcher {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		region := strings.Split(r.Header.Get("Authorization"), "/")[2]
		answer(w, region+" "+string(body))
	}))
	t.Cleanup(server.Close)
	opened, err := openAt(t, map[string]any{
		"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret", "regions": []string{"us-east-1", "eu-west-1", "us-east-1"},
		"callsPerSecond": 1000, "baseUrl": server.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened.(connector.Fetcher)
}

// walk fetches to the end and gives the last page.
func walk(t *testing.T, f connector.Fetcher, r connector.Request) (last connector.Page, drafts int) {
	t.Helper()
	r.Feed = management
	for range 20 {
		page, err := f.Fetch(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		drafts += len(page.Drafts)
		if !page.More {
			return page, drafts
		}
		r.State = page.Next
	}
	t.Fatal("the walk does not end")
	return last, drafts
}

func TestFetchWalksRegionByRegion(t *testing.T) {
	t.Parallel()
	var asked []string
	f := fakeAWS(t, func(w http.ResponseWriter, body string) {
		asked = append(asked, body)
		next := ""
		if len(asked)%2 == 1 {
			next = `,"NextToken":"t"`
		}
		_, _ = io.WriteString(w, `{"Events":[{"EventId":"1","CloudTrailEvent":"{\"eventID\":\"é\"}"}]`+next+`}`)
	})
	window := audit.Window{From: now.Add(-time.Hour), To: now}
	last, drafts := walk(t, f, connector.Request{Window: &window})
	want := []string{
		`us-east-1 {"EndTime":1772452801,"StartTime":1772449200}`,
		`us-east-1 {"EndTime":1772452801,"NextToken":"t","StartTime":1772449200}`,
		`eu-west-1 {"EndTime":1772452801,"StartTime":1772449200}`,
		`eu-west-1 {"EndTime":1772452801,"NextToken":"t","StartTime":1772449200}`,
	}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") || drafts != 4 {
		t.Errorf("%d drafts, asked\n%s\nwant\n%s", drafts, strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	if !last.CompleteThrough.IsZero() {
		t.Errorf("a window says complete through %v", last.CompleteThrough)
	}
}

func TestFetchLiveReadsBackByTheOverlap(t *testing.T) {
	t.Parallel()
	var asked []string
	f := fakeAWS(t, func(w http.ResponseWriter, body string) {
		asked = append(asked, body)
		_, _ = io.WriteString(w, `{"Events":[]}`)
	})
	first, _ := walk(t, f, connector.Request{Since: now.Add(-time.Hour)})
	if want := now.Truncate(time.Second); !first.CompleteThrough.Equal(want) {
		t.Errorf("complete through %v, want %v", first.CompleteThrough, want)
	}
	walk(t, f, connector.Request{Since: now.Add(-time.Hour), State: first.Next})
	if want := `us-east-1 {"EndTime":1772452800,"StartTime":1772451000}`; len(asked) != 4 || asked[2] != want {
		t.Errorf("asked %q, want %q as the third", asked, want)
	}
}

func TestFetchLiveCatchesUpDayByDay(t *testing.T) {
	t.Parallel()
	f := fakeAWS(t, func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{"Events":[]}`) })
	r := connector.Request{Feed: management, Since: now.AddDate(0, 0, -3)}
	var complete []time.Time
	for range 10 {
		page, err := f.Fetch(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !page.CompleteThrough.IsZero() {
			complete = append(complete, page.CompleteThrough)
		}
		if r.State = page.Next; !page.More {
			break
		}
	}
	if len(complete) != 3 || !complete[2].Equal(now.Truncate(time.Second)) {
		t.Errorf("complete through %v, want three days one after the other", complete)
	}
}

func TestFetchState(t *testing.T) {
	t.Parallel()
	var asked string
	f := fakeAWS(t, func(w http.ResponseWriter, body string) {
		asked = body
		_, _ = io.WriteString(w, `{"Events":[]}`)
	})
	window := &audit.Window{From: now.Add(-time.Hour), To: now}
	gone := json.RawMessage(`{"from":"2026-03-02T10:00:00Z","to":"2026-03-02T11:00:00Z","region":"ap-east-1","token":"x"}`)
	ahead := json.RawMessage(`{"from":"2026-03-02T12:30:00Z","to":"2026-03-02T13:00:00Z"}`)
	tests := map[string]struct {
		request connector.Request
		want    string
	}{
		"a region that was taken out": {connector.Request{State: gone}, `us-east-1 {"EndTime":1772449200,"StartTime":1772445600}`},
		"the same in a window":        {connector.Request{State: gone, Window: window}, `us-east-1 {"EndTime":1772452801,"StartTime":1772449200}`},
		"a clock that went back":      {connector.Request{State: ahead}, `us-east-1 {"EndTime":1772456400,"StartTime":1772454600}`},
		"a beginning to come":         {connector.Request{Since: now.Add(time.Hour)}, `us-east-1 {"EndTime":1772456401,"StartTime":1772456400}`},
	}
	for name, test := range tests {
		if _, err := f.Fetch(t.Context(), test.request); err != nil || asked != test.want {
			t.Errorf("%s: asked %s, error %v, want %s", name, asked, err, test.want)
		}
	}
	if _, err := f.Fetch(t.Context(), connector.Request{State: json.RawMessage(`[]`)}); connector.ClassOf(err) != connector.StateRefused {
		t.Errorf("a state that is none: %v", err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   connector.Class
	}{
		"throttled":           {400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`, connector.RateLimited},
		"throttled by status": {429, `slow down`, connector.RateLimited},
		"token":               {400, `{"__type":"com.amazonaws.cloudtrail.v20131101#InvalidNextTokenException"}`, connector.StateRefused},
		"denied":              {400, `{"__type":"AccessDeniedException"}`, connector.CredentialsRefused},
		"unknown key":         {400, `{"__type":"UnrecognizedClientException"}`, connector.CredentialsRefused},
		"wrong secret":        {400, `{"__type":"InvalidSignatureException"}`, connector.CredentialsRefused},
		"expired":             {400, `{"__type":"ExpiredTokenException"}`, connector.CredentialsRefused},
		"time range":          {400, `{"__type":"com.amazonaws.cloudtrail.v20131101#InvalidTimeRangeException"}`, connector.ConfigurationWrong},
		"unknown code":        {400, `{"__type":"FrobnicationException"}`, connector.ConfigurationWrong},
		"forbidden page":      {403, `<html>Forbidden</html>`, connector.CredentialsRefused},
		"missing page":        {404, `<html>Not Found</html>`, connector.ConfigurationWrong},
		"internal":            {500, `{"__type":"InternalFailure"}`, connector.TryLater},
		"gateway":             {502, `<html>Bad Gateway</html>`, connector.TryLater},
		"web page":            {200, `<html>Sign in</html>`, connector.Malformed},
		"empty body":          {200, ``, connector.Malformed},
		"another answer":      {200, `{}`, connector.Malformed},
		"another type":        {200, `{"Events":"none"}`, connector.Malformed},
		"torn":                {200, `{"Events":[`, connector.TryLater},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fakeAWS(t, func(w http.ResponseWriter, _ string) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := f.Fetch(t.Context(), connector.Request{Feed: management, Since: now.Add(-time.Hour)})
			failure, ok := errors.AsType[*connector.Failure](err)
			if !ok || failure.Class != test.want {
				t.Fatalf("got %v, want class %s", err, test.want.Reason())
			}
			if want := test.want == connector.RateLimited; failure.Until.After(now) != want {
				t.Errorf("until %v", failure.Until)
			}
		})
	}
}

func TestFetchStopsAtTheSameToken(t *testing.T) {
	t.Parallel()
	f := fakeAWS(t, func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{"Events":[],"NextToken":"t"}`) })
	first, err := f.Fetch(t.Context(), connector.Request{Feed: management, Since: now.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Fetch(t.Context(), connector.Request{Feed: management, State: first.Next})
	if connector.ClassOf(err) != connector.Malformed {
		t.Errorf("a page that leads to itself: %v", err)
	}
}

func TestFetchKeepsEventsWithoutRecord(t *testing.T) {
	t.Parallel()
	f := fakeAWS(t, func(w http.ResponseWriter, _ string) {
		_, _ = io.WriteString(w, `{"Events":[{"EventId":"e1","EventName":"CreateUser","EventSource":"iam.amazonaws.com","EventTime":1772452000.0,`+
			`"ReadOnly":"false","Username":"alice","Resources":[{"ResourceType":"AWS::IAM::User","ResourceName":"bob"}]},{}]}`)
	})
	page, err := f.Fetch(t.Context(), connector.Request{Feed: management, Since: now.Add(-time.Hour)})
	if err != nil || len(page.Drafts) != 2 {
		t.Fatalf("%d drafts, error %v", len(page.Drafts), err)
	}
	draft := page.Drafts[0]
	if draft.Type != "aws_cloudtrail.iam.CreateUser" || draft.VendorID != "e1" || draft.Actor.Name != "alice" ||
		draft.OccurredAt.Unix() != 1772452000 || len(draft.Targets) != 1 {
		t.Errorf("got %+v", draft)
	}
	if page.Drafts[1].Key == "" || !page.Drafts[1].OccurredAt.IsZero() {
		t.Errorf("got %+v", page.Drafts[1])
	}
}

func TestFetchKeepsTheGuard(t *testing.T) {
	t.Parallel()
	opened, err := openAt(t, map[string]any{
		"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret", "baseUrl": "http://169.254.169.254/latest/meta-data",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = opened.(connector.Fetcher).Fetch(t.Context(), connector.Request{Feed: management, Since: now})
	if connector.ClassOf(err) != connector.AddressRefused {
		t.Errorf("a link-local address: %v", err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := fakeAWS(t, func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{"Events":[]}`) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ctx, connector.Request{Feed: management, Since: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	opened, err := openAt(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, fetches := opened.(connector.Fetcher); fetches {
		t.Error("without an access key it fetches")
	}
	if reader, ok := opened.(connector.FileReader); !ok || reader.FileFeed() != management {
		t.Error("without an access key it reads no files")
	}
	for name, values := range map[string]map[string]any{
		"key without secret": {"accessKeyId": "AKIAEXAMPLE"},
		"secret without key": {"secretAccessKey": "secret"},
		"no region":          {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret", "regions": []string{}},
		"region that is a host": {
			"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret", "regions": []string{"evil.example.com/"},
		},
		"no calls": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "secret", "callsPerSecond": 0},
	} {
		if _, err := openAt(t, values); connector.ClassOf(err) != connector.ConfigurationWrong || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
