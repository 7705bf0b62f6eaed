package connectortest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"annals/audit"
	"annals/sync/connector"
)

const (
	laxCase        bug = "compares signatures whatever their case"
	laxEmpty       bug = "lets in who brings no signature"
	laxPrefix      bug = "compares as much as there is"
	laxSecret      bug = "takes the empty secret for one"
	checksNothing  bug = "checks no signature"
	checksFirst    bug = "knows the newest secret only"
	talksFirst     bug = "translates before it checks"
	freshOnReceipt bug = "makes up keys on receipt"
	panics         bug = "panics on what is no object"
	dropsBad       bug = "drops elements that it cannot read"
	rewritesBody   bug = "rewrites the raw bytes"
	blamesSender   bug = "takes a broken body for a forged one"
)

const fakeSignature = "X-Fake-Signature"

func fakeSign(secret string, body []byte) connector.Delivery {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body)
	return connector.Delivery{
		Header: http.Header{fakeSignature: {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}, Body: body,
	}
}

func fakeReceiverSuite(b bug) ReceiverSuite {
	registration := fakeRegistration(noBug)
	registration.Connector.CanPush = true
	made := 0
	registration.Open = func(connector.Config) (connector.Opened, error) { return &fakeReceiver{bug: b, made: &made}, nil }
	return ReceiverSuite{
		Registration:    registration,
		Settings:        map[string]any{"baseUrl": "https://api.example.com", "token": "t"},
		Sign:            fakeSign,
		SignatureHeader: fakeSignature,
		Covers:          true,
		Batches: []Batch{
			{Body: []byte(`[{"id":"1"}, {"id":"2"}]`), Keys: []string{"2", "1"}},
			{Body: []byte(`[{"id":"3"}, "bad"]`), Keys: []string{"3", connector.DigestKey(connector.ContentOrBytes([]byte(`"bad"`)))}},
			{Body: []byte(`[]`)},
		},
	}
}

type fakeReceiver struct {
	bug  bug
	made *int
}

func (r *fakeReceiver) Receive(d connector.Delivery, secrets []string) (connector.Received, error) {
	received := connector.Received{Feed: "records"}
	if r.bug == talksFirst {
		received.Drafts, _ = r.drafts(d.Body)
	}
	if !r.proves(d, secrets) {
		return received, connector.ErrSignature
	}
	var err error
	received.Drafts, err = r.drafts(d.Body)
	if err != nil && r.bug == blamesSender {
		return received, errors.Join(connector.ErrSignature, err)
	}
	return received, err
}

func (r *fakeReceiver) proves(d connector.Delivery, secrets []string) bool {
	got := d.Header.Get(fakeSignature)
	switch {
	case r.bug == checksNothing, r.bug == laxEmpty && got == "":
		return true
	case r.bug == checksFirst && len(secrets) > 1:
		secrets = secrets[:1]
	case r.bug == laxCase:
		got = strings.ToLower(got)
	}
	for _, secret := range secrets {
		want := fakeSign(secret, d.Body).Header.Get(fakeSignature)
		if r.bug == laxPrefix && len(got) > 1 && strings.HasPrefix(want, got) {
			return true
		}
		if hmac.Equal([]byte(got), []byte(want)) && (secret != "" || r.bug == laxSecret) {
			return true
		}
	}
	return false
}

func (r *fakeReceiver) drafts(body []byte) ([]audit.Draft, error) {
	records, err := connector.Objects(body)
	if err != nil {
		if r.bug == panics {
			panic("what is this?")
		}
		return nil, err
	}
	var drafts []audit.Draft
	for _, record := range records {
		content := connector.ContentOrBytes(record)
		var known struct{ ID string }
		if json.Unmarshal(record, &known) != nil || known.ID == "" {
			if r.bug == dropsBad {
				continue
			}
			known.ID = connector.DigestKey(content)
		}
		if *r.made++; r.bug == freshOnReceipt {
			content[0] ^= byte(*r.made)
		}
		raw := []byte(record)
		if r.bug == rewritesBody {
			raw = fmt.Appendf(nil, " %s ", record)
		}
		drafts = append(drafts, audit.Draft{
			Type: "fake.received", Action: audit.ActionOther, Category: audit.CategoryOther, Outcome: audit.OutcomeUnknown,
			Raw: raw, Key: known.ID, Content: content,
		})
	}
	return drafts, nil
}

func TestRunReceiverPassesWhatIsRight(t *testing.T) { RunReceiver(t, fakeReceiverSuite(noBug)) }

// TestRunReceiverFindsMistakes is the negative control.
func TestRunReceiverFindsMistakes(t *testing.T) {
	t.Parallel()
	for b, says := range map[bug]string{
		laxCase:        "a proof that is upper case was let in",
		laxEmpty:       "no proof was let in",
		laxPrefix:      "a proof that is cut was let in",
		laxSecret:      "an empty secret in force was let in",
		checksNothing:  "a body that was changed was let in",
		checksFirst:    "the signature is missing or wrong",
		talksFirst:     "was let in: 2 drafts",
		freshOnReceipt: "is no repeat when it is delivered again",
		panics:         "it panics",
		dropsBad:       `batch 1 gives ["3"] instead of`,
		rewritesBody:   "its raw bytes were not delivered",
		blamesSender:   `body "{}": the signature is missing or wrong`,
	} {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			s := fakeReceiverSuite(b)
			found := record(t, func(tb testing.TB) {
				s.genuine(tb)
				s.forged(tb)
				s.hostile(tb)
			})
			if !strings.Contains(found, says) {
				t.Errorf("the suite does not say %q but: %.2000s", says, found)
			}
		})
	}
}
