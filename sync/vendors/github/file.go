package github

import (
	"context"
	"io"
	"iter"

	"annals/audit"
	"annals/sync/connector"
)

// FileFeed is the feed of the audit log: a stream's files mix Git activities with the others.
func (a *account) FileFeed() string { return feedWeb }

// ReadFile reads what GitHub streams to a bucket, or exports: one JSON object a line, or one array of them.
func (a *account) ReadFile(ctx context.Context, r io.Reader) iter.Seq2[audit.Draft, error] {
	return func(yield func(audit.Draft, error) bool) {
		for raw, err := range connector.Records(ctx, r, "") {
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
