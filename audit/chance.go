package audit

import "slices"

// Always reports whether an expression's shape says that it holds for every activity: it has no condition, a part of its
// `or` has none, or its conditions name nothing. One that only happens to hold for all is not found.
func Always(e Expr) bool {
	return judge(e, func(e Expr) chance {
		switch e := e.(type) {
		case Prefix:
			if slices.Contains(e.Values, "") { // with which every text begins
				return always
			}
		case InIntegrations:
			if len(e.IDs) == 0 {
				return known(e.Negated)
			}
		}
		return maybe
	}) == always
}

// chance is what can be said of a condition when not everything is known.
type chance int

const (
	never chance = iota
	maybe
	always
)

func known(holds bool) chance {
	if holds {
		return always
	}
	return never
}

// judge says of an expression what follows from what is said of each condition in it.
func judge(e Expr, condition func(Expr) chance) chance {
	switch e := e.(type) {
	case All:
		least := always
		for _, part := range e {
			least = min(least, judge(part, condition))
		}
		return least
	case Any:
		most := never
		for _, part := range e {
			most = max(most, judge(part, condition))
		}
		return most
	case Not:
		return always - judge(e.Of, condition)
	case SomeTarget:
		return judge(e.Of, condition)
	}
	return condition(e)
}
