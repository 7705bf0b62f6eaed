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

// Pace tells when things happen. The same seed and start always give the same moments, into however many calls the time
// is cut, so that a vendor can be made to live its life again.
type Pace struct {
	options Options
	rand    *rand.Rand
	next    time.Time // not cut to any precision
}

// Pace makes the pace of one life. Its randomness is its own.
func (o Options) Pace(life string) *Pace { return &Pace{options: o, rand: o.Rand(life + " pace")} }

// Moments are the times in [from, to) at which something happens, oldest first, cut to the vendor's precision. Calls go
// forward in time. Under SameTimes some moments are equal.
func (p *Pace) Moments(from, to time.Time, precision time.Duration) []time.Time {
	var moments []time.Time
	if p.next.IsZero() {
		p.next = from
		p.step()
	}
	for ; p.next.Truncate(precision).Before(to); p.step() {
		moment := p.next.Truncate(precision)
		if n := len(moments); n > 0 && p.options.Faults.Hits(SameTimes) {
			moment = moments[n-1]
		}
		if !moment.Before(from) {
			moments = append(moments, moment)
		}
	}
	return moments
}

func (p *Pace) step() {
	gap := float64(time.Hour) / float64(cmp.Or(p.options.PerHour, 120))
	p.next = p.next.Add(1 + time.Duration(p.rand.ExpFloat64()*gap))
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
