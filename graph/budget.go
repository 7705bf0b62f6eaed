package graph

import (
	"maps"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBudgets bounds the tokens that are remembered at once.
const maxBudgets = 10_000

// budget is one token bucket per access token. A bucket that is full again is the same as none, and is dropped.
type budget struct {
	perMinute int
	now       func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	swept   time.Time
}

func newBudget(perMinute int, now func() time.Time) *budget {
	return &budget{perMinute: perMinute, now: now, buckets: map[string]*rate.Limiter{}, swept: now()}
}

// charge takes cost from a token's bucket and returns what is left. When there is too little, nothing is taken and wait
// says how long until there is enough.
func (b *budget) charge(token string, cost int) (available int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	bucket, ok := b.buckets[token]
	if !ok {
		b.sweep(now)
		bucket = rate.NewLimiter(rate.Limit(float64(b.perMinute)/60), b.perMinute)
		b.buckets[token] = bucket
	}
	if !bucket.AllowN(now, cost) {
		missing := float64(cost) - bucket.TokensAt(now)
		return 0, max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), time.Millisecond)
	}
	return int(math.Floor(bucket.TokensAt(now))), 0
}

// sweep makes room for one more bucket: it drops the full ones once a minute, and any one when there are too many.
func (b *budget) sweep(now time.Time) {
	if now.Sub(b.swept) >= time.Minute {
		b.swept = now
		maps.DeleteFunc(b.buckets, func(_ string, bucket *rate.Limiter) bool {
			return bucket.TokensAt(now) >= float64(bucket.Burst())
		})
	}
	for token := range b.buckets {
		if len(b.buckets) < maxBudgets {
			return
		}
		delete(b.buckets, token)
	}
}
