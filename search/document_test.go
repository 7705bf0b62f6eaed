package search

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"annals/audit"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	a := &audit.Activity{
		Tenant: 0x1f, Seq: 4242, IntegrationID: 7, Connector: "aws_cloudtrail", Path: audit.PathPoll,
		RecordedAt: time.UnixMicro(1_793_600_000_000_009),
		Draft: audit.Draft{
			Type: "aws_cloudtrail.iam.CreateAccessKey", Action: audit.ActionCreate, Category: audit.CategoryCredential,
			Outcome: audit.OutcomeDenied, OutcomeReason: "quota", Description: "Zoë asked for a key, a KEY",
			Actor:      &audit.Actor{Key: "zoe@example.com", Type: audit.ActorUser, VendorID: "U1", Name: "Zoë", Email: "Zoe@example.com"},
			OnBehalfOf: &audit.Actor{Key: "aws_cloudtrail:R", Type: audit.ActorService, VendorID: "R"},
			Targets: []audit.Target{
				{Key: "k1", Type: "user", Name: "東京"}, {Key: "k2", Type: "user", VendorID: "t-2"},
			},
			Changes:   []audit.Change{{Field: "status", After: new("Active")}},
			Origin:    audit.Origin{IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "cli/2", Location: &audit.Location{Country: "IN", City: "Pune"}},
			SessionID: "s", RequestID: "r", VendorID: "v",
			OccurredAt: time.UnixMicro(1_793_600_000_000_001),
			Metadata:   audit.JSON(`{"bucketName":"prod-logs"}`),
		},
	}
	want := map[string]any{
		"id": "t1f-4242", "tenant": "t1f", "seq": 4242.0, "t": 1_793_600_000_000_001.0, "recorded": 1_793_600_000_000_009.0,
		"what": "aws cloudtrail iam createaccesskey zoe asked for a key quota s r v",
		"who":  "u1 zoe example com r", "target": "user x06771 x04eac t 2", "ip": "203 0 113 9", "agent": "cli 2",
		"metadata": "status active prod logs", "parts": "create access key", "pairs": "203x0 0x113 113x9",
		"f_type": "aws_cloudtrail.iam.~43reate~41ccess~4bey", "f_action": "~43~52~45~41~54~45",
		"f_category": "~43~52~45~44~45~4e~54~49~41~4c", "f_integration": "7", "f_connector": "aws_cloudtrail",
		"f_outcome": "~44~45~4e~49~45~44", "f_agent": "cli/2", "f_session": "s", "f_request": "r", "f_id": "v",
		"f_path": "~50~4f~4c~4c", "f_ip": "203.0.113.9", "f_country": "~49~4e", "f_city": "~50une",
		"f_actor": "zoe@example.com", "f_actor_type": "~55~53~45~52", "f_actor_id": "~551", "f_actor_name": "~5ao~c3~ab",
		"f_actor_email": "~5aoe@example.com", "f_behalf": "aws_cloudtrail:~52", "f_behalf_type": "~53~45~52~56~49~43~45",
		"f_behalf_id": "~52", "f_target": []any{"k1", "k2"}, "f_target_type": []any{"user"},
		"f_target_id": []any{"t-2"}, "f_target_name": []any{"~e6~9d~b1~e4~ba~ac"},
	}
	got := stored(t, a)
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("the document has more: %v", got)
	}
}

// What a filter may ask for must be filterable, and what is stored must be asked for by something.
func TestDocumentAttributesAreSettled(t *testing.T) {
	t.Parallel()
	index := ours()
	a := &audit.Activity{IntegrationID: 1, Connector: "x", Path: "x", Draft: audit.Draft{
		Type: "x", Action: "x", Category: "x", Outcome: "x", Description: "x y", SessionID: "x", RequestID: "x", VendorID: "x",
		Actor:      &audit.Actor{Key: "x", Type: "x", VendorID: "x", Name: "x", Email: "x"},
		OnBehalfOf: &audit.Actor{Key: "x", Type: "x", VendorID: "x", Name: "x", Email: "x"},
		Targets:    []audit.Target{{Key: "x", Type: "x", VendorID: "x", Name: "x"}},
		Origin:     audit.Origin{IP: netip.MustParseAddr("::1"), UserAgent: "x", Location: &audit.Location{Country: "x", City: "x"}},
		Metadata:   audit.JSON(`["oneTwo"]`),
	}}
	count := 0
	for name := range stored(t, a) {
		if strings.HasPrefix(name, "f_") {
			count++
			if !index.allows(name, "=") || index.allows(name, "<") {
				t.Errorf("%s is not filterable by equality alone", name)
			}
		}
	}
	if want := len(index.filterable[0].AttributePatterns) - 1; count != want {
		t.Errorf("%d exact values in a full document, %d filterable", count, want)
	}
	for _, name := range []string{"seq", "t", "recorded"} {
		if !index.allows(name, "=") || !index.allows(name, "<") {
			t.Errorf("%s is not comparable", name)
		}
	}
}

// No word of a very long activity is lost: what one attribute cannot hold goes to the next.
func TestDocumentSpillsWords(t *testing.T) {
	t.Parallel()
	metadata, err := json.Marshal(manyWords(mostWords + 500))
	if err != nil {
		t.Fatal(err)
	}
	document := stored(t, &audit.Activity{Draft: audit.Draft{Metadata: metadata, Description: audit.Text(manyWords(mostWords + 300))}})
	for name, want := range map[string]int{wordsMetadata: mostWords, wordsWhat: mostWords, wordsMore: 500} {
		text, _ := document[name].(string)
		if got := len(strings.Fields(text)); got != want {
			t.Errorf("%s has %d words, want %d", name, got, want)
		}
	}
	if !says(document, fmt.Sprintf(`"w%d"`, mostWords+499)) {
		t.Error("the last word is not found")
	}
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                             ``,
		"* -":                          ``,
		"Repo deleted repo":            `"deleted" "repo"`,
		`"production database"`:        `"production" "database"`,
		"repo-42*":                     `"repo" 42`,
		"a* bbb* cc":                   `"cc" bbb`,
		"prefix*":                      `pref`,
		"дом*":                         `x004`,
		"203.0.113.9":                  `"0x113" "113x9" "203x0" "113" "203" "0" "9"`,
		"203.0.11*":                    `"203x0" "203" "0" 11`,
		"arn:12345:1":                  `"12345" "arn" "1"`,
		"東京 zoë":                       `"zoe" "x04eac" "x06771"`,
		"j i h g f e d c b a":          `"a" "b" "c" "d" "e" "f" "g" "h" "i"`,
		"j i h g f e d c b aaa zzz*":   `"aaa" "b" "c" "d" "e" "f" "g" "h" zzz`,
		"j i h g f e d zzz* zz* a-b-*": `"a" "b" "d" "e" "f" "g" "h" "i" zzz`,
	}
	for text, want := range tests {
		if got := question(audit.ParseText(text)); got != want {
			t.Errorf("%q is asked as %s, want %s", text, got, want)
		}
	}
}
