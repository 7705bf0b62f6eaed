// Package simulator imitates the APIs of vendors, faults included, for the demo, the tests and the benchmarks.
//
// A vendor's simulator is an http.Handler over one Store. What it holds and how it misbehaves is decided by a seed, so
// that every run can be repeated. NewGitHub and its like take Options; Generate makes activity; Items is the truth that
// a reader of the API is measured against:
//
//	func (g *GitHub) Generate(from, to time.Time)
//	func (g *GitHub) Items(feed string) []Item
package simulator

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Options are what all vendors' simulators take. Now is required.
type Options struct {
	Seed    uint64
	Now     func() time.Time // the simulated vendor's clock
	Faults  *Faults          // nil: none
	PerHour int              // activities per hour of Generate; 0: 120
	Late    time.Duration    // how much later than it happened LateVisibility shows a record at most; 0: 10 min
}

// Item is one record that a simulated vendor holds.
type Item struct {
	Key     string          // audit.Draft.Key that its connector gives it
	At      time.Time       // when it happened, with the vendor's precision
	Visible time.Time       // from when on the API shows it
	Body    json.RawMessage // exactly as it is served
}

// Rand is the source of randomness for one purpose. Purposes do not disturb each other.
func (o Options) Rand(purpose string) *rand.Rand { return newRand(o.Seed, purpose) }

// Moments are the times in [from, to) at which something happens, oldest first, cut to the vendor's precision. Under
// SameTimes some are equal.
func (o Options) Moments(r *rand.Rand, from, to time.Time, precision time.Duration) []time.Time {
	gap := float64(time.Hour) / float64(cmp.Or(o.PerHour, 120))
	var moments []time.Time
	for at := from; ; {
		// Exponential gaps have no memory, so that many short times hold as much as one long time.
		at = at.Add(1 + time.Duration(r.ExpFloat64()*gap))
		if !at.Before(to) {
			return moments
		}
		moment := at.Truncate(precision)
		if n := len(moments); n > 0 && o.Faults.Hits(SameTimes) {
			moment = moments[n-1]
		}
		if !moment.Before(from) {
			moments = append(moments, moment)
		}
	}
}

// VisibleAt is from when on the API shows what happened at a time: at once, later under LateVisibility.
func (o Options) VisibleAt(at time.Time) time.Time {
	late := cmp.Or(o.Late, 10*time.Minute)
	if !o.Faults.Hits(LateVisibility) {
		return at
	}
	return at.Add(o.Faults.upTo(LateVisibility, late))
}

func newRand(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
