package live

import (
	"sync"

	"annals/audit"
)

// ringSize and ringBytes are how many of a ledger's newest activities are kept for its feeds, and how large all of them
// may be.
const (
	ringSize  = 8192
	ringBytes = 64 << 20
)

// ring keeps a ledger's newest activities.
type ring struct {
	feeds int // guarded by the hub's mu

	// Of the last read, for Hub.Run alone.
	full   bool // there is more
	failed bool // hints do not help: the next try is at the next look

	mu         sync.Mutex
	activities []*audit.Activity // guarded by mu; those before end, without a gap
	bytes      int               // guarded by mu; what activities hold
	end        int64             // guarded by mu; seq of the next activity
	grown      chan struct{}     // guarded by mu; closed when activities are added
}

func (r *ring) next() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

func (r *ring) add(activities []*audit.Activity) {
	if len(activities) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.activities = append(r.activities, activities...)
	for _, a := range activities {
		r.bytes += weight(a)
	}
	surplus := 0
	for ; len(r.activities)-surplus > ringSize || r.bytes > ringBytes; surplus++ {
		r.bytes -= weight(r.activities[surplus])
	}
	if surplus > 0 {
		r.activities = append([]*audit.Activity(nil), r.activities[surplus:]...)
	}
	r.end = activities[len(activities)-1].Seq + 1
	close(r.grown)
	r.grown = make(chan struct{})
}

// weight is roughly how many bytes an activity holds: all its texts, and what is around them.
func weight(a *audit.Activity) int {
	const fixed, each = 1 << 10, 128
	texts := len(a.Type) + len(a.Action) + len(a.Category) + len(a.Outcome) + len(a.OutcomeReason) + len(a.Description) +
		len(a.SessionID) + len(a.RequestID) + len(a.VendorID) + len(a.Metadata) + len(a.Raw) + len(a.Key) +
		len(a.Connector) + len(a.Feed) + len(a.Path) + len(a.Origin.UserAgent)
	for _, actor := range []*audit.Actor{a.Actor, a.OnBehalfOf} {
		if actor != nil {
			texts += len(actor.Key) + len(actor.Type) + len(actor.VendorID) + len(actor.Name) + len(actor.Email)
		}
	}
	if l := a.Origin.Location; l != nil {
		texts += len(l.Country) + len(l.Region) + len(l.City) + len(l.ASOrganization) + len(l.Source)
	}
	for _, target := range a.Targets {
		texts += each + len(target.Key) + len(target.Type) + len(target.VendorID) + len(target.Name)
	}
	for _, change := range a.Changes {
		texts += each + len(change.Field) + length(change.Before) + length(change.After)
	}
	return fixed + texts
}

func length(text *string) int {
	if text == nil {
		return 0
	}
	return len(*text)
}

// from gives the activities from a seq on, and a channel that closes when there are more. held is false when the ring
// no longer holds that seq.
func (r *ring) from(seq int64) (activities []*audit.Activity, grown <-chan struct{}, held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := r.end - int64(len(r.activities))
	if seq < begin {
		return nil, r.grown, false
	}
	return r.activities[min(seq-begin, int64(len(r.activities))):], r.grown, true
}
