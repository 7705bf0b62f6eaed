package live

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

func TestFollowBeginsWithWhatComes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(30, true)
		feed := follow(t, h, nil, nil)
		defer feed.Close()
		first := next(t, feed)
		if len(first.Edges) != 0 || first.Cursor != "5/29" || first.Phase != audit.PhaseLive || first.BehindCount != 0 {
			t.Errorf("the first message is %+v", first)
		}
		start := time.Now()
		l.add(2, true)
		second := next(t, feed)
		if seqs(second) != "30 31" || second.Cursor != "5/31" || second.Edges[0].Cursor != "5/30" || time.Since(start) != 0 {
			t.Errorf("the second message is %+v, after %s", second, time.Since(start))
		}
	})
}

// TestLostHints: without any hint activities come within the hub's own interval.
func TestLostHints(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		feed := follow(t, h, nil, nil)
		defer feed.Close()
		next(t, feed)
		start := time.Now()
		l.add(1, false)
		if message := next(t, feed); seqs(message) != "0" || time.Since(start) > lookInterval {
			t.Errorf("%v after %s", seqs(message), time.Since(start))
		}
	})
}

// TestHistoryBecomesLive: everything behind the cursor comes once and by seq, HISTORY up to the end of what was there
// and LIVE from then on, although the ledger grows on the way.
func TestHistoryBecomesLive(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"from the beginning": "5/-1", "from within": "5/4321"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
				l.add(12_000, true)
				feed := follow(t, h, nil, &after)
				defer feed.Close()
				want := feed.seq
				wasLive := false
				for want < 15_000 {
					message := next(t, feed)
					if len(message.Edges) == 0 || len(message.Edges) > messageSize {
						t.Fatalf("%d edges", len(message.Edges))
					}
					for _, edge := range message.Edges {
						if edge.Node.Seq != want || edge.Cursor != (plainCursors{}).Live(tenant, want) {
							t.Fatalf("seq %d with cursor %s, want %d", edge.Node.Seq, edge.Cursor, want)
						}
						want++
					}
					if message.Cursor != message.Edges[len(message.Edges)-1].Cursor {
						t.Fatalf("cursor %s behind %s", message.Cursor, message.Edges[len(message.Edges)-1].Cursor)
					}
					isLive := message.Phase == audit.PhaseLive
					if wasLive && !isLive || !isLive && message.BehindCount <= 0 || isLive && !wasLive && message.BehindCount != 0 {
						t.Fatalf("at %d: %s with %d behind, live before: %v", want, message.Phase, message.BehindCount, wasLive)
					}
					wasLive = isLive
					if want%700 < messageSize && want < 14_000 {
						l.add(150, true)
						synctest.Wait()
					}
					if isLive && want < 15_000 {
						l.add(100, true)
					}
				}
				if !wasLive {
					t.Error("never live")
				}
			})
		})
	}
}

// TestResume: the cursor of an edge goes on behind it, that of a message behind all it has looked at.
func TestResume(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(100, true)
		for after, want := range map[string]string{
			"5/-1": "9 19 29 39 49 59 69 79 89 99", "5/8": "9 19 29 39 49 59 69 79 89 99", "5/9": "19 29 39 49 59 69 79 89 99", "5/89": "99",
		} {
			feed := follow(t, h, okta, &after)
			if message := next(t, feed); seqs(message) != want || message.Cursor != "5/99" {
				t.Errorf("after %s: %s, cursor %s, want %s", after, seqs(message), message.Cursor, want)
			}
			feed.Close()
		}
		feed := follow(t, h, okta, new("5/99"))
		defer feed.Close()
		if message := next(t, feed); len(message.Edges) > 0 || message.Phase != audit.PhaseLive {
			t.Errorf("behind the newest: %+v", message)
		}
	})
}

// TestCaughtUpIsTold: behind the last of what was recorded before, the next message says LIVE without waiting for more.
func TestCaughtUpIsTold(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(100, true)
		feed := follow(t, h, okta, new("5/-1"))
		defer feed.Close()
		if message := next(t, feed); len(message.Edges) != 10 || message.Phase != audit.PhaseHistory || message.BehindCount != 0 {
			t.Fatalf("%+v, want all ten from history", message)
		}
		begun := time.Now()
		if message := next(t, feed); message.Phase != audit.PhaseLive || len(message.Edges) != 0 || time.Since(begun) > time.Second {
			t.Errorf("%+v after %s, want to be told at once of being live", message, time.Since(begun))
		}
	})
}

// TestSilence: however rare the filter, there is a message every 15 s, and its cursor has moved on.
func TestSilence(t *testing.T) {
	t.Parallel()
	never := &audit.Filter{Type: &audit.StringFilter{In: []string{"never"}}}
	tests := map[string]struct {
		after *string
		every time.Duration // an activity is recorded; 0 for never
		hint  bool
	}{
		"nothing happens":      {nil, 0, false},
		"nothing matches":      {nil, 50 * time.Millisecond, true},
		"hints are lost":       {nil, 300 * time.Millisecond, false},
		"history without any":  {new("5/-1"), 0, false},
		"history, and growing": {new("5/-1"), 50 * time.Millisecond, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
				l.pageTime = 4 * time.Second
				l.add(7*historyStep, true)
				ctx, cancel := context.WithCancel(t.Context())
				var growing sync.WaitGroup
				defer growing.Wait()
				defer cancel()
				if tc.every > 0 {
					growing.Go(func() { grow(ctx, l, tc.every, tc.hint) })
				}
				feed := follow(t, h, never, tc.after)
				defer feed.Close()
				last, seen := time.Now(), int64(-1)
				for range 20 {
					message := next(t, feed)
					if gap := time.Since(last); gap > 15*time.Second || len(message.Edges) > 0 {
						t.Fatalf("%d edges after %s", len(message.Edges), gap)
					}
					seq, err := plainCursors{}.OpenLive(tenant, message.Cursor)
					if moves := tc.every > 0 || message.Phase == audit.PhaseHistory; err != nil || seq < seen || moves && seq == seen {
						t.Fatalf("the cursor went from %d to %d, %v", seen, seq, err)
					}
					last, seen = time.Now(), seq
				}
			})
		})
	}
}

func grow(ctx context.Context, l *ledger, every time.Duration, hint bool) {
	for ctx.Err() == nil {
		l.add(1, hint)
		time.Sleep(every)
	}
}

// TestTooSlow: a feed that was live and falls behind the ring since its reader stays away ends with where to resume, and
// resuming loses nothing.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		feed := follow(t, h, okta, nil)
		next(t, feed)
		l.add(25, true)
		got := []*audit.LiveMessage{next(t, feed)}
		overrun(l)
		time.Sleep(patience + 1)
		_, err := feed.Next(t.Context())
		slow, ok := errors.AsType[*audit.TooSlowError](err)
		if !ok || slow.Cursor != "5/24" {
			t.Fatalf("the slow feed got %v, want an end at 5/24", err)
		}
		feed.Close()
		feed = follow(t, h, okta, &slow.Cursor)
		defer feed.Close()
		checkRest(t, l, append(got, untilLive(t, feed)...))
	})
}

// TestABurstIsNotTheReadersFault: a feed whose reader is quick goes back to history when the ring overruns it.
func TestABurstIsNotTheReadersFault(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		feed := follow(t, h, okta, nil)
		defer feed.Close()
		next(t, feed)
		l.add(25, true)
		got := []*audit.LiveMessage{next(t, feed)}
		overrun(l)
		time.Sleep(patience)
		back := next(t, feed)
		if back.Phase != audit.PhaseHistory || back.BehindCount == 0 {
			t.Errorf("%s with %d behind, want history", back.Phase, back.BehindCount)
		}
		checkRest(t, l, append(append(got, back), untilLive(t, feed)...))
	})
}

// overrun records more than a ring holds.
func overrun(l *ledger) {
	l.add(ringSize, true)
	synctest.Wait()
	l.add(1, true)
	synctest.Wait()
}

func untilLive(t *testing.T, feed *Feed) (messages []*audit.LiveMessage) {
	t.Helper()
	for {
		messages = append(messages, next(t, feed))
		if messages[len(messages)-1].Phase == audit.PhaseLive {
			return messages
		}
	}
}

// checkRest holds that messages have all of okta.
func checkRest(t *testing.T, l *ledger, got []*audit.LiveMessage) {
	t.Helper()
	var want audit.LiveMessage
	all, _ := l.from(0)
	for _, a := range all {
		if a.Connector == "okta" {
			want.Edges = append(want.Edges, &audit.LiveEdge{Node: a})
		}
	}
	if seqs(got...) != seqs(&want) {
		t.Errorf("got %s, want %s", seqs(got...), seqs(&want))
	}
}

// TestAFeedAtTheEdgeOfTheRing: one that is behind by just what the ring holds loses nothing and is not too slow.
func TestAFeedAtTheEdgeOfTheRing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		feed := follow(t, h, nil, nil)
		defer feed.Close()
		next(t, feed)
		l.add(ringSize, true)
		synctest.Wait()
		for want := int64(0); want < ringSize; {
			message := next(t, feed)
			if message.Edges[0].Node.Seq != want || message.BehindCount != ringSize-want-int64(len(message.Edges)) {
				t.Fatalf("seq %d with %d behind, want %d", message.Edges[0].Node.Seq, message.BehindCount, want)
			}
			want += int64(len(message.Edges))
		}
	})
}

func TestRestrictedFeeds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(ringSize+100, true)
		restriction, err := okta.Normalise("r", tenant, begin)
		if err != nil {
			t.Fatal(err)
		}
		feed, err := h.Follow(t.Context(), audit.NewView(tenant, restriction, 3, begin), nil, new("5/-1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		synctest.Wait()
		want := int64(9)
		for added := 0; added < 5; {
			message := next(t, feed)
			for _, edge := range message.Edges {
				if edge.Node.Seq != want {
					t.Fatalf("seq %d, want %d", edge.Node.Seq, want)
				}
				want += 10
			}
			if message.Phase == audit.PhaseLive {
				l.add(20, true)
				added++
			}
		}
		if want < ringSize+150 {
			t.Errorf("only up to %d", want)
		}
	})
}

func TestSince(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		for range 5 {
			l.add(2, true)
			time.Sleep(time.Minute)
		}
		for since, want := range map[time.Duration]string{
			0: "0 1 2 3 4 5 6 7 8 9", 2 * time.Minute: "4 5 6 7 8 9", 2*time.Minute + 1: "6 7 8 9", 4 * time.Minute: "8 9", time.Hour: "",
		} {
			feed, err := h.Follow(t.Context(), everything(), nil, nil, new(begin.Add(since)))
			if err != nil {
				t.Fatal(err)
			}
			if message := next(t, feed); seqs(message) != want || message.Cursor != "5/9" {
				t.Errorf("since %s: %q, cursor %s, want %q", since, seqs(message), message.Cursor, want)
			}
			feed.Close()
		}
	})
}

func TestFollowRefuses(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(10, true)
		for argument, tc := range map[string]struct {
			filter *audit.Filter
			since  *time.Time
		}{
			"activityRecorded.since":     {nil, &begin},
			"activityRecorded.filter.or": {&audit.Filter{Or: []*audit.Filter{}}, nil},
		} {
			_, err := h.Follow(t.Context(), everything(), tc.filter, new("5/3"), tc.since)
			if bad, ok := errors.AsType[*audit.ArgumentError](err); !ok || bad.Argument != argument {
				t.Errorf("%v, want a mistake of %s", err, argument)
			}
		}
		for _, cursor := range []string{"6/3", "", "nonsense"} {
			if _, err := h.Follow(t.Context(), everything(), nil, &cursor, nil); !errors.Is(err, audit.ErrCursor) {
				t.Errorf("%q: %v, want %v", cursor, err, audit.ErrCursor)
			}
		}
		l.fail(audit.ErrUnavailable)
		for _, since := range []*time.Time{nil, &begin} {
			if _, err := h.Follow(t.Context(), everything(), nil, nil, since); !errors.Is(err, audit.ErrUnavailable) {
				t.Errorf("%v, want %v", err, audit.ErrUnavailable)
			}
		}
		l.fail(nil)
		if len(h.followed()) != 0 {
			t.Error("a refused feed is followed")
		}
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, _ *ledger, h *Hub) {
		feed := follow(t, h, nil, nil)
		defer feed.Close()
		next(t, feed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestTheHubOutlivesFailures: when the database is away nothing is lost; the history says so to whom it concerns.
func TestTheHubOutlivesFailures(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		l.add(10, true)
		feed, past := follow(t, h, nil, nil), follow(t, h, nil, new("5/3"))
		defer feed.Close()
		defer past.Close()
		next(t, feed)
		l.fail(audit.ErrUnavailable)
		l.add(5, true)
		if _, err := past.Next(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
			t.Errorf("history: %v, want %v", err, audit.ErrUnavailable)
		}
		time.Sleep(time.Minute)
		l.fail(nil)
		start := time.Now()
		if message := next(t, feed); seqs(message) != "10 11 12 13 14" || time.Since(start) > lookInterval {
			t.Errorf("%s after %s", seqs(message), time.Since(start))
		}
		time.Sleep(2 * lookInterval) // until the hub listens again
		start = time.Now()
		l.add(1, true)
		if message := next(t, feed); seqs(message) != "15" || time.Since(start) > 0 {
			t.Errorf("%s after %s: hints do not come again", seqs(message), time.Since(start))
		}
	})
}

// TestOnlyLedgersWithFeedsAreRead: a ring is read once for all its feeds, and no more when the last one is closed.
func TestOnlyLedgersWithFeedsAreRead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		reads := func() int {
			before := l.followed()
			time.Sleep(10*lookInterval + 1)
			return l.followed() - before
		}
		if n := reads(); n != 0 {
			t.Errorf("read %d times for nobody", n)
		}
		feeds := make([]*Feed, 50)
		for i := range feeds {
			feeds[i] = follow(t, h, nil, nil)
		}
		if n := reads(); n != 10 {
			t.Errorf("read %d times for 50 feeds in 10 intervals", n)
		}
		for _, feed := range feeds[1:] {
			feed.Close()
		}
		if n := reads(); n != 10 {
			t.Errorf("read %d times for one feed in 10 intervals", n)
		}
		feeds[0].Close()
		if n := reads(); n != 0 {
			t.Errorf("read %d times after all feeds were closed", n)
		}
	})
}

// TestClientsThatComeAndGo: with any filter, each gets every match once and by seq, whatever the ledger does meanwhile
// and wherever a client breaks off and resumes, be it too slow or not.
func TestClientsThatComeAndGo(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, l *ledger, h *Hub) {
		var clients, writer sync.WaitGroup
		const last = 60_000
		writer.Go(func() {
			random := rand.New(rand.NewPCG(1, 2))
			for size, _ := l.Size(t.Context(), tenant); size < last; size, _ = l.Size(t.Context(), tenant) {
				l.add([]int{1, 3, 40, 500, ringSize + 700}[random.IntN(5)], random.IntN(3) > 0)
				time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
			}
		})
		var tooSlow, broken atomic.Int64
		for i := range 12 {
			c := client{h: h, random: rand.New(rand.NewPCG(uint64(i), 3)), after: "5/-1", filter: []*audit.Filter{nil, okta}[i%2]}
			clients.Go(func() {
				got := c.run(t, func() bool { size, _ := l.Size(t.Context(), tenant); return size >= last && c.seen == size-1 })
				all, _ := l.from(0)
				want := 0
				for _, a := range all {
					if c.filter != nil && a.Connector != "okta" {
						continue
					}
					if want >= len(got) || got[want] != a.Seq {
						t.Errorf("client %d: %d activities, wrong at %d, want seq %d", i, len(got), want, a.Seq)
						return
					}
					want++
				}
				if want != len(got) {
					t.Errorf("client %d: %d activities, want %d", i, len(got), want)
				}
				tooSlow.Add(c.tooSlow)
				broken.Add(c.broken)
			})
		}
		writer.Wait()
		clients.Wait()
		if tooSlow.Load() < 3 || broken.Load() < 10 {
			t.Errorf("%d times too slow, %d times broken off within a message: nothing is proved", tooSlow.Load(), broken.Load())
		}
	})
}

// client follows, breaks off and resumes at random.
type client struct {
	h       *Hub
	random  *rand.Rand
	filter  *audit.Filter
	after   string
	seen    int64 // everything up to here
	tooSlow int64 // how often
	broken  int64 // how often the connection broke within a message
}

// run gives the positions of all that the client got until done says so.
func (c *client) run(t *testing.T, done func() bool) (got []int64) {
	for !done() {
		feed, err := c.h.Follow(t.Context(), everything(), c.filter, &c.after, nil)
		if err != nil {
			t.Error(err)
			return got
		}
		for range c.random.IntN(60) {
			if c.random.IntN(8) == 0 {
				time.Sleep(time.Duration(c.random.IntN(10_000)) * time.Millisecond)
			}
			message, err := feed.Next(t.Context())
			if slow, ok := errors.AsType[*audit.TooSlowError](err); ok {
				c.tooSlow++
				c.after = slow.Cursor
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
			edges, cursor := message.Edges, message.Cursor
			if n := len(edges); n > 0 && c.random.IntN(30) == 0 { // the connection breaks within a message
				edges = edges[:1+c.random.IntN(n)]
				cursor = edges[len(edges)-1].Cursor
				c.broken++
			}
			for _, edge := range edges {
				got = append(got, edge.Node.Seq)
			}
			c.after = cursor
			c.seen, _ = plainCursors{}.OpenLive(tenant, cursor)
			if len(edges) < len(message.Edges) || done() {
				break
			}
		}
		feed.Close()
	}
	return got
}
