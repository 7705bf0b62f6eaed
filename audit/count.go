package audit

import "time"

// FacetField is a field whose values can be counted.
type FacetField string

// The facet fields.
const (
	FacetType        FacetField = "TYPE"
	FacetAction      FacetField = "ACTION"
	FacetCategory    FacetField = "CATEGORY"
	FacetIntegration FacetField = "INTEGRATION"
	FacetConnector   FacetField = "CONNECTOR"
	FacetActor       FacetField = "ACTOR"
	FacetActorType   FacetField = "ACTOR_TYPE"
	FacetOutcome     FacetField = "OUTCOME"
	FacetCountry     FacetField = "COUNTRY"
	FacetCity        FacetField = "CITY"
	FacetIP          FacetField = "IP"
	FacetTarget      FacetField = "TARGET"
	FacetTargetType  FacetField = "TARGET_TYPE"
	FacetPath        FacetField = "PATH"
)

// Field is what the filter calls the facet.
func (f FacetField) Field() Field {
	switch f {
	case FacetType:
		return FieldType
	case FacetAction:
		return FieldAction
	case FacetCategory:
		return FieldCategory
	case FacetIntegration:
		return FieldIntegration
	case FacetConnector:
		return FieldConnector
	case FacetActor:
		return FieldActor
	case FacetActorType:
		return FieldActorType
	case FacetOutcome:
		return FieldOutcome
	case FacetCountry:
		return FieldCountry
	case FacetCity:
		return FieldCity
	case FacetIP:
		return FieldIP
	case FacetTarget:
		return FieldTarget
	case FacetTargetType:
		return FieldTargetType
	case FacetPath:
		return FieldPath
	}
	return ""
}

// Valid reports whether f is one of the fields.
func (f FacetField) Valid() bool { return f.Field() != "" }

// GroupBy is a field with one value per activity that a series can be split by. Its values are FacetFields.
type GroupBy = FacetField

// FacetArgs are the arguments of facets.
type FacetArgs struct {
	Fields   []FacetField
	First    int
	Contains string
}

// FacetQuery asks a store for the counts of one field.
type FacetQuery struct {
	Field    FacetField
	Where    All      // without the field's own terms
	First    int      // values to list, most frequent first, then by value
	Contains string   // only values or labels that contain this without regard to case; of integrations only names
	Also     []string // values to list in any case, 0 when none matches
}

// Facets are counts per value of several fields, of one moment.
type Facets struct {
	Facets []*Facet
	Total  int64 // activities that match the whole filter
	AsOf   AsOf
}

// Facet is one field's counts.
type Facet struct {
	Field         FacetField
	Values        []*FacetValue
	Total         int64 // activities that match without the field's own terms
	DistinctCount int64 // values with a count above 0
	OtherCount    int64 // activities with at least one value that is not listed
	MissingCount  int64 // activities without a value
}

// FacetValue is one value of a facet.
type FacetValue struct {
	Value    string
	Label    string
	Count    int64
	Selected bool
}

// SeriesQuery asks a store for counts over time.
type SeriesQuery struct {
	Where   All
	Starts  []time.Time // ascending starts of the buckets
	End     time.Time   // end of the last one, exclusive
	GroupBy GroupBy     // empty for none
	Top     int
}

// SeriesArgs are the arguments of a time series.
type SeriesArgs struct {
	GroupBy  *GroupBy
	Interval *string
	Buckets  *int
	Zone     *time.Location
	Top      int
}

// Series is counts over time as parallel arrays, one element per bucket.
type Series struct {
	Zone       *time.Location
	Interval   string
	Starts     []time.Time
	End        time.Time // exclusive
	Totals     []int64
	Groups     []*SeriesGroup // largest first
	Other      []int64        // empty without grouping
	Missing    []int64        // empty without grouping
	Total      int64
	LaterCount int64 // matching activities that are dated after the range
	AsOf       AsOf
}

// SeriesGroup is one line of a series.
type SeriesGroup struct {
	Value  string
	Label  string
	Total  int64
	Counts []int64
}
