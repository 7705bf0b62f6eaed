// Package search keeps an index of the ledger in Meilisearch and asks it which activities may answer a question in
// words. Postgres stays the truth: the index proposes candidates, the caller reads them under the View and checks them
// by Match, and where the index is away or cannot answer, Postgres answers alone. It can be deleted at any time.
//
// All activities lie in one index, with the tenant as a filter. Indexes by month would free disk when old ones are
// dropped, but nothing is ever dropped from the ledger, and one index keeps order and paging simple. The index's name
// carries the version of settings and words, so that a change of either fills a new index.
package search

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"annals/audit"
)

// Errors after which Postgres answers alone.
var (
	// ErrAway: Meilisearch does not answer, or its index is not ready.
	ErrAway = errors.New("the search index is away")
	// ErrUnsupported: the index cannot say what is asked, as a question without a word.
	ErrUnsupported = errors.New("the search index cannot answer this")
)

// Positions are where the follower keeps how far it has come, in Postgres.
type Positions interface {
	// Position is the number of activities of a tenant that are behind a follower, 0 for a new one.
	Position(ctx context.Context, tenant audit.TenantID, follower string) (int64, error)
	// SetPosition moves it, forward or back.
	SetPosition(ctx context.Context, tenant audit.TenantID, follower string, position int64) error
}

// Options say where Meilisearch is.
type Options struct {
	URL       string // MEILI_URL
	APIKey    string // MEILI_API_KEY; empty for a server without keys
	Positions Positions
	Log       *slog.Logger
	Now       func() time.Time
}

// Index is the index of this version of the program. It is safe for concurrent use.
type Index struct {
	client    meilisearch.ServiceManager
	positions Positions
	log       *slog.Logger
	now       func() time.Time
	uid       string
	restUntil atomic.Int64 // Unix nanoseconds before which a server that did not answer is left alone
}

// Open prepares the index without asking the server, which may be away.
func Open(o Options) (*Index, error) {
	address, err := url.Parse(o.URL)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return nil, errors.New("MEILI_URL: must be an address like http://127.0.0.1:7700")
	}
	return &Index{
		client:    newClient(strings.TrimRight(o.URL, "/"), o.APIKey, newTransport()),
		positions: o.Positions,
		log:       o.Log,
		now:       o.Now,
		uid:       indexName(),
	}, nil
}

// rest is how long a server that did not answer is left alone, so that it does not delay every question.
const rest = 5 * time.Second

// Available reports whether it is worth asking: the server answered last time, or has not been asked for a while.
func (x *Index) Available() bool { return x.now().UnixNano() >= x.restUntil.Load() }

// note remembers whether the server answered. A caller that gave up says nothing about it.
func (x *Index) note(ctx context.Context, err error) {
	switch {
	case err == nil || answered(err):
		x.restUntil.Store(0)
	case ctx.Err() == nil:
		x.restUntil.Store(x.now().Add(rest).UnixNano())
	}
}
