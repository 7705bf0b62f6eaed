package engine

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

// hostileTexts are what vendors' users may have put into any text.
var hostileTexts = []string{
	"\x00", "ad\x00min", `\u0000`, `\\u0000`, "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "\ufeffx", "\u202Enimda", "\u2066\u2067",
	"jane\u200d@example.com", "jane@ex\u0430mple.com", "a" + strings.Repeat("\u0301", 10_000), strings.Repeat("👩‍🚀", 3000), "e\u0301", "ıİ",
	"\u2028\u2029", "\x1b]8;;https://example.com\x07", "a\r\nb: c", "\U000E0041\U000E0042", strings.Repeat("\x80", 20_000),
	strings.Repeat("k", 1<<20), "'; drop table activities; --", `\'`, "?", "?0", "$1", "%s%n", "{{7*7}}", "${jndi:ldap://example.com}",
	"=HYPERLINK(\"https://example.com\")", "+cmd|'/c'", "\uff1d1+1", "<img src=x onerror=alert(1)>", `x" OR tenant != "`, "tenant_id",
	"\\.", "\\N", "\t", "", " ", "null", "{}", "{a,b}", "\"", "\\",
}

var hostileMetadata = []string{
	`{"\u0000":"\u0000"}`, `{"a":"\ud800","b":"\udfff\ud800"}`, `{"action":1,"action":2}`, `{"__proto__":{},"":0,"a.b$":1}`, `null`, `[]`, `""`, `{`,
	`{}{}`, `{"a":NaN}`, `{"a":1e131071}`, `{"a":[` + strings.Repeat("1e131071,", 1000) + `0]}`, `{"a":9007199254740993,"b":-0,"c":1E2,"d":1.0}`,
	strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), `{"a":` + strings.Repeat(`{"a":`, 65) + "0" + strings.Repeat("}", 66),
	`{"` + strings.Repeat("k", 1<<20) + `":1}`, "{\"a\":\"\xff\"}", "\ufeff{}", "{\"a\":\"\x00\"}", `{"a":"` + strings.Repeat(`\u0000`, 40_000) + `"}`,
}

var hostileTimes = []time.Time{
	{},
	time.Unix(0, 0), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(294_277, 1, 9, 4, 0, 54, 775_807_000, time.UTC), time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(1_764_000_000_000, 0),
	time.Date(2026, 6, 30, 23, 59, 60, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 1, time.FixedZone("", 25*3600)),
}

// hostile makes a draft all of whose texts are one.
func hostile(text string) audit.Draft {
	t := audit.Text(text)
	actor := &audit.Actor{Key: text, Type: audit.ActorType(text), VendorID: t, Name: t, Email: t}
	behalf := *actor
	return audit.Draft{
		Type: text, Action: audit.Action(text), Category: audit.Category(text), Outcome: audit.Outcome(text), Description: t, Actor: actor,
		OnBehalfOf: &behalf, Targets: []audit.Target{{Key: text, Type: text, VendorID: t, Name: t}}, OutcomeReason: t, SessionID: t, RequestID: t,
		Origin:   audit.Origin{UserAgent: t, Location: &audit.Location{Country: t, Region: t, City: t, ASOrganization: t, Source: audit.LocationVendor}},
		VendorID: t, Changes: []audit.Change{{Field: text, Before: new(text), After: new(text)}}, Metadata: audit.JSON(`{"a":` + jsonText(text) + `}`),
		Raw: []byte(text), Key: text, OccurredAt: noon,
	}
}

func jsonText(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text can always be written
	}
	return string(quoted)
}

// TestHostileDraftsAreRecorded: in one batch with good ones, none stops the others, and all can be read again.
func TestHostileDraftsAreRecorded(t *testing.T) {
	t.Parallel()
	d := openDatabase(t)
	tenant, err := newTenant(t.Context(), d, "acme")
	if err != nil {
		t.Fatal(err)
	}
	drafts := plainDrafts(10)
	for _, text := range hostileTexts {
		drafts = append(drafts, hostile(text))
	}
	for n, document := range hostileMetadata {
		drafts = append(drafts, audit.Draft{Key: fmt.Sprint("metadata ", n), Raw: []byte(document), Metadata: audit.JSON(document), OccurredAt: noon})
	}
	for n, at := range hostileTimes {
		drafts = append(drafts, audit.Draft{Key: fmt.Sprint("time ", n), OccurredAt: at, Origin: audit.Origin{IP: netip.MustParseAddr("fe80::1%eth0")}})
	}
	var raws []string
	for _, draft := range drafts {
		raws = append(raws, string(draft.Raw))
	}
	source := Source{Tenant: tenant, IntegrationID: 2, Connector: "test", Feed: "main", Path: audit.PathPoll}
	receipt, err := NewRecorder(d, nil, time.Now).Record(t.Context(), source, drafts, nil)
	if err != nil || receipt.Recorded != len(drafts) {
		t.Fatalf("%d of %d recorded, %v", receipt.Recorded, len(drafts), err)
	}
	activities, err := d.Follow(t.Context(), tenant, 0, len(drafts)+1)
	if err != nil || len(activities) != len(drafts) {
		t.Fatalf("%d of %d read again, %v", len(activities), len(drafts), err)
	}
	view := audit.NewView(tenant, nil, int64(len(drafts)), time.Now())
	for n, a := range activities {
		if !a.Action.Valid() || !a.Category.Valid() || !a.Outcome.Valid() || a.OccurredAt.Before(earliest) || a.OccurredAt.After(latest) {
			t.Errorf("%d: %+v", n, a)
		}
		if len(a.Metadata) > 0 && !json.Valid(a.Metadata) {
			t.Errorf("%d: metadata %.80s", n, a.Metadata)
		}
		raw, err := d.Raw(t.Context(), view, a.Seq)
		if err != nil || string(raw.Bytes) != raws[n] {
			t.Errorf("%d: raw %.40q, %v, want %.40q", n, raw.Bytes, err, raws[n])
		}
	}
	again, err := NewRecorder(d, nil, time.Now).Record(t.Context(), source, drafts, nil)
	if err != nil || again.Recorded != 0 {
		t.Errorf("recorded %d once more, %v: what was made fit must not be taken for another version", again.Recorded, err)
	}
}
