package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"annals/audit"
)

// Ledger is the raw read by seq that followers have.
type Ledger interface {
	// Heads gives the number of activities of every tenant.
	Heads(ctx context.Context) (map[audit.TenantID]int64, error)
	// Follow gives a tenant's activities from a seq on, by seq and without gaps, at most limit.
	Follow(ctx context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error)
}

// Follower fills the index from the ledger.
type Follower struct {
	index    *Index
	ledger   Ledger
	setAside atomic.Int64
}

// NewFollower makes a follower of the ledger.
func NewFollower(index *Index, ledger Ledger) *Follower {
	return &Follower{index: index, ledger: ledger}
}

// SetAside is how many activities Meilisearch refused since the start. Postgres alone finds them.
func (f *Follower) SetAside() int64 { return f.setAside.Load() }

// Pauses of the follower.
const (
	tick       = time.Second // between looks at a ledger with nothing new, and at least between small batches
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Run fills the index until the context ends, whatever fails on the way: the backlog stays in Postgres. Two followers
// do no harm, since documents have ids, but work twice: run it under a lease, and end the context when that is lost.
func (f *Follower) Run(ctx context.Context) {
	pause := firstRetry
	for {
		s := &session{Follower: f, next: map[audit.TenantID]int64{}}
		err := s.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.progressed {
			pause = firstRetry
		}
		f.index.log.WarnContext(ctx, "the search index does not follow the ledger", "error", err, "again_in", pause)
		if sleep(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// errReplaced: the index is not what was filled so far.
var errReplaced = errors.New("the index was deleted, replaced or emptied")

// session is the follower's work from one failure to the next. It begins with what Postgres and the index say.
type session struct {
	*Follower
	born       time.Time                // of the index that is filled
	next       map[audit.TenantID]int64 // seq to read next, of the tenants seen so far
	last       audit.TenantID           // read last: the next batch begins with its successor
	inFlight   []*batch                 // at the server, oldest first
	quietUntil time.Time                // nothing is read before
	progressed bool
	caughtUp   bool
}

// maxInFlight is how many tasks wait at the server: a new batch waits there for all that came before it.
const maxInFlight = 2

func (s *session) run(ctx context.Context) error {
	if err := s.ensure(ctx); err != nil {
		return err
	}
	for {
		if err := s.step(ctx); err != nil {
			return err
		}
	}
}

func (s *session) step(ctx context.Context) error {
	switch {
	case len(s.inFlight) > 0 && !s.inFlight[len(s.inFlight)-1].full():
		return s.settle(ctx)
	case len(s.inFlight) < maxInFlight && !s.index.now().Before(s.quietUntil):
		return s.send(ctx)
	case len(s.inFlight) > 0:
		return s.settle(ctx)
	}
	return s.idle(ctx)
}

// ensure finds the index with all that was put into it, or begins anew.
func (s *session) ensure(ctx context.Context) error {
	born, ok, err := s.index.find(ctx)
	if err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	lost := false
	if ok {
		if lost, err = s.lost(ctx); err != nil {
			return err
		}
	}
	s.born = born
	if ok && !lost {
		return nil
	}
	s.index.log.InfoContext(ctx, "filling the search index from the start", "index", s.index.uid)
	// Positions go back first: a question that meets the empty index must not believe that it is full.
	if err := s.rewind(ctx); err != nil || ok {
		return err
	}
	if err := s.index.create(ctx); err != nil {
		return err
	}
	if s.born, ok, err = s.index.find(ctx); err == nil && !ok {
		err = errReplaced
	}
	return err
}

// load takes over the stored positions.
func (s *session) load(ctx context.Context) error {
	heads, err := s.ledger.Heads(ctx)
	if err != nil {
		return fmt.Errorf("reading heads: %w", err)
	}
	for tenant := range heads {
		if s.next[tenant], err = s.index.positions.Position(ctx, tenant, s.index.uid); err != nil {
			return fmt.Errorf("reading the position: %w", err)
		}
	}
	return nil
}

func (s *session) rewind(ctx context.Context) error {
	for tenant, position := range s.next {
		if position == 0 {
			continue
		}
		if err := s.index.positions.SetPosition(ctx, tenant, s.index.uid, 0); err != nil {
			return fmt.Errorf("taking the position back: %w", err)
		}
		s.next[tenant] = 0
	}
	return nil
}

// lost reports whether the index has fewer documents than were put into it: somebody emptied it, or the server was
// restored from an older copy.
func (s *session) lost(ctx context.Context) (bool, error) {
	var want int64
	for _, position := range s.next {
		want += position
	}
	have, err := s.index.count(ctx)
	return have < want, err
}

// send reads a batch and hands it to the server.
func (s *session) send(ctx context.Context) error {
	b, err := s.read(ctx)
	if err != nil {
		return err
	}
	b.sent = s.index.now()
	if !b.full() {
		s.quietUntil = b.sent.Add(tick)
	}
	if len(b.lines) == 0 {
		return nil
	}
	b.task, b.refused = s.index.add(ctx, b.lines)
	if b.refused != nil && !blamesDocuments(b.refused) {
		return b.refused
	}
	s.inFlight = append(s.inFlight, b)
	return nil
}

// settle waits for the oldest batch and moves the positions behind it.
func (s *session) settle(ctx context.Context) error {
	b := s.inFlight[0]
	err := b.refused
	if err == nil {
		err = s.index.await(ctx, b.task)
	}
	if blamesDocuments(err) {
		s.index.log.WarnContext(ctx, "a batch of the search index failed", "activities", len(b.lines), "error", err)
		err = s.addHalves(ctx, b.lines)
	}
	if err != nil {
		return err
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	for tenant, end := range b.ends {
		if err := s.index.positions.SetPosition(ctx, tenant, s.index.uid, end); err != nil {
			return fmt.Errorf("moving the position: %w", err)
		}
	}
	s.inFlight, s.progressed = s.inFlight[1:], true
	s.pause(b)
	return nil
}

// pause leaves the server alone behind a small batch, for as long as that took: whatever a task adds, the server goes
// through all words of the index, so that a trickle would keep it busy for ever.
func (s *session) pause(b *batch) {
	if now := s.index.now(); !b.full() {
		s.quietUntil = now.Add(max(tick, now.Sub(b.sent)))
	}
}

// addHalves adds a failed batch again in halves, down to the document that is the cause: every task that the server
// merged with it failed as well.
func (s *session) addHalves(ctx context.Context, lines []line) error {
	if len(lines) == 1 {
		return s.replace(ctx, lines[0])
	}
	middle := len(lines) / 2
	for _, half := range [][]line{lines[:middle], lines[middle:]} {
		err := s.index.addNow(ctx, half)
		if blamesDocuments(err) {
			err = s.addHalves(ctx, half)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace puts an empty document in the place of one that fails alone. Where that fails too, the document is not the
// cause.
func (s *session) replace(ctx context.Context, l line) error {
	empty, err := newLine(l.tenant, l.seq, husk(l.tenant, l.seq))
	if err != nil {
		return err
	}
	if err := s.index.addNow(ctx, []line{empty}); err != nil {
		return err
	}
	s.setAside.Add(1)
	s.index.log.ErrorContext(ctx, "the search index cannot take an activity", "tenant", int64(l.tenant), "seq", l.seq)
	return nil
}

// check makes sure that the index is still the one that was filled: a document makes a missing one anew, with settings
// of the server's choice.
func (s *session) check(ctx context.Context) error {
	born, ok, err := s.index.find(ctx)
	if err == nil && (!ok || !born.Equal(s.born)) {
		return errReplaced
	}
	return err
}

// idle waits for something new in the ledger. Once everything is indexed, the indexes of other versions go.
func (s *session) idle(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if lost, err := s.lost(ctx); lost || err != nil {
		return cmp.Or(err, errReplaced)
	}
	if !s.caughtUp {
		s.caughtUp = true
		if err := s.index.retire(ctx); err != nil {
			s.index.log.WarnContext(ctx, "search indexes of other versions stay", "error", err)
		}
	}
	return sleep(ctx, s.quietUntil.Sub(s.index.now()))
}
