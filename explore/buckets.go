package explore

import (
	"fmt"
	"time"

	"annals/audit"
)

// buckets are the starts of a series, in the order of time, and the end of the last one.
type buckets struct {
	interval string
	starts   []time.Time
	end      time.Time
}

// step is a length of bucket: a part of a day by the zone's clock, or whole days, or whole months.
type step struct {
	clock  time.Duration
	days   int
	months int
}

const day = 24 * time.Hour

func (s step) String() string {
	switch {
	case s.months > 0:
		return fmt.Sprintf("P%dM", s.months)
	case s.days == 7:
		return "P1W"
	case s.days > 0:
		return fmt.Sprintf("P%dD", s.days)
	}
	return audit.Duration(s.clock).String()
}

// newBuckets covers [from, to) with the buckets that the arguments ask for; none when the span is empty.
func newBuckets(from, to time.Time, args audit.SeriesArgs) (buckets, error) {
	switch {
	case args.Interval != nil && args.Buckets != nil:
		return buckets{}, audit.BadArgument("timeSeries.buckets", "give either interval or buckets")
	case args.Interval != nil:
		return byInterval(from, to, args)
	}
	most := defaultBuckets
	if args.Buckets != nil {
		most = *args.Buckets
	}
	if most < 1 || most > MaxBuckets {
		return buckets{}, audit.BadArgument("timeSeries.buckets", "must be from 1 to %d, got %d", MaxBuckets, most)
	}
	for _, s := range roundSteps {
		if b, fits := cover(from, to, s, args.Zone, most); fits {
			return b, nil
		}
	}
	return buckets{}, audit.BadArgument("timeSeries.filter.occurredAt", "is too long a time")
}

func byInterval(from, to time.Time, args audit.SeriesArgs) (buckets, error) {
	s, ok := parseStep(*args.Interval)
	if !ok {
		return buckets{}, audit.BadArgument("timeSeries.interval", "must be P1D, P1W, P1M, or a PT… of whole seconds that divides 24 hours, like PT15M")
	}
	b, fits := cover(from, to, s, args.Zone, MaxBuckets)
	if !fits {
		return buckets{}, audit.BadArgument("timeSeries.interval", "gives more than %d buckets over this time: take a longer one", MaxBuckets)
	}
	return b, nil
}

func parseStep(text string) (step, bool) {
	switch text {
	case "P1D":
		return step{days: 1}, true
	case "P1W":
		return step{days: 7}, true
	case "P1M":
		return step{months: 1}, true
	}
	d, err := audit.ParseDuration(text)
	clock := time.Duration(d)
	if err != nil || len(text) < 2 || text[1] != 'T' || clock < time.Second || clock%time.Second != 0 || clock > day || day%clock != 0 {
		return step{}, false
	}
	return step{clock: clock}, true
}

// roundSteps are the lengths that people read easily, up to one that covers all time.
var roundSteps = []step{
	{clock: time.Second},
	{clock: 2 * time.Second},
	{clock: 5 * time.Second},
	{clock: 10 * time.Second},
	{clock: 15 * time.Second},
	{clock: 30 * time.Second},
	{clock: time.Minute},
	{clock: 2 * time.Minute},
	{clock: 5 * time.Minute},
	{clock: 10 * time.Minute},
	{clock: 15 * time.Minute},
	{clock: 30 * time.Minute},
	{clock: time.Hour},
	{clock: 2 * time.Hour},
	{clock: 3 * time.Hour},
	{clock: 6 * time.Hour},
	{clock: 12 * time.Hour},
	{days: 1},
	{days: 7},
	{months: 1},
	{months: 2},
	{months: 3},
	{months: 6},
	{months: 12},
	{months: 24},
	{months: 60},
	{months: 120},
	{months: 600},
	{months: 1200},
	{months: 12000},
	{months: 120000},
	{months: 1200000},
}

// cover gives the buckets of a length that cover [from, to), or says that they are more than most.
func cover(from, to time.Time, s step, zone *time.Location, most int) (buckets, bool) {
	b := buckets{interval: s.String(), starts: []time.Time{}, end: from}
	if !from.Before(to) {
		return b, true
	}
	if longest := s.longest(); longest > 0 && to.Sub(from)/longest > time.Duration(most) {
		return b, false // no need to count them
	}
	start := s.floor(from, zone)
	if next := s.next(start, zone); !next.After(from) {
		start = next // the clock had begun the next day when it was moved back behind midnight
	}
	for start.Before(to) {
		if len(b.starts) == most {
			return b, false
		}
		b.starts = append(b.starts, printable(start))
		start = s.next(start, zone)
	}
	b.end = printable(start)
	return b, true
}

// printable holds a time to the years that the API prints.
func printable(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Year() < 1:
		return time.Time{}
	case t.Year() > 9999:
		return time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	}
	return t
}

// longest is a length that no bucket of the step exceeds, however the zone's clock is moved; 0 for months, of which
// there are never many.
func (s step) longest() time.Duration { return 2 * (s.clock + time.Duration(s.days)*day) }

// floor is the start of the bucket that holds t.
func (s step) floor(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	year, month, dayOfMonth := local.Date()
	switch {
	case s.months > 0:
		index := year*12 + int(month) - 1
		index -= index % s.months
		return midnight(index/12, time.Month(index%12+1), 1, zone)
	case s.days == 7:
		return midnight(year, month, dayOfMonth-(int(local.Weekday())+6)%7, zone)
	case s.days > 0:
		return midnight(year, month, dayOfMonth, zone)
	}
	return s.tick(t, zone)
}

// next is the start of the bucket behind the one that starts at t.
func (s step) next(t time.Time, zone *time.Location) time.Time {
	year, month, dayOfMonth := t.In(zone).Date()
	switch {
	case s.months > 0:
		return midnight(year, month+time.Month(s.months), 1, zone)
	case s.days > 0:
		return midnight(year, month, dayOfMonth+s.days, zone)
	}
	return s.nextTick(t, zone)
}

// midnight is the first instant of a day: where the clock skips midnight, the instant it is moved.
func midnight(year int, month time.Month, dayOfMonth int, zone *time.Location) time.Time {
	t := time.Date(year, month, dayOfMonth, 0, 0, 0, 0, zone)
	// Where 00:00 does not exist, Date gives an instant of the day before or of the day itself.
	want := time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC)
	if wall(t).Before(want) {
		_, end := settled(t)
		return end.In(zone)
	}
	// Where 00:00 exists twice, Date may give the second one; where it was skipped, an instant behind the change.
	if start, _ := settled(t); !start.IsZero() {
		if before := start.Add(-time.Nanosecond).In(zone); !wall(before).Before(want) {
			_, offset := before.Zone()
			return want.Add(-time.Duration(offset) * time.Second).In(zone)
		} else if !wall(start).Before(want) {
			return start.In(zone)
		}
	}
	return t
}

// wall is what the zone's clock reads, as if it were UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// settled are the bounds of a time around t in which the zone's clock is not moved, zero when open. At the end it may go
// on as before.
func settled(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Beyond a zone's table package time ends every year after 365 days, before the last day of a leap year.
		end = time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return start, end
}

// sinceMidnight is what the clock reads, as a time of day.
func sinceMidnight(t time.Time) time.Duration {
	w := wall(t)
	return w.Sub(w.Truncate(day))
}

// tick is the last instant up to t at which the clock reads a whole multiple of the step.
func (s step) tick(t time.Time, zone *time.Location) time.Time {
	for {
		local := t.In(zone)
		candidate := local.Add(-sinceMidnight(local) % s.clock)
		start, _ := settled(local)
		if start.IsZero() || !candidate.Before(start) {
			return candidate
		}
		t = start.Add(-time.Nanosecond) // the clock was moved in between: look before that
		if sinceMidnight(start.In(zone))%s.clock == 0 {
			return start.In(zone)
		}
	}
}

// nextTick is the first instant behind t at which the clock reads a whole multiple of the step.
func (s step) nextTick(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	for {
		candidate := local.Add(s.clock - sinceMidnight(local)%s.clock)
		_, end := settled(local)
		if end.IsZero() || candidate.Before(end) {
			return candidate
		}
		local = end.In(zone) // the clock is moved in between: look from there
		if sinceMidnight(local)%s.clock == 0 {
			return local
		}
	}
}
