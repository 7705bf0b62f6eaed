// Package connector is the contract between the code for one vendor and the engine, with the HTTP toolkit and the
// translation helpers that vendors share.
//
// A vendor package exports one Registration. The engine opens it with an integration's settings and finds out by type
// assertion what the result can do: Fetcher, Receiver, FileReader.
package connector

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"annals/audit"
)

// Registration is what a vendor package exports.
type Registration struct {
	Connector audit.Connector
	// Open makes the vendor's code for one integration. It checks the settings as a whole and reaches no network.
	// Mistakes in the settings are *Failure of class ConfigurationWrong.
	Open func(Config) (Opened, error)
}

// Opened is the vendor's code for one integration: a Fetcher, a Receiver or a FileReader, or several of them.
type Opened any

// Config is what an integration gives to its vendor's code.
type Config struct {
	Settings Settings // plain settings and secrets by name, defaults filled in
	HTTP     *Client  // the only way out; guarded
	Now      func() time.Time
	Log      *slog.Logger
}

// Fetcher reads the vendor's API. Fetch is safe to repeat with the same request; it keeps nothing between calls.
type Fetcher interface {
	// Fetch reads one page. A *Failure says what the engine should do; any other error counts as TryLater.
	Fetch(ctx context.Context, r Request) (Page, error)
}

// Request asks for one page of a feed.
type Request struct {
	Feed string
	// State is the Next of the page before, nil for the first page of a window or of a live feed.
	State json.RawMessage
	// Window bounds a backfill or sweep. When nil the fetch is live: forward from Since, for ever.
	Window *audit.Window
	// Since is where a live feed without state begins.
	Since time.Time
}

// Page is one page of a feed.
type Page struct {
	Drafts []audit.Draft
	// Next is the state to go on from. It is stored in the same transaction as the drafts.
	Next json.RawMessage
	// More says that there is more to read now: the rest of a window, or of what a live feed has to catch up with.
	// When false a window is done, and a live feed waits for its next poll with Next.
	More bool
	// CompleteThrough is the time up to which the live feed has been read, zero when this page does not tell.
	CompleteThrough time.Time
}

// Receiver takes the vendor's webhooks.
type Receiver interface {
	// Receive checks and translates one delivery. secrets are those in force, newest first; one of them must fit.
	// ErrSignature means that the sender could not prove itself; nothing is then recorded.
	Receive(delivery Delivery, secrets []string) (Received, error)
}

// Delivery is one webhook request.
type Delivery struct {
	Header http.Header
	Body   []byte // exactly as received, bounded
	At     time.Time
}

// Received is what a delivery holds.
type Received struct {
	Feed   string
	Drafts []audit.Draft // none for a ping
	// Poke asks the engine to poll the feeds soon, since the vendor's API has news.
	Poke bool
}

// FileReader reads files that the vendor wrote: log files in a bucket, exports.
type FileReader interface {
	// ReadFile gives the drafts of a file, already decompressed. An error ends the file; a record that cannot be
	// read is a draft all the same.
	ReadFile(ctx context.Context, r io.Reader) iter.Seq2[audit.Draft, error]
	// FileFeed is the feed that files belong to.
	FileFeed() string
}

// Bounds of what is kept of one activity: a translation need not read longer lists to their end. Raw has the rest.
const (
	MaxTargets = 1000
	MaxChanges = 1000
)
