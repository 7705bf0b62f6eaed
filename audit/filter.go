package audit

import "time"

// Filter is the one filter of lists, facets, series, subscriptions and token restrictions. All given fields must hold;
// nil is no condition. Its JSON is the API's input object.
type Filter struct {
	Type        *StringFilter   `json:"type,omitempty"`
	Action      *ActionFilter   `json:"action,omitempty"`
	Category    *CategoryFilter `json:"category,omitempty"`
	Integration *IDFilter       `json:"integration,omitempty"`
	Connector   *StringFilter   `json:"connector,omitempty"`
	Actor       *ActorFilter    `json:"actor,omitempty"`
	OnBehalfOf  *ActorFilter    `json:"onBehalfOf,omitempty"`
	Target      *TargetFilter   `json:"target,omitempty"`
	Outcome     *OutcomeFilter  `json:"outcome,omitempty"`
	IP          *IPFilter       `json:"ip,omitempty"`
	Country     *StringFilter   `json:"country,omitempty"`
	City        *StringFilter   `json:"city,omitempty"`
	UserAgent   *StringFilter   `json:"userAgent,omitempty"`
	SessionID   *StringFilter   `json:"sessionId,omitempty"`
	RequestID   *StringFilter   `json:"requestId,omitempty"`
	VendorID    *StringFilter   `json:"vendorId,omitempty"`
	Path        *PathFilter     `json:"path,omitempty"`
	OccurredAt  *TimeFilter     `json:"occurredAt,omitempty"`
	RecordedAt  *TimeFilter     `json:"recordedAt,omitempty"`
	Seq         *LongRange      `json:"seq,omitempty"`
	And         []*Filter       `json:"and,omitempty"`
	Or          []*Filter       `json:"or,omitempty"`
	Not         *Filter         `json:"not,omitempty"`
}

// StringFilter is a condition on text, exact and case-sensitive.
type StringFilter struct {
	In     []string `json:"in,omitempty"`
	NotIn  []string `json:"notIn,omitempty"` // absent values match
	Prefix []string `json:"prefix,omitempty"`
	Exists *bool    `json:"exists,omitempty"`
}

// ActionFilter is a condition on the verb.
type ActionFilter struct {
	In    []Action `json:"in,omitempty"`
	NotIn []Action `json:"notIn,omitempty"`
}

// CategoryFilter is a condition on the area.
type CategoryFilter struct {
	In    []Category `json:"in,omitempty"`
	NotIn []Category `json:"notIn,omitempty"`
}

// OutcomeFilter is a condition on the outcome.
type OutcomeFilter struct {
	In    []Outcome `json:"in,omitempty"`
	NotIn []Outcome `json:"notIn,omitempty"`
}

// ActorTypeFilter is a condition on the kind of an actor.
type ActorTypeFilter struct {
	In    []ActorType `json:"in,omitempty"`
	NotIn []ActorType `json:"notIn,omitempty"`
}

// PathFilter is a condition on the way of arrival.
type PathFilter struct {
	In    []Path `json:"in,omitempty"`
	NotIn []Path `json:"notIn,omitempty"`
}

// IDFilter is a condition on a global id. Ids that are unknown, malformed or another tenant's match nothing.
type IDFilter struct {
	In    []string `json:"in,omitempty"`
	NotIn []string `json:"notIn,omitempty"`
}

// IPFilter is a condition on an address: single addresses or CIDR, v4 and v6.
type IPFilter struct {
	In     []string `json:"in,omitempty"`
	NotIn  []string `json:"notIn,omitempty"` // absent addresses match
	Exists *bool    `json:"exists,omitempty"`
}

// ActorFilter is a condition on an actor.
type ActorFilter struct {
	Key      *StringFilter    `json:"key,omitempty"`
	Type     *ActorTypeFilter `json:"type,omitempty"`
	VendorID *StringFilter    `json:"vendorId,omitempty"`
	Name     *StringFilter    `json:"name,omitempty"`
	Email    *StringFilter    `json:"email,omitempty"`
}

// TargetFilter is a condition that one and the same target fulfils as a whole. An activity without targets fulfils
// what only asks for absence.
type TargetFilter struct {
	Key      *StringFilter `json:"key,omitempty"`
	Type     *StringFilter `json:"type,omitempty"`
	VendorID *StringFilter `json:"vendorId,omitempty"`
	Name     *StringFilter `json:"name,omitempty"`
}

// TimeFilter is a condition on a time: either from and to, or last.
type TimeFilter struct {
	From *time.Time `json:"from,omitempty"` // inclusive
	To   *time.Time `json:"to,omitempty"`   // exclusive
	Last *Duration  `json:"last,omitempty"` // at or after now minus this, no upper end
}

// LongRange is a range of whole numbers, both ends inclusive.
type LongRange struct {
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
}
