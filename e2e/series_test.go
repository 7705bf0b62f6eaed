package e2e

import (
	"fmt"
	"testing"
	"time"
)

// moments are times around both changes of the clocks in Berlin, whose hours of 25 October and 29 March are 25 and 23,
// and ends of days and hours in all zones.
func moments() []time.Time {
	var all []time.Time
	for _, day := range []time.Time{time.Date(2025, 10, 25, 20, 0, 0, 0, time.UTC), time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC)} {
		for n := range 130 {
			all = append(all, day.Add(time.Duration(n)*17*time.Minute))
		}
		for _, minutes := range []int{0, 15, 60, 75, 120, 240, 255} { // whole hours somewhere
			all = append(all, day.Add(time.Duration(minutes)*time.Minute), day.Add(time.Duration(minutes)*time.Minute-time.Microsecond))
		}
	}
	return all
}

// bucketStarts are the instants from the bucket of from to that of to at which a zone's clock reads a whole multiple of
// some hours since midnight: all zones here are whole quarters of an hour away from UTC.
func bucketStarts(zone *time.Location, hours int, from, to time.Time) []time.Time {
	var starts []time.Time
	for at := from.Truncate(15 * time.Minute).Add(-48 * time.Hour); !at.After(to); at = at.Add(15 * time.Minute) {
		if local := at.In(zone); local.Minute() == 0 && local.Hour()%hours == 0 {
			starts = append(starts, at)
		}
	}
	for len(starts) > 1 && !starts[1].After(from) {
		starts = starts[1:]
	}
	return starts
}

func TestSeriesHasTheSameTotalInEveryZone(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	all := moments()
	var batch []map[string]any
	for n, at := range all {
		a := ownActivity(fmt.Sprintf("k-%d", n), "jane@example.com", "APPROVE")
		a["occurredAt"] = at.Format(time.RFC3339Nano)
		if batch = append(batch, a); len(batch) == 100 || n == len(all)-1 {
			p.record(token, batch...)
			batch = nil
		}
	}
	for _, span := range []struct{ from, to time.Time }{
		{time.Date(2025, 10, 25, 12, 0, 0, 0, time.UTC), time.Date(2025, 10, 28, 12, 0, 0, 0, time.UTC)},
		{time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)},
	} {
		for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu"} {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			for interval, hours := range map[string]int{"PT1H": 1, "PT2H": 2, "PT6H": 6, "P1D": 24} {
				data := p.get(token, `query($from: DateTime, $to: DateTime, $zone: TimeZone!, $interval: String) {
					activities(filter: {occurredAt: {from: $from, to: $to}}, first: 0) { totalCount }
					timeSeries(filter: {occurredAt: {from: $from, to: $to}}, timeZone: $zone, interval: $interval) { starts totals total laterCount } }`,
					map[string]any{"from": span.from.Format(time.RFC3339), "to": span.to.Format(time.RFC3339), "zone": name, "interval": interval})
				compareSeries(t, name+" "+interval, data, bucketStarts(zone, hours, span.from, span.to.Add(-1)), within(all, span.from, span.to))
			}
		}
	}
}

func within(all []time.Time, from, to time.Time) []time.Time {
	var some []time.Time
	for _, at := range all {
		if !at.Before(from) && at.Before(to) {
			some = append(some, at)
		}
	}
	return some
}

func compareSeries(t *testing.T, what string, data any, starts, want []time.Time) {
	t.Helper()
	got := at(data, "timeSeries", "starts").([]any)
	totals := at(data, "timeSeries", "totals").([]any)
	if len(got) != len(starts) || len(totals) != len(starts) {
		t.Errorf("%s: %d buckets from %v to %v, want %d from %s to %s", what, len(got), got[0], got[len(got)-1], len(starts), starts[0], starts[len(starts)-1])
		return
	}
	sum := 0
	for n, start := range starts {
		end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		if n+1 < len(starts) {
			end = starts[n+1]
		}
		shown, err := time.Parse(time.RFC3339, got[n].(string))
		if expected := len(within(want, start, end)); err != nil || !shown.Equal(start) || int(totals[n].(float64)) != expected {
			t.Errorf("%s: bucket %v has %v, want %s with %d", what, got[n], totals[n], start, expected)
		}
		sum += int(totals[n].(float64))
	}
	if total := at(data, "timeSeries", "total"); sum != len(want) || total != float64(len(want)) || at(data, "activities", "totalCount") != total {
		t.Errorf("%s: buckets add up to %d, total %v, totalCount %v, want %d", what, sum, total, at(data, "activities", "totalCount"), len(want))
	}
	if later := at(data, "timeSeries", "laterCount"); later != 0.0 {
		t.Errorf("%s: laterCount %v", what, later)
	}
}
