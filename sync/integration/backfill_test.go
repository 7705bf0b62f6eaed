package integration_test

import (
	"testing"
	"time"

	"annals/audit"
)

func TestWindowsOfBackfills(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("past")
	now := time.Now()
	for name, test := range map[string]struct {
		from, to time.Time
		want     []string
	}{
		"until now":           {now.Add(-time.Hour), time.Time{}, nil},
		"a clock a bit ahead": {now.Add(-time.Hour), now.Add(30 * time.Second), nil},
		"since 1970":          {time.Unix(0, 0), now, nil},
		"the future":          {now.Add(-time.Hour), now.Add(2 * time.Minute), []string{"to INVALID"}},
		"before 1970":         {time.Unix(-1, 0), now, []string{"from INVALID"}},
		"the year 0":          {time.Date(0, time.January, 1, 0, 0, 0, 0, time.UTC), now, []string{"from INVALID"}},
		"the year 7000":       {now, now.AddDate(5000, 0, 0), []string{"to INVALID"}},
		"nothing":             {now, now, []string{"from INVALID"}},
	} {
		_, err := r.StartBackfill(t.Context(), r.view, i.ID(), []string{"web"}, test.from, test.to)
		r.expect(name, err, test.want...)
	}
	reach := audit.Duration(200 * 365 * day)
	if _, _, err := r.Create(t.Context(), r.view, "old", "example", valid(), &reach); err != nil {
		t.Errorf("a first backfill of 200 years: %v", err)
	}
}

func TestOpenBackfillsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i := r.create("busy")
	start := func() ([]*audit.Backfill, error) {
		return r.StartBackfill(t.Context(), r.view, i.ID(), []string{"web"}, time.Now().Add(-time.Hour), time.Time{})
	}
	first, err := start()
	for range 17 { // with the first backfills of two feeds 20 are open
		if err == nil {
			_, err = start()
		}
	}
	r.expect("twenty", err)
	_, err = start()
	r.expect("one more", err, "integrationId LIMIT")
	if _, err := r.CancelBackfill(t.Context(), r.view, first[0].ID()); err != nil {
		t.Fatal(err)
	}
	_, err = start()
	r.expect("after one has ended", err)
}
