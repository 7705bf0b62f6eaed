package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"annals/audit"
)

// Bounds of a batch, and of what is read of one tenant before the next has its turn. Every task costs the server some
// seconds in a large index, whatever it adds, so that batches are large: by default it takes up to 95 MB.
const (
	batchLines = 10_000
	batchBytes = 20 << 20
	portion    = 200
)

// line is the document of one activity.
type line struct {
	tenant audit.TenantID
	seq    int64
	json   []byte // with a line feed
}

func newLine(tenant audit.TenantID, seq int64, d document) (line, error) {
	json, err := d.line()
	return line{tenant, seq, json}, err
}

// batch is what one task adds, of any tenants.
type batch struct {
	lines   []line
	bytes   int
	ends    map[audit.TenantID]int64 // the positions behind it
	sent    time.Time
	task    int64
	refused error // why there is no task
}

func (b *batch) full() bool { return len(b.lines) >= batchLines || b.bytes >= batchBytes }

// read takes the next activities of all tenants, a portion of each in turn, so that the backlog of one does not hold
// up the others.
func (s *session) read(ctx context.Context) (*batch, error) {
	heads, err := s.ledger.Heads(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading heads: %w", err)
	}
	b := &batch{ends: map[audit.TenantID]int64{}}
	for more := true; more; {
		more = false
		for _, tenant := range s.turns(heads) {
			n, err := s.readPortion(ctx, b, tenant, heads[tenant])
			if err != nil {
				return nil, err
			}
			more = more || n > 0
		}
	}
	return b, nil
}

// turns are the tenants in order, beginning behind the one that was read last.
func (s *session) turns(heads map[audit.TenantID]int64) []audit.TenantID {
	tenants := slices.Sorted(maps.Keys(heads))
	first, found := slices.BinarySearch(tenants, s.last)
	if found {
		first++
	}
	return slices.Concat(tenants[first:], tenants[:first])
}

// readPortion adds some of a tenant's activities and gives their number.
func (s *session) readPortion(ctx context.Context, b *batch, tenant audit.TenantID, head int64) (int, error) {
	if s.next[tenant] >= head || b.full() {
		return 0, nil
	}
	activities, err := s.ledger.Follow(ctx, tenant, s.next[tenant], portion)
	if err != nil {
		return 0, fmt.Errorf("reading activities: %w", err)
	}
	for i, a := range activities {
		if b.full() {
			return i, nil
		}
		l, err := newLine(tenant, a.Seq, newDocument(a))
		if err != nil {
			return i, err
		}
		b.lines = append(b.lines, l)
		b.bytes += len(l.json)
		b.ends[tenant], s.next[tenant], s.last = a.Seq+1, a.Seq+1, tenant
	}
	return len(activities), nil
}

// add enqueues documents and gives the task.
func (x *Index) add(ctx context.Context, lines []line) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	var payload bytes.Buffer
	for _, l := range lines {
		payload.Write(l.json)
	}
	info, err := x.client.Index(x.uid).AddDocumentsNdjsonWithContext(ctx, payload.Bytes(),
		&meilisearch.DocumentOptions{PrimaryKey: new(attributeID)})
	x.note(ctx, err)
	if err != nil {
		return 0, fmt.Errorf("adding documents: %w", refusal(err))
	}
	return info.TaskUID, nil
}

// addNow adds documents and waits until they are indexed.
func (x *Index) addNow(ctx context.Context, lines []line) error {
	task, err := x.add(ctx, lines)
	if err != nil {
		return err
	}
	return x.await(ctx, task)
}

// refusal tells an upload that the server did not take from other failures.
func refusal(err error) error {
	switch code := errorCode(err); code {
	case "payload_too_large", "malformed_payload":
		return &taskError{status: meilisearch.TaskStatusFailed, code: code, kind: "invalid_request"}
	}
	return reason(err)
}

// blamesDocuments reports whether a failure may be the fault of a document.
func blamesDocuments(err error) bool {
	failure, ok := errors.AsType[*taskError](err)
	return ok && failure.documents()
}
