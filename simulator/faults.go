package simulator

import (
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// Fault is one way in which vendors' APIs misbehave.
type Fault string

// The faults, and who lets them happen.
const (
	// Wrap, before the vendor's handler. The vendor may give the answers a shape of its own.
	TooManyRequests Fault = "429 with Retry-After"
	TooManySilent   Fault = "429 without Retry-After"
	LimitedAs403    Fault = "403 as rate limit"
	TokenExpired    Fault = "401 in mid-walk"
	ServerError     Fault = "5xx once"

	// Wrap, behind the vendor's handler.
	CutBody  Fault = "cut in mid-body"
	SlowBody Fault = "slow body"

	// Store.Page.
	ShortPage           Fault = "short page with more"
	EmptyPage           Fault = "empty page with more"
	RepeatedAcrossPages Fault = "duplicate across pages"

	// Options, while activity is generated.
	LateVisibility Fault = "late visibility"
	SameTimes      Fault = "same timestamps"

	// The vendor's handler: its own error for a cursor, and Elsewhere in its link or address of the next page.
	CursorRefused Fault = "cursor refused"
	NextElsewhere Fault = "next link to another host"

	// The vendor's Generate: an action that no table knows by the vendor; fields by Disturb.
	UnknownAction Fault = "unknown action"
	UnknownFields Fault = "extra fields"
	WrongTypes    Fault = "nulls and wrong types"

	// Send, and the vendor for what a batch holds.
	WrongSignature Fault = "webhook with wrong signature"
	Replay         Fault = "replayed webhook"
	OutOfOrder     Fault = "webhooks out of order"
	BadElement     Fault = "batch with a bad element"
)

// Faults decides when faults happen: by rates, and by counts that tests script. A nil *Faults has none. It is safe for
// concurrent use.
type Faults struct {
	// Elsewhere is the address that NextElsewhere points to, `https://host`.
	Elsewhere string

	now func() time.Time

	mu       sync.Mutex
	seed     uint64
	rates    map[Fault]float64
	next     map[Fault]int
	happened map[Fault]int
	rands    map[Fault]*rand.Rand
	closed   time.Time // when TooManyRequests and LimitedAs403 let requests in again
	early    int       // requests before that
}

// NewFaults makes faults that happen at rates, 0 to 1 per chance. now is the simulated vendor's clock.
func NewFaults(seed uint64, now func() time.Time, rates map[Fault]float64) *Faults {
	return &Faults{
		now: now, seed: seed, rates: maps.Clone(rates),
		next: map[Fault]int{}, happened: map[Fault]int{}, rands: map[Fault]*rand.Rand{},
	}
}

// Script lets a fault happen at its next n chances, whatever its rate.
func (f *Faults) Script(fault Fault, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[fault] = n
}

// Hits is one chance of a fault: it reports whether the fault happens now, and counts it.
func (f *Faults) Hits(fault Fault) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.next[fault] > 0:
		f.next[fault]--
	case f.rand(fault).Float64() >= f.rates[fault]:
		return false
	}
	f.happened[fault]++
	return true
}

// Happened is how often a fault has happened.
func (f *Faults) Happened(fault Fault) int {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.happened[fault]
}

// Early is how many requests came before the time that a rate limit had told.
func (f *Faults) Early() int {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.early
}

// AllFaults lists every fault.
func AllFaults() []Fault {
	return []Fault{
		TooManyRequests, TooManySilent, LimitedAs403, TokenExpired, ServerError, CutBody, SlowBody, ShortPage, EmptyPage,
		RepeatedAcrossPages, LateVisibility, SameTimes, CursorRefused, NextElsewhere, UnknownAction, UnknownFields,
		WrongTypes, WrongSignature, Replay, OutOfOrder, BadElement,
	}
}

// below draws a number in [0, n) for a fault; n is positive.
func (f *Faults) below(fault Fault, n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rand(fault).IntN(n)
}

// upTo draws a duration in (0, most].
func (f *Faults) upTo(fault Fault, most time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 1 + time.Duration(f.rand(fault).Int64N(int64(most)))
}

// rand is the fault's own source, so that one fault's chances do not change another's.
func (f *Faults) rand(fault Fault) *rand.Rand {
	if f.rands[fault] == nil {
		f.rands[fault] = newRand(f.seed, string(fault))
	}
	return f.rands[fault]
}
