package simulator

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var testNow = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

// filled is a store with items k0 to k(n-1), one a minute; three of each five share a time.
func filled(faults *Faults, n int) *Store {
	s := NewStore(Options{Now: testClock, Faults: faults})
	for i := range n {
		at := testNow.Add(time.Duration(i/5*5+max(i%5-2, 0)) * time.Minute).Add(-time.Hour)
		s.Add(Item{Key: fmt.Sprintf("k%02d", i), At: at, Visible: at})
	}
	return s
}

func keysOf(items []Item) []string {
	keys := make([]string, len(items))
	for i, item := range items {
		keys[i] = item.Key
	}
	return keys
}

// walkAll reads a walk to its end and gives the keys in the order of reading.
func walkAll(t *testing.T, s *Store, w Walk) []string {
	t.Helper()
	var keys []string
	for range 10_000 {
		page := s.Page(w)
		if len(page.Items) > w.Limit {
			t.Fatalf("%d items on a page of %d", len(page.Items), w.Limit)
		}
		keys = append(keys, keysOf(page.Items)...)
		if !page.More {
			return keys
		}
		next, err := ParsePosition(page.Next.String())
		if err != nil {
			t.Fatal(err)
		}
		w.After = next
	}
	t.Fatal("the walk does not end")
	return nil
}

func TestStoreIsOrdered(t *testing.T) {
	t.Parallel()
	s := NewStore(Options{Now: testClock})
	for _, key := range []string{"c", "a", "b"} {
		s.Add(Item{Key: key, At: testNow})
	}
	s.Add(Item{Key: "z", At: testNow.Add(-time.Second)}, Item{Key: "0", At: testNow.Add(time.Second)})
	if got, want := keysOf(s.Items()), []string{"z", "a", "b", "c", "0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStorePages(t *testing.T) {
	t.Parallel()
	s := filled(nil, 23)
	all := keysOf(s.Items())
	for limit := 1; limit <= 25; limit++ {
		if got := walkAll(t, s, Walk{Limit: limit}); !slices.Equal(got, all) {
			t.Errorf("pages of %d: %v", limit, got)
		}
		got := walkAll(t, s, Walk{Limit: limit, NewestFirst: true})
		if slices.Reverse(got); !slices.Equal(got, all) {
			t.Errorf("pages of %d, newest first: %v", limit, got)
		}
	}
	from, to := s.Items()[4].At, s.Items()[10].At
	inside := walkAll(t, s, Walk{From: from, To: to, Limit: 3, Match: func(i Item) bool { return i.Key != "k08" }})
	if want := []string{"k04", "k05", "k06", "k07", "k09", "k10", "k11", "k12"}; !slices.Equal(inside, want) {
		t.Errorf("got %v, want %v", inside, want)
	}
}

func TestStoreShowsNothingBeforeItsTime(t *testing.T) {
	t.Parallel()
	s := NewStore(Options{Now: testClock})
	s.Add(Item{Key: "now", At: testNow, Visible: testNow}, Item{Key: "late", At: testNow, Visible: testNow.Add(1)})
	if got := walkAll(t, s, Walk{Limit: 10}); !slices.Equal(got, []string{"now"}) {
		t.Errorf("got %v", got)
	}
	if got := len(s.Items()); got != 2 {
		t.Errorf("it holds %d items", got)
	}
}

// TestPageFaults: a reader who goes on while there is more gets everything, and meets each fault.
func TestPageFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []Fault{ShortPage, EmptyPage, RepeatedAcrossPages} {
		for _, newestFirst := range []bool{false, true} {
			faults := NewFaults(1, testClock, map[Fault]float64{fault: 0.5})
			s := filled(faults, 60)
			got := walkAll(t, s, Walk{Limit: 7, NewestFirst: newestFirst})
			repeats := len(got)
			slices.Sort(got)
			got = slices.Compact(got)
			if repeats -= len(got); (repeats > 0) != (fault == RepeatedAcrossPages) {
				t.Errorf("%s: %d repeats", fault, repeats)
			}
			if len(got) != 60 || faults.Happened(fault) == 0 {
				t.Errorf("%s: %d items, it happened %d times", fault, len(got), faults.Happened(fault))
			}
		}
	}
}

func TestParsePosition(t *testing.T) {
	t.Parallel()
	for _, p := range []Position{{}, {At: testNow, Key: "k"}, {At: testNow.Add(-1e18), Key: "a|b"}, {At: testNow}} {
		if got, err := ParsePosition(p.String()); err != nil || got != p {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	for _, text := range []string{"|", "x|k", "123", "99999999999999999999|k"} {
		if got, err := ParsePosition(text); err == nil {
			t.Errorf("%q became %v", text, got)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 1, PerHour: 60}
	from, to := testNow, testNow.Add(100*time.Hour)
	moments := o.Pace("test").Moments(from, to, time.Second)
	if n := len(moments); n < 5500 || n > 6500 {
		t.Errorf("%d moments in 100 hours of 60", n)
	}
	if !slices.IsSortedFunc(moments, time.Time.Compare) {
		t.Error("they are not in order")
	}
	for _, moment := range moments {
		if moment.Before(from) || !moment.Before(to) || moment.Nanosecond() != 0 {
			t.Errorf("%v is no such moment", moment)
		}
	}
	if slices.Equal(moments, Options{Seed: 2, PerHour: 60}.Pace("test").Moments(from, to, time.Second)) {
		t.Error("two seeds make one life")
	}
	var bySeconds []time.Time
	for pace, at := o.Pace("test"), from; at.Before(to); at = at.Add(700 * time.Millisecond) {
		bySeconds = append(bySeconds, pace.Moments(at, at.Add(700*time.Millisecond), time.Second)...)
	}
	bySeconds = slices.DeleteFunc(bySeconds, func(at time.Time) bool { return !at.Before(to) })
	if !slices.Equal(moments, bySeconds) {
		t.Errorf("%d moments of a time that is cut into short ones, %d of the whole", len(bySeconds), len(moments))
	}
}

func TestTimesUnderFaults(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, testClock, map[Fault]float64{SameTimes: 0.5, LateVisibility: 0.5})
	o := Options{Seed: 1, Faults: faults, Late: time.Minute}
	moments := o.Pace("test").Moments(testNow, testNow.Add(10*time.Hour), time.Nanosecond)
	if same := len(moments) - len(slices.Compact(slices.Clone(moments))); same == 0 || same != faults.Happened(SameTimes) {
		t.Errorf("%d share a time, it happened %d times", same, faults.Happened(SameTimes))
	}
	late := 0
	for _, at := range moments {
		visible := o.VisibleAt(at)
		if delay := visible.Sub(at); delay < 0 || delay > time.Minute {
			t.Errorf("%v late", delay)
		}
		if visible.After(at) {
			late++
		}
	}
	if late == 0 || late != faults.Happened(LateVisibility) {
		t.Errorf("%d are late, it happened %d times", late, faults.Happened(LateVisibility))
	}
}
