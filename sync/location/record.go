package location

import (
	"math"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"annals/audit"
)

// path leads to a value within a record: keys of maps, indices of lists.
type path []any

// Where each part of a place may be: first as GeoIP2 and GeoLite2 nest it, then the flat names of other publishers.
// A path that ends at something of another kind leads nowhere, so that a nested `country` is not taken for a code.
var (
	countryPaths      = []path{{"country", "iso_code"}, {"country_code"}, {"country"}}
	regionPaths       = []path{{"subdivisions", 0, "names", "en"}, {"region"}, {"state1"}}
	cityPaths         = []path{{"city", "names", "en"}, {"city"}}
	latitudePaths     = []path{{"location", "latitude"}, {"latitude"}}
	longitudePaths    = []path{{"location", "longitude"}, {"longitude"}}
	asnPaths          = []path{{"autonomous_system_number"}, {"as_number"}, {"asn"}}
	organizationPaths = []path{{"autonomous_system_organization"}, {"as_organization"}, {"as_name"}}
)

// add fills in what a record knows and the place does not. A damaged record knows nothing.
func add(to *audit.Location, record maxminddb.Result) {
	if !record.Found() {
		return
	}
	if to.Country == "" {
		to.Country = code(text(record, countryPaths))
	}
	if to.Region == "" {
		to.Region = text(record, regionPaths)
	}
	if to.City == "" {
		to.City = text(record, cityPaths)
	}
	if to.Latitude == nil {
		to.Latitude, to.Longitude = point(record)
	}
	if to.ASN == nil {
		to.ASN = asn(record)
		to.ASOrganization = text(record, organizationPaths)
	}
}

// code takes a country only where it is an ISO code and not a name.
func code(country audit.Text) audit.Text {
	if len(country) != 2 {
		return ""
	}
	return audit.Text(strings.ToUpper(string(country)))
}

// point gives both coordinates or none.
func point(record maxminddb.Result) (latitude, longitude *float64) {
	north, ok := number(record, latitudePaths)
	east, also := number(record, longitudePaths)
	if ok && also && north >= -90 && north <= 90 && east >= -180 && east <= 180 {
		return &north, &east
	}
	return nil, nil
}

// asn reads the number of a network, `AS64496` in some files.
func asn(record maxminddb.Result) *int64 {
	if n, ok := number(record, asnPaths); ok && n >= 1 && n <= math.MaxUint32 {
		return new(int64(n))
	}
	return nil
}

// text gives the first path's value that is text.
func text(record maxminddb.Result, paths []path) audit.Text {
	for _, p := range paths {
		if value, ok := at(record, p).(string); ok && value != "" {
			return audit.Text(strings.ToValidUTF8(value, "\uFFFD"))
		}
	}
	return ""
}

// number gives the first path's value that is a number or the text of one.
func number(record maxminddb.Result, paths []path) (float64, bool) {
	for _, p := range paths {
		switch value := at(record, p).(type) {
		case float64:
			return value, true
		case float32:
			return float64(value), true
		case uint64:
			return float64(value), true
		case int32:
			return float64(value), true
		case string:
			if n, err := strconv.ParseFloat(strings.TrimPrefix(value, "AS"), 64); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}

// at gives the value that a path leads to, nil when it leads nowhere.
func at(record maxminddb.Result, p path) any {
	var value any
	if record.DecodePath(&value, p...) != nil {
		return nil
	}
	return value
}
