package audittest

import (
	"time"

	"pgregory.net/rapid"

	"annals/audit"
)

// Filters says what else random filters ask for.
type Filters struct {
	Tenant   audit.TenantID // whose integrations are named
	Recorded []time.Time    // bounds of recordedAt; Noon's neighbours when nil
	MaxSeq   int64
}

// Filter gives random filters that are right, nested at most depth deep.
func (f Filters) Filter(depth int) *rapid.Generator[*audit.Filter] {
	return rapid.Custom(func(t *rapid.T) *audit.Filter {
		filter := &audit.Filter{}
		for range rapid.IntRange(0, 2).Draw(t, "fields") {
			f.field(t, filter)
		}
		if depth == 0 {
			return filter
		}
		nested := f.Filter(depth - 1)
		switch rapid.IntRange(0, 5).Draw(t, "nested") {
		case 0:
			filter.And = rapid.SliceOfN(nested, 1, 2).Draw(t, "and")
		case 1:
			filter.Or = rapid.SliceOfN(nested, 1, 3).Draw(t, "or")
		case 2:
			filter.Not = nested.Draw(t, "not")
		}
		return filter
	})
}

// field gives one field of the filter a random condition.
func (f Filters) field(t *rapid.T, filter *audit.Filter) {
	switch rapid.IntRange(0, 19).Draw(t, "field") {
	case 0:
		filter.Type = texts(words).Draw(t, "type")
	case 1:
		in, notIn := lists(t, audit.Actions()[:5])
		filter.Action = &audit.ActionFilter{In: in, NotIn: notIn}
	case 2:
		in, notIn := lists(t, audit.Categories()[:5])
		filter.Category = &audit.CategoryFilter{In: in, NotIn: notIn}
	case 3:
		in, notIn := lists(t, f.integrations())
		filter.Integration = &audit.IDFilter{In: in, NotIn: notIn}
	case 4:
		filter.Connector = texts([]string{"github", "okta", "git", "zoom"}).Draw(t, "connector")
	case 5:
		filter.Actor = actorFilter().Draw(t, "actor")
	case 6:
		filter.OnBehalfOf = actorFilter().Draw(t, "onBehalfOf")
	case 7, 8, 9:
		filter.Target = targetFilter().Draw(t, "target")
	case 10:
		in, notIn := lists(t, outcomes)
		filter.Outcome = &audit.OutcomeFilter{In: in, NotIn: notIn}
	case 11:
		in, notIn := lists(t, append(networks, addresses...))
		filter.IP = &audit.IPFilter{In: in, NotIn: notIn, Exists: exists(t)}
	case 12:
		filter.Country = texts([]string{"DE", "BR", "D"}).Draw(t, "country")
	case 13:
		filter.City = texts(words).Draw(t, "city")
	case 14:
		filter.UserAgent = texts(words).Draw(t, "userAgent")
	case 15:
		filter.SessionID, filter.RequestID = texts(words).Draw(t, "sessionId"), texts(words).Draw(t, "requestId")
	case 16:
		filter.VendorID = texts(words).Draw(t, "vendorId")
	case 17:
		in, notIn := lists(t, []audit.Path{audit.PathPoll, audit.PathWebhook, audit.PathSweep})
		filter.Path = &audit.PathFilter{In: in, NotIn: notIn}
	case 18:
		filter.OccurredAt = f.times(t, nil)
	case 19:
		filter.RecordedAt = f.times(t, f.Recorded)
		filter.Seq = &audit.LongRange{
			Min: rapid.Ptr(rapid.Int64Range(-1, f.MaxSeq+1), true).Draw(t, "min"),
			Max: rapid.Ptr(rapid.Int64Range(-1, f.MaxSeq+1), true).Draw(t, "max"),
		}
	}
}

func (f Filters) integrations() []string {
	ids := []string{"", "no id", (&audit.Tenant{Number: f.Tenant}).ID()}
	for _, number := range Integrations {
		ids = append(ids, (&audit.Integration{Tenant: f.Tenant, Number: number}).ID())
	}
	return append(ids, (&audit.Integration{Tenant: f.Tenant + 1, Number: Integrations[0]}).ID())
}

// times gives a range between some moments, or a relative one.
func (f Filters) times(t *rapid.T, bounds []time.Time) *audit.TimeFilter {
	if rapid.IntRange(0, 3).Draw(t, "relative") == 0 {
		return &audit.TimeFilter{Last: new(audit.Duration(rapid.SampledFrom([]time.Duration{
			0, time.Microsecond, time.Second, time.Hour, 24 * time.Hour,
		}).Draw(t, "last")))}
	}
	bound := moment()
	if bounds != nil {
		bound = rapid.SampledFrom(bounds)
	}
	filter := &audit.TimeFilter{From: rapid.Ptr(bound, true).Draw(t, "from"), To: rapid.Ptr(bound, true).Draw(t, "to")}
	if filter.From != nil && filter.To != nil && filter.From.After(*filter.To) {
		filter.From, filter.To = filter.To, filter.From
	}
	return filter
}

// lists gives what is asked for and what is ruled out; nil is no condition.
func lists[T any](t *rapid.T, from []T) (in, notIn []T) {
	list := rapid.SliceOfN(rapid.SampledFrom(from), 1, 3)
	if kind := rapid.IntRange(0, 4).Draw(t, "lists"); kind < 4 {
		if kind != 3 {
			in = list.Draw(t, "in")
		}
		if kind >= 2 {
			notIn = list.Draw(t, "notIn")
		}
	}
	return in, notIn
}

func exists(t *rapid.T) *bool {
	if rapid.IntRange(0, 4).Draw(t, "exists") > 0 {
		return nil
	}
	return new(rapid.Bool().Draw(t, "exists"))
}

func texts(from []string) *rapid.Generator[*audit.StringFilter] {
	return rapid.Custom(func(t *rapid.T) *audit.StringFilter {
		filter := &audit.StringFilter{Exists: exists(t)}
		filter.In, filter.NotIn = lists(t, append([]string{"", "a\x00"}, from...))
		if rapid.IntRange(0, 3).Draw(t, "prefix") == 0 {
			filter.Prefix = rapid.SliceOfN(rapid.SampledFrom(append([]string{"", "\x00", "not there"}, from...)), 1, 2).Draw(t, "prefix")
		}
		return filter
	})
}

// maybe gives one condition of several, so that they do not rule each other out too often.
func maybe(t *rapid.T, from []string) *audit.StringFilter {
	if rapid.IntRange(0, 2).Draw(t, "asked") > 0 {
		return nil
	}
	return texts(from).Draw(t, "text")
}

func actorFilter() *rapid.Generator[*audit.ActorFilter] {
	return rapid.Custom(func(t *rapid.T) *audit.ActorFilter {
		filter := &audit.ActorFilter{Key: maybe(t, words), VendorID: maybe(t, words), Name: maybe(t, words), Email: maybe(t, words)}
		if rapid.Bool().Draw(t, "typed") {
			in, notIn := lists(t, actorTypes)
			filter.Type = &audit.ActorTypeFilter{In: in, NotIn: notIn}
		}
		return filter
	})
}

func targetFilter() *rapid.Generator[*audit.TargetFilter] {
	return rapid.Custom(func(t *rapid.T) *audit.TargetFilter {
		return &audit.TargetFilter{Key: maybe(t, words), Type: maybe(t, kinds), VendorID: maybe(t, words), Name: maybe(t, words)}
	})
}
