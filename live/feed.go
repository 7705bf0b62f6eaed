package live

import (
	"context"
	"slices"
	"time"

	"annals/audit"
)

const (
	// messageSize is how many activities a message holds at most.
	messageSize = 100
	// historyStep is how many positions of history one read looks at, so that a rare filter does not hold it up.
	historyStep = 20_000
	// patience is how long a reader may take for one message before it counts as slow.
	patience = 2 * time.Second
	// silence is the longest time without a message: the cursor moves on under a rare filter too.
	silence = 10 * time.Second
)

// Feed is one subscription. It is not safe for concurrent use.
type Feed struct {
	hub   *Hub
	ring  *ring
	view  audit.View
	where audit.All
	seq   int64     // next position to read
	live  bool      // has caught up
	said  bool      // has sent its first message
	given time.Time // when the last message was given
}

// Follow begins a feed: behind the cursor after, or with what was recorded at or after since, or else with what comes.
// Mistakes are ArgumentErrors below `activityRecorded`, and ErrCursor. Close it.
func (h *Hub) Follow(ctx context.Context, view audit.View, filter *audit.Filter, after *string, since *time.Time) (*Feed, error) {
	where, err := filter.Normalise("activityRecorded.filter", view.Tenant(), view.Now())
	if err != nil {
		return nil, err
	}
	if after != nil && since != nil {
		return nil, audit.BadArgument("activityRecorded.since", "give either after or since")
	}
	size, err := h.ledger.Size(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	feed := &Feed{hub: h, view: view, where: where, seq: size}
	switch {
	case after != nil:
		seen, err := h.cursors.OpenLive(view.Tenant(), *after)
		if err != nil {
			return nil, err
		}
		feed.seq = seen + 1
	case since != nil:
		if feed.seq, err = h.ledger.SeqSince(ctx, view.Tenant(), *since); err != nil {
			return nil, err
		}
	}
	feed.ring = h.join(view.Tenant(), size)
	return feed, nil
}

// Close ends the feed.
func (f *Feed) Close() { f.hub.leave(f.view.Tenant(), f.ring) }

// Next waits for the next message. A feed that falls behind what the hub keeps goes back to reading history; when its
// reader is what held it up, it ends with a TooSlowError.
func (f *Feed) Next(ctx context.Context) (*audit.LiveMessage, error) {
	slow := !f.given.IsZero() && f.hub.now().Sub(f.given) > patience
	message, err := f.next(ctx, slow)
	f.said, f.given = true, f.hub.now()
	return message, err
}

func (f *Feed) next(ctx context.Context, slow bool) (*audit.LiveMessage, error) {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		activities, grown, held := f.ring.from(f.seq)
		if !held {
			if f.live && slow {
				return nil, &audit.TooSlowError{Cursor: f.cursor()}
			}
			f.live = false
			if message, err := f.history(ctx, quiet.C); message != nil || err != nil {
				return message, err
			}
			continue
		}
		before := f.live
		message := f.take(activities)
		if len(message.Edges) > 0 || !f.said || f.live != before { // who has caught up is told at once
			return message, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-quiet.C:
			return message, nil
		case <-grown:
		}
	}
}

// take makes a message of what the ring holds.
func (f *Feed) take(activities []*audit.Activity) *audit.LiveMessage {
	message := &audit.LiveMessage{Edges: []*audit.LiveEdge{}, Phase: audit.PhaseLive}
	read := 0
	for _, a := range activities {
		if len(message.Edges) == messageSize {
			break
		}
		read++
		if f.view.Until(a.Seq).Sees(a) && audit.Match(f.where, a) {
			message.Edges = append(message.Edges, f.edge(a))
		}
	}
	f.seq += int64(read)
	f.live = f.live || read == len(activities)
	if message.BehindCount = int64(len(activities) - read); !f.live {
		message.Phase = audit.PhaseHistory
	}
	message.Cursor = f.cursor()
	return message
}

// history reads the next step of what was recorded before. Nothing is given when the step holds nothing and there is
// time left.
func (f *Feed) history(ctx context.Context, quiet <-chan time.Time) (*audit.LiveMessage, error) {
	end := f.ring.next()
	first, last := f.seq, min(f.seq+historyStep, end)-1
	found, err := f.hub.ledger.Page(ctx, f.view.Until(last), audit.PageQuery{
		Where: append(slices.Clip(f.where), audit.SeqBetween{Min: &first}),
		Order: audit.Order{Field: audit.OrderRecordedAt, Direction: audit.Ascending},
		Limit: messageSize,
	})
	if err != nil {
		return nil, err
	}
	message := &audit.LiveMessage{Edges: []*audit.LiveEdge{}, Phase: audit.PhaseHistory}
	for _, a := range found {
		message.Edges = append(message.Edges, f.edge(a))
	}
	f.seq = last + 1
	if len(found) == messageSize {
		f.seq = found[messageSize-1].Seq + 1
	}
	message.Cursor, message.BehindCount = f.cursor(), end-f.seq
	if len(found) > 0 {
		return message, nil
	}
	select {
	case <-quiet:
		return message, nil
	default:
		return nil, nil
	}
}

func (f *Feed) edge(a *audit.Activity) *audit.LiveEdge {
	return &audit.LiveEdge{Cursor: f.hub.cursors.Live(f.view.Tenant(), a.Seq), Node: a}
}

// cursor says that everything before the next position has been seen.
func (f *Feed) cursor() string { return f.hub.cursors.Live(f.view.Tenant(), f.seq-1) }
