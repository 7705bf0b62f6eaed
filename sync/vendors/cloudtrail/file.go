package cloudtrail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"

	"annals/audit"
	"annals/sync/connector"
)

// files reads log files. It is what opens without an access key.
type files struct{}

// errDigest refuses the files with which CloudTrail proves its log files. They lie beside those and tell no activity.
var errDigest = errors.New("this is a digest file, which holds no activity")

// FileFeed implements connector.FileReader.
func (files) FileFeed() string { return management }

// ReadFile reads a log file of a trail, `{"Records":[…]}`, one with Insights included, and records as an array, one a
// line, or alone.
func (files) ReadFile(ctx context.Context, r io.Reader) iter.Seq2[audit.Draft, error] {
	return func(yield func(audit.Draft, error) bool) {
		for raw, err := range connector.Records(ctx, r, "Records") {
			if err == nil && isDigest(raw) {
				err = connector.Fail(connector.Malformed, errDigest)
			}
			if err != nil {
				yield(audit.Draft{}, err)
				return
			}
			if !yield(translate(raw), nil) {
				return
			}
		}
	}
}

func isDigest(raw []byte) bool {
	return bytes.Contains(raw, []byte(`"digestStartTime"`)) && bytes.Contains(raw, []byte(`"logFiles"`)) &&
		!bytes.Contains(raw, []byte(`"eventID"`))
}
