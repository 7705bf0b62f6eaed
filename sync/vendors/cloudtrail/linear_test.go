package cloudtrail

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"annals/sync/connector"
	"annals/sync/connector/connectortest"
)

// TestReadFileLinear: no member of a record may have all others looked through for it.
func TestReadFileLinear(t *testing.T) {
	t.Parallel()
	many := connectortest.Many
	wide := `{` + many(150_000, `"k#":#`) + `}`
	modify := `{"eventSource":"ec2.amazonaws.com","eventName":"ModifyInstanceAttribute","requestParameters":`
	connectortest.RunLinear(t, map[string]string{
		"members":     wide,
		"parameters":  `{"requestParameters":` + wide + `}`,
		"answer":      `{"eventName":"ConsoleLogin","responseElements":` + wide + `}`,
		"identity":    `{"userIdentity":` + wide + `}`,
		"session":     `{"userIdentity":{"sessionContext":` + wide + `}}`,
		"issuer":      `{"userIdentity":{"sessionContext":{"sessionIssuer":` + wide + `}}}`,
		"person":      `{"userIdentity":{"type":"IdentityCenterUser","onBehalfOf":` + wide + `}}`,
		"attributes":  modify + `{` + many(150_000, `"k#":{"value":#}`) + `}}`,
		"instances":   modify + `{"instancesSet":{"items":[` + many(100_000, `{"instanceId":"i-#"}`) + `]}}}`,
		"resources":   `{"resources":[` + many(100_000, `{"ARN":"arn:aws:s3:::b#"}`) + `]}`,
		"no lists":    `{` + many(200_000, `"k#":[]`) + `}`,
		"empty lists": `{` + many(200_000, `"Records":[]`) + `}`,
		"records":     `{"Records":[` + many(100_000, `{"eventID":"#"}`) + `]}`,
	}, func(document []byte) {
		for _, err := range (files{}).ReadFile(t.Context(), bytes.NewReader(document)) {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestBounds: of lists that are longer than is kept, the first are read.
func TestBounds(t *testing.T) {
	t.Parallel()
	const n = connector.MaxTargets + 7
	for name, record := range map[string]string{
		"resources": `{"resources":[` + connectortest.Many(n, `{"ARN":"arn:aws:s3:::b#"}`) + `]}`,
		"instances": `{"eventSource":"ec2.amazonaws.com","requestParameters":{"instancesSet":{"items":[` + connectortest.Many(n, `{"instanceId":"i-#"}`) + `]}}}`,
	} {
		if draft := translate([]byte(record)); len(draft.Targets) != connector.MaxTargets {
			t.Errorf("%d %s are targets", len(draft.Targets), name)
		}
	}
	record := `{"eventSource":"ec2.amazonaws.com","eventName":"ModifyInstanceAttribute","requestParameters":{` + connectortest.Many(n, `"k#":{"value":#}`) + `}}`
	if draft := translate([]byte(record)); len(draft.Changes) != connector.MaxChanges || draft.Changes[0].Field != "k0" {
		t.Errorf("%d changes", len(draft.Changes))
	}
}

// TestReadFileStops: who shuts down does not wait for the rest of a file, though it is in memory already.
func TestReadFileStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := 0
	var last error
	for _, err := range (files{}).ReadFile(ctx, bytes.NewReader([]byte(`{"Records":[{},{},{},{}]}`))) {
		if last = err; err == nil {
			read++
		}
		if read == 2 {
			cancel()
		}
	}
	if read != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d records were read, and then there was the error %v", read, last)
	}
}
