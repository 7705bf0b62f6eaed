package graph

import (
	"fmt"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	b := newBudget(6000, func() time.Time { return now }) // 100 a second
	for _, step := range []struct {
		after     time.Duration
		token     string
		cost      int
		available int
		wait      time.Duration
	}{
		{0, "a", 1000, 5000, 0},
		{0, "a", 5000, 0, 0},
		{0, "a", 200, 0, 2 * time.Second}, // takes nothing
		{0, "b", 6000, 0, 0},              // has a budget of its own
		{time.Second, "a", 200, 0, time.Second},
		{time.Second, "a", 200, 0, 0},
		{time.Hour, "a", 1, 5999, 0}, // never more than a minute's worth
	} {
		now = now.Add(step.after)
		available, wait := b.charge(step.token, step.cost)
		if available != step.available || wait.Round(time.Millisecond) != step.wait {
			t.Errorf("%+v: got %d left, wait %v", step, available, wait)
		}
	}
}

func TestBudgetForgetsFullBuckets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	b := newBudget(60, func() time.Time { return now })
	for i := range 100 {
		b.charge(fmt.Sprint(i), 30)
	}
	now = now.Add(time.Minute)
	b.charge("another", 1)
	if len(b.buckets) != 1 {
		t.Errorf("%d buckets are remembered, want that of the last caller", len(b.buckets))
	}
}

func TestBudgetIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	b := newBudget(60, func() time.Time { return now })
	for i := range 2 * maxBudgets {
		b.charge(fmt.Sprint(i), 30)
	}
	if len(b.buckets) > maxBudgets {
		t.Errorf("%d buckets, want at most %d", len(b.buckets), maxBudgets)
	}
}
