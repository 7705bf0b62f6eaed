package explore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"annals/audit"
)

// changes are moments at which zones do odd things, by zone.
var changes = map[string][]string{
	"UTC":                  {"2026-11-23T00:00:00Z"},
	"Europe/Berlin":        {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2040-12-31T00:00:00Z"}, // a leap year's end beyond the zone's table
	"Asia/Kathmandu":       {"2026-01-01T00:00:00Z", "1985-12-31T18:30:00Z"},                         // +05:45, before that +05:30
	"America/Sao_Paulo":    {"2017-10-15T03:00:00Z", "2018-02-18T02:00:00Z"},                         // no midnight, 23:00 twice
	"Australia/Lord_Howe":  {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"},                         // by half an hour
	"Africa/Casablanca":    {"2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"},                         // back for Ramadan
	"Pacific/Apia":         {"2011-12-30T10:00:00Z", "2012-03-31T14:00:00Z"},                         // no 30 December 2011
	"Pacific/Kwajalein":    {"1993-08-21T12:00:00Z"},                                                 // no 21 August 1993
	"America/Havana":       {"2026-03-08T05:00:00Z", "2026-11-01T05:00:00Z"},                         // no midnight, midnight twice
	"America/St_Johns":     {"2006-04-02T03:31:00Z", "2006-10-29T02:31:00Z"},                         // at one past midnight, back into the day before
	"America/Caracas":      {"2007-12-09T07:00:00Z", "2016-05-01T07:00:00Z"},
	"Antarctica/Troll":     {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, // by two hours
	"Pacific/Chatham":      {"2026-04-04T14:00:00Z", "2026-09-26T14:00:00Z"}, // +12:45 and +13:45
	"America/Scoresbysund": {"2024-03-31T01:00:00Z"},                         // changes zone and summer time at once
	"Asia/Gaza":            {"2026-03-27T00:00:00Z", "2011-08-31T21:00:00Z"},
}

// odd draws a zone and a time near one of its changes.
func odd(t *rapid.T) (*time.Location, time.Time) {
	name := rapid.SampledFrom(slices.Sorted(func(yield func(string) bool) {
		for name := range changes {
			if !yield(name) {
				return
			}
		}
	})).Draw(t, "zone")
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	change, err := time.Parse(time.RFC3339, rapid.SampledFrom(changes[name]).Draw(t, "change"))
	if err != nil {
		t.Fatal(err)
	}
	return zone, change
}

// intervals are all whole minutes that divide a day, and the calendar's units.
func intervals() []string {
	list := []string{"P1D", "P1W", "P1M"}
	for minutes := 1; minutes <= 24*60; minutes++ {
		if 24*60%minutes == 0 {
			list = append(list, fmt.Sprintf("PT%dM", minutes))
		}
	}
	return list
}

// TestBucketsStartWhenTheClockSaysSo scans every minute around every change: the starts are exactly the minutes at which
// the zone's clock reads a whole multiple of the interval, or those that begin a new day, week or month.
func TestBucketsStartWhenTheClockSaysSo(t *testing.T) {
	t.Parallel()
	for name := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range changes[name] {
				change, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				for _, interval := range intervals() {
					for _, from := range []time.Duration{-26*time.Hour - 7*time.Second, -time.Minute, 0, 31 * time.Minute} {
						checkStarts(t, change.Add(from), change.Add(27*time.Hour+time.Second), interval, zone)
					}
				}
			}
		})
	}
}

func checkStarts(t *testing.T, from, to time.Time, interval string, zone *time.Location) {
	t.Helper()
	b, err := newBuckets(from, to, audit.SeriesArgs{Interval: &interval, Zone: zone})
	if _, ok := errors.AsType[*audit.ArgumentError](err); ok && interval == "PT1M" && to.Sub(from) >= (MaxBuckets-1)*time.Minute {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	checkCover(t, b, from, to)
	if want := scan(b.starts[0], b.end, interval, zone); !slices.Equal(append(b.starts, b.end), want) {
		t.Fatalf("%s in %s from %s to %s:\ngot  %v\nwant %v", interval, zone, from, to, append(b.starts, b.end), want)
	}
}

// failer is a test of this package or of a property.
type failer interface {
	Fatalf(format string, args ...any)
}

// checkCover holds that the buckets are in order and cover the span, and no more of them than needed.
func checkCover(t failer, b buckets, from, to time.Time) {
	if len(b.starts) == 0 {
		t.Fatalf("no buckets from %s to %s", from, to)
	}
	all := append(slices.Clone(b.starts), b.end)
	for i := range b.starts {
		if !all[i].Before(all[i+1]) {
			t.Fatalf("bucket %d starts at %s and ends at %s", i, all[i], all[i+1])
		}
	}
	if all[0].After(from) || !all[1].After(from) {
		t.Fatalf("the first bucket is from %s to %s, %s is not in it", all[0], all[1], from)
	}
	if last := all[len(all)-2]; !last.Before(to) || b.end.Before(to) {
		t.Fatalf("the last bucket is from %s to %s, what is before %s is not in it", last, b.end, to)
	}
}

// scan looks at every minute from one to another, both included.
func scan(from, to time.Time, interval string, zone *time.Location) []time.Time {
	reading := func(t time.Time) int { return number(t.In(zone), interval) }
	newest := 0 // of all earlier readings
	for t := from.Add(-72 * time.Hour); interval[1] != 'T' && t.Before(from); t = t.Add(time.Minute) {
		newest = max(newest, reading(t))
	}
	var starts []time.Time
	for t := from; !t.After(to); t = t.Add(time.Minute) {
		switch n := reading(t); {
		case interval[1] == 'T' && n == 0, interval[1] != 'T' && n > newest:
			starts = append(starts, t)
			newest = n
		}
	}
	return starts
}

// number is the number of the day, week or month, or the minutes since the last whole multiple.
func number(t time.Time, interval string) int {
	day := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
	switch interval {
	case "P1D":
		return day
	case "P1W":
		return (day + 3) / 7 // 1 January 1970 was a Thursday
	case "P1M":
		return t.Year()*12 + int(t.Month())
	}
	var minutes int
	_, _ = fmt.Sscanf(interval, "PT%dM", &minutes)
	return (t.Hour()*60 + t.Minute()) % minutes
}

func TestBucketsOfSeconds(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, time.October, 25, 0, 59, 58, 500, time.UTC)
	for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for interval, want := range map[string][]string{
			"PT1S":    {"00:59:58", "00:59:59", "01:00:00", "01:00:01", "01:00:02"},
			"PT0.5S":  nil,
			"PT2S":    {"00:59:58", "01:00:00", "01:00:02"},
			"PT5S":    {"00:59:55", "01:00:00", "01:00:05"},
			"PT1M30S": {"00:58:30", "01:00:00", "01:01:30"},
		} {
			b, err := newBuckets(from, from.Add(3*time.Second), audit.SeriesArgs{Interval: &interval, Zone: zone})
			var got []string
			for _, start := range append(b.starts, b.end) {
				got = append(got, start.Format(time.TimeOnly))
			}
			if err != nil {
				got = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s in %s: %v, %v, want %v", interval, name, got, err, want)
			}
		}
	}
}

// TestBucketsAreAtMostSoMany: whatever the span, there are no more buckets than asked for, and not far fewer.
func TestBucketsAreAtMostSoMany(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		zone, change := odd(rt)
		most := rapid.SampledFrom([]int{1, 2, 3, 7, 60, 61, 500, 2000}).Draw(rt, "buckets")
		unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(rt, "unit")
		span := time.Duration(rapid.Int64Range(1, int64(250*365*24*time.Hour/max(unit, time.Minute))).Draw(rt, "span")) * unit
		from := change.Add(-time.Duration(rapid.Int64Range(0, int64(span)).Draw(rt, "before")))
		b, err := newBuckets(from, from.Add(span), audit.SeriesArgs{Buckets: &most, Zone: zone})
		if err != nil {
			rt.Fatal(err)
		}
		checkCover(rt, b, from, from.Add(span))
		if len(b.starts) > most {
			rt.Fatalf("%d buckets, want at most %d", len(b.starts), most)
		}
		// From one round length to the next it is a factor of 7 at most, of 10 beyond centuries.
		if least := most/7 - 1; len(b.starts) < least && span > time.Duration(most)*time.Second {
			rt.Fatalf("%d buckets of %s for %s, want at least %d", len(b.starts), b.interval, span, least)
		}
	})
}

// TestBucketsCoverAllTime: any span of the years that the API can print fits into any number of buckets.
func TestBucketsCoverAllTime(t *testing.T) {
	t.Parallel()
	first := time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC).Unix()
	rapid.Check(t, func(rt *rapid.T) {
		zone, _ := odd(rt)
		ends := rapid.SliceOfN(rapid.Int64Range(first, last), 2, 2).Draw(rt, "ends")
		slices.Sort(ends)
		from, to := time.Unix(ends[0], 0).UTC(), time.Unix(ends[1], 1000).UTC()
		for _, most := range []int{1, 60, MaxBuckets} {
			b, err := newBuckets(from, to, audit.SeriesArgs{Buckets: &most, Zone: zone})
			if err != nil || len(b.starts) > most {
				rt.Fatalf("%s to %s in %d: %d, %v", from, to, most, len(b.starts), err)
			}
			checkCover(rt, b, from, to)
		}
	})
}

func TestBucketsOfRoundLengths(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		span    time.Duration
		buckets int
		want    string
		count   int
	}{
		{time.Microsecond, 60, "PT1S", 1},
		{time.Minute, 60, "PT1S", 60},
		{time.Hour, 60, "PT1M", 60},
		{24 * time.Hour, 60, "PT30M", 48},
		{24 * time.Hour, 24, "PT1H", 24},
		{24 * time.Hour, 1, "P1W", 1},
		{7 * 24 * time.Hour, 60, "PT3H", 56},
		{30 * 24 * time.Hour, 60, "PT12H", 60},
		{90 * 24 * time.Hour, 60, "P1W", 13},
		{365 * 24 * time.Hour, 60, "P1W", 53},
		{365 * 24 * time.Hour, 10, "P2M", 7},
		{20 * 365 * 24 * time.Hour, 60, "P6M", 41},
	} {
		b, err := newBuckets(noon, noon.Add(tc.span), audit.SeriesArgs{Buckets: &tc.buckets, Zone: time.UTC})
		if err != nil || b.interval != tc.want || len(b.starts) != tc.count {
			t.Errorf("%s in %d: %d of %s, %v, want %d of %s", tc.span, tc.buckets, len(b.starts), b.interval, err, tc.count, tc.want)
		}
	}
	b, err := newBuckets(noon, noon.Add(time.Hour), audit.SeriesArgs{Zone: time.UTC})
	if err != nil || len(b.starts) != 60 {
		t.Errorf("without a wish: %d, %v, want 60", len(b.starts), err)
	}
	for _, to := range []time.Time{noon, noon.Add(-time.Hour)} {
		b, err := newBuckets(noon, to, audit.SeriesArgs{Zone: time.UTC})
		if err != nil || len(b.starts) != 0 || b.starts == nil || !b.end.Equal(noon) {
			t.Errorf("of an empty span: %+v, %v", b, err)
		}
	}
}

func TestBucketsRefuse(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)
	s, n := func(s string) *string { return &s }, func(n int) *int { return &n }
	for _, tc := range []struct {
		args     audit.SeriesArgs
		span     time.Duration
		argument string
	}{
		{audit.SeriesArgs{Interval: s("P1D"), Buckets: n(3)}, time.Hour, "timeSeries.buckets"},
		{audit.SeriesArgs{Buckets: n(0)}, time.Hour, "timeSeries.buckets"},
		{audit.SeriesArgs{Buckets: n(-1)}, time.Hour, "timeSeries.buckets"},
		{audit.SeriesArgs{Buckets: n(2001)}, time.Hour, "timeSeries.buckets"},
		{audit.SeriesArgs{Buckets: n(2000)}, time.Hour, ""},
		{audit.SeriesArgs{Interval: s("PT1S")}, 2000 * time.Second, ""},
		{audit.SeriesArgs{Interval: s("PT1S")}, 2000*time.Second + 1, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT1H")}, 2000 * time.Hour, ""},
		{audit.SeriesArgs{Interval: s("PT1H")}, 2001 * time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P1D")}, 2000 * 24 * time.Hour, ""},
		{audit.SeriesArgs{Interval: s("P1D")}, 2000*24*time.Hour + 1, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P1D")}, 1<<63 - 1, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P1M")}, 160 * 365 * 24 * time.Hour, ""},
		{audit.SeriesArgs{Interval: s("P1M")}, 170 * 365 * 24 * time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT24H")}, time.Hour, ""},
		{audit.SeriesArgs{Interval: s("PT1440M")}, time.Hour, ""},
		{audit.SeriesArgs{Interval: s("PT86400S")}, time.Hour, ""},
		{audit.SeriesArgs{Interval: s("PT48H")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT7H")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT7M")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT0S")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT0.5S")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("PT1.5S")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P2D")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P0DT1H")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P7D")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P2W")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("P1Y")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("1h")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("-PT1H")}, time.Hour, "timeSeries.interval"},
		{audit.SeriesArgs{Interval: s("p1d")}, time.Hour, "timeSeries.interval"},
	} {
		tc.args.Zone = time.UTC
		b, err := newBuckets(from, from.Add(tc.span), tc.args)
		bad, _ := errors.AsType[*audit.ArgumentError](err)
		if (bad == nil) != (tc.argument == "") || bad != nil && bad.Argument != tc.argument || len(b.starts) > MaxBuckets {
			t.Errorf("%v %v over %s: %d, %v, want %q", tc.args.Interval, tc.args.Buckets, tc.span, len(b.starts), err, tc.argument)
		}
	}
}
