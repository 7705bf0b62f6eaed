package graph

import "annals/audit"

// Limits are the bounds that requests must keep, most of them shown by Viewer.limits.
type Limits struct {
	MaxPageSize      int // edges of a page
	MaxFacetValues   int // values of one facet
	MaxBuckets       int // buckets of a series
	MaxFilterValues  int // values in all lists of a filter together
	MaxFilterDepth   int // and, or and not within each other
	MaxCost          int // cost of one operation
	CostPerMinute    int // cost that a token gets back per minute, and the most that it can save up
	MaxSubscriptions int // operations at once on one socket

	MaxSocketsPerToken  int
	MaxSocketsPerTenant int
}

// DefaultLimits are the bounds of an installation that sets none. A unit of cost is one object of an answer, about 7 µs
// of work: one token can ask for a seventh of a core for good, and for a page of 50 rows some 3,000 times at once.
func DefaultLimits() Limits {
	return Limits{
		MaxPageSize:      200,
		MaxFacetValues:   1000,
		MaxBuckets:       2000,
		MaxFilterValues:  audit.MaxFilterValues,
		MaxFilterDepth:   audit.MaxFilterDepth,
		MaxCost:          10_000,
		CostPerMinute:    1_200_000,
		MaxSubscriptions: 32,

		MaxSocketsPerToken:  20,
		MaxSocketsPerTenant: 500,
	}
}

// defaultPageSize is the size of a page when neither first nor last is given.
const defaultPageSize = 50

// bounds are what a document may be before it is validated, since validation itself is quadratic in places.
type bounds struct {
	bytes         int // of the text
	tokens        int // of the text
	depth         int // fields within each other
	introspection int // the same below __schema and __type
	aliases       int // in the whole text
	directives    int // in the whole text
	roots         int // root fields of an operation
	fragments     int // definitions
	perSet        int // selections of one set
	repeats       int // fields of one name: validation compares all pairs of them
	expanded      int // fields once all spreads are followed
}

func documentBounds() bounds {
	return bounds{
		bytes: 32 << 10, tokens: 1000, depth: 10, introspection: 20, aliases: 30, directives: 20,
		roots: 8, fragments: 50, perSet: 200, repeats: 150, expanded: 2000,
	}
}
