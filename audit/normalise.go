package audit

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of a filter.
const (
	// MaxFilterValues is of the values of all lists, with the conditions that have no list.
	MaxFilterValues = 1000
	MaxFilterDepth  = 12
)

// Normalise checks a filter and makes the tree of it that backends evaluate. Relative times are resolved by now,
// global ids by the tenant. A nil filter is no condition. Mistakes are ArgumentErrors whose argument begins with at,
// `activities.filter`.
func (f *Filter) Normalise(at string, tenant TenantID, now time.Time) (All, error) {
	n := normaliser{tenant: tenant, now: now}
	where := n.filter(f, at, 0)
	if n.err == nil && n.terms > MaxFilterValues {
		n.fail(at, "at most %d values of all lists and conditions without a list together, got %d", MaxFilterValues, n.terms)
	}
	if n.err != nil {
		return nil, n.err
	}
	return where, nil
}

// normaliser walks a filter and remembers the first mistake.
type normaliser struct {
	tenant TenantID
	now    time.Time
	terms  int // values of lists, and conditions without a list
	err    error
}

func (n *normaliser) fail(at, format string, args ...any) {
	if n.err == nil {
		n.err = BadArgument(at, format, args...)
	}
}

func (n *normaliser) filter(f *Filter, at string, depth int) All {
	if f == nil || n.err != nil {
		return All{}
	}
	if depth > MaxFilterDepth {
		n.fail(at, "and, or and not may be nested at most %d deep", MaxFilterDepth)
		return All{}
	}
	where := All{}
	add := func(parts ...Expr) { where = append(where, parts...) }

	add(n.text(f.Type, FieldType, at+".type")...)
	if f.Action != nil {
		add(closedSet(n, f.Action.In, f.Action.NotIn, FieldAction, at+".action")...)
	}
	if f.Category != nil {
		add(closedSet(n, f.Category.In, f.Category.NotIn, FieldCategory, at+".category")...)
	}
	if f.Integration != nil {
		add(n.integrations(f.Integration, at+".integration")...)
	}
	add(n.text(f.Connector, FieldConnector, at+".connector")...)
	if f.Actor != nil {
		add(n.actor(f.Actor, actorFields, at+".actor")...)
	}
	if f.OnBehalfOf != nil {
		add(n.actor(f.OnBehalfOf, behalfFields, at+".onBehalfOf")...)
	}
	if f.Target != nil {
		if of := n.target(f.Target, at+".target"); len(of) > 0 {
			add(SomeTarget{Of: of, Root: depth == 0})
		}
	}
	if f.Outcome != nil {
		add(closedSet(n, f.Outcome.In, f.Outcome.NotIn, FieldOutcome, at+".outcome")...)
	}
	if f.IP != nil {
		add(n.ip(f.IP, at+".ip")...)
	}
	add(n.text(f.Country, FieldCountry, at+".country")...)
	add(n.text(f.City, FieldCity, at+".city")...)
	add(n.text(f.UserAgent, FieldUserAgent, at+".userAgent")...)
	add(n.text(f.SessionID, FieldSession, at+".sessionId")...)
	add(n.text(f.RequestID, FieldRequest, at+".requestId")...)
	add(n.text(f.VendorID, FieldVendorID, at+".vendorId")...)
	if f.Path != nil {
		add(closedSet(n, f.Path.In, f.Path.NotIn, FieldPath, at+".path")...)
	}
	add(n.time(f.OccurredAt, FieldOccurred, at+".occurredAt")...)
	add(n.time(f.RecordedAt, FieldRecorded, at+".recordedAt")...)
	if f.Seq != nil && (f.Seq.Min != nil || f.Seq.Max != nil) {
		n.terms++
		add(SeqBetween{Min: f.Seq.Min, Max: f.Seq.Max})
	}
	return append(where, n.combined(f, at, depth)...)
}

// combined makes the parts under and, or and not. Those under and join the top, since they mean the same there.
func (n *normaliser) combined(f *Filter, at string, depth int) All {
	var parts All
	n.filled(f.And, at+".and")
	for _, part := range f.And {
		parts = append(parts, n.part(part, at+".and", depth+1)...)
	}
	n.filled(f.Or, at+".or")
	if len(f.Or) > 0 {
		var either Any
		for _, part := range f.Or {
			either = append(either, n.part(part, at+".or", depth+1))
		}
		parts = append(parts, either)
	}
	if f.Not != nil {
		parts = append(parts, Not{Of: n.part(f.Not, at+".not", depth+1)})
	}
	return parts
}

// part is a filter within another. One without a condition counts as one, since it is evaluated like one.
func (n *normaliser) part(f *Filter, at string, depth int) All {
	before := n.terms
	where := n.filter(f, at, depth)
	if n.terms == before {
		n.terms++
	}
	return where
}

func (n *normaliser) filled(list []*Filter, at string) {
	if list != nil && len(list) == 0 {
		n.fail(at, "must not be empty: leave it out instead")
	}
}

// list counts a list's values and refuses an empty one, which would mean nothing or everything.
func (n *normaliser) list(values []string, at string) []string {
	if values != nil && len(values) == 0 {
		n.fail(at, "must not be empty: leave it out instead")
	}
	n.terms += len(values)
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func (n *normaliser) text(f *StringFilter, field Field, at string) All {
	if f == nil {
		return nil
	}
	parts := n.in(f.In, f.NotIn, field, at)
	if prefixes := n.list(f.Prefix, at+".prefix"); len(prefixes) > 0 {
		parts = append(parts, Prefix{Field: field, Values: prefixes})
	}
	return append(parts, n.exists(f.Exists, field)...)
}

func (n *normaliser) exists(wanted *bool, field Field) All {
	if wanted == nil {
		return nil
	}
	n.terms++
	return All{Has{Field: field, Negated: !*wanted}}
}

func (n *normaliser) in(in, notIn []string, field Field, at string) All {
	var parts All
	if values := n.list(in, at+".in"); len(values) > 0 {
		parts = append(parts, In{Field: field, Values: values})
	}
	if values := n.list(notIn, at+".notIn"); len(values) > 0 {
		parts = append(parts, In{Field: field, Values: values, Negated: true})
	}
	return parts
}

func closedSet[T ~string](n *normaliser, in, notIn []T, field Field, at string) All {
	return n.in(texts(in), texts(notIn), field, at)
}

func texts[T ~string](values []T) []string {
	if values == nil {
		return nil
	}
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

func (n *normaliser) integrations(f *IDFilter, at string) All {
	var parts All
	if f.In != nil {
		parts = append(parts, InIntegrations{IDs: n.integrationIDs(f.In, at+".in")})
	}
	if f.NotIn != nil {
		parts = append(parts, InIntegrations{IDs: n.integrationIDs(f.NotIn, at+".notIn"), Negated: true})
	}
	return parts
}

// integrationIDs leaves out what is no id of this tenant: it matches nothing and is no error.
func (n *normaliser) integrationIDs(values []string, at string) []IntegrationID {
	ids := []IntegrationID{}
	for _, value := range n.list(values, at) {
		if id, ok := ParseID(value); ok && id.Kind == KindIntegration && id.Tenant == n.tenant {
			ids = append(ids, IntegrationID(id.Number))
		}
	}
	return ids
}

var (
	actorFields  = [5]Field{FieldActor, FieldActorType, FieldActorID, FieldActorName, FieldActorEmail}
	behalfFields = [5]Field{FieldBehalf, FieldBehalfType, FieldBehalfID, FieldBehalfName, FieldBehalfEmail}
)

// actor takes the fields in the order key, type, vendor id, name, e-mail.
func (n *normaliser) actor(f *ActorFilter, fields [5]Field, at string) All {
	parts := n.text(f.Key, fields[0], at+".key")
	if f.Type != nil {
		parts = append(parts, closedSet(n, f.Type.In, f.Type.NotIn, fields[1], at+".type")...)
	}
	parts = append(parts, n.text(f.VendorID, fields[2], at+".vendorId")...)
	parts = append(parts, n.text(f.Name, fields[3], at+".name")...)
	return append(parts, n.text(f.Email, fields[4], at+".email")...)
}

func (n *normaliser) target(f *TargetFilter, at string) All {
	parts := n.text(f.Key, FieldTarget, at+".key")
	parts = append(parts, n.text(f.Type, FieldTargetType, at+".type")...)
	parts = append(parts, n.text(f.VendorID, FieldTargetID, at+".vendorId")...)
	return append(parts, n.text(f.Name, FieldTargetName, at+".name")...)
}

func (n *normaliser) ip(f *IPFilter, at string) All {
	var parts All
	if networks := n.networks(f.In, at+".in"); len(networks) > 0 {
		parts = append(parts, InNetworks{Networks: networks})
	}
	if networks := n.networks(f.NotIn, at+".notIn"); len(networks) > 0 {
		parts = append(parts, InNetworks{Networks: networks, Negated: true})
	}
	return append(parts, n.exists(f.Exists, FieldIP)...)
}

func (n *normaliser) networks(values []string, at string) []netip.Prefix {
	var networks []netip.Prefix
	for _, value := range n.list(values, at) {
		network, err := parseNetwork(value)
		if err != nil {
			n.fail(at, "%q is no address and no CIDR without host bits, like 203.0.113.9 or 203.0.113.0/24", value)
			return nil
		}
		networks = append(networks, network)
	}
	return networks
}

func parseNetwork(value string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(value); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(value)
	if err != nil {
		return netip.Prefix{}, err
	}
	if network.Masked() != network {
		return netip.Prefix{}, errHostBits
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network, nil
}

func (n *normaliser) time(f *TimeFilter, field Field, at string) All {
	if f == nil || f.From == nil && f.To == nil && f.Last == nil {
		return nil
	}
	n.terms++
	switch {
	case f.Last != nil && (f.From != nil || f.To != nil):
		n.fail(at+".last", "give either last, or from and to")
		return nil
	case f.Last != nil:
		return All{Between{Field: field, From: n.ago(time.Duration(*f.Last), at+".last")}}
	}
	between := Between{Field: field, From: n.moment(f.From, at+".from"), To: n.moment(f.To, at+".to")}
	if f.From != nil && f.To != nil && between.From.After(between.To) {
		n.fail(at+".from", "must not be after to")
	}
	return All{between}
}

func (n *normaliser) ago(last time.Duration, at string) time.Time {
	switch {
	case last < 0:
		n.fail(at, "must not be negative")
	case last%time.Microsecond != 0:
		n.fail(at, "must have at most six decimals")
	}
	return n.now.Add(-last)
}

// moment is a given end of a time. The zero time is none: it stands for an open end. Times of activities are whole
// microseconds, so a finer end means the next of them.
func (n *normaliser) moment(t *time.Time, at string) time.Time {
	if t == nil {
		return time.Time{}
	}
	moment := t.UTC().Add(time.Microsecond - 1).Truncate(time.Microsecond)
	if !moment.After(time.Time{}) || moment.Year() > 9999 {
		n.fail(at, "must lie behind the beginning of the year 1 and before the year 10000, in UTC")
	}
	return moment
}
