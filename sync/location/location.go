// Package location looks up where an address is, in databases of the MaxMind format that the operator supplies.
//
// Two layouts of records are read: the nested one of GeoIP2 and GeoLite2 (City, Country, ASN), and the flat one of
// DB-IP and its relatives. Files are mapped into memory: replace one by renaming a new file over it, never by writing
// into it.
package location

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"

	"annals/audit"
)

// Database is the opened files. Look-ups may run at the same time; Close must come after the last of them.
type Database struct {
	files []*maxminddb.Reader
}

// Open opens the files that ANNALS_GEOIP names, typically one with cities and one with networks. Where several know
// the same thing, the first wins. Without files nothing is ever found. A file that is missing or broken is an error
// that names the variable and the file.
func Open(paths ...string) (*Database, error) {
	d := &Database{}
	for _, path := range paths {
		file, err := maxminddb.Open(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("ANNALS_GEOIP: opening address database %q: %w", path, err), d.Close())
		}
		d.files = append(d.files, file)
	}
	return d, nil
}

// Close gives the files back.
func (d *Database) Close() error {
	var errs []error
	for _, file := range d.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Locate fills in the place of an origin's address. A place that the vendor gave is kept.
func (d *Database) Locate(origin *audit.Origin) {
	if origin.Location == nil {
		origin.Location = d.Find(origin.IP)
	}
}

// Find gives the place of an address with source LOOKUP; nil when nothing is known of it, or when it is an address
// that belongs to no place.
func (d *Database) Find(addr netip.Addr) *audit.Location {
	addr = addr.Unmap()
	if !placed(addr) {
		return nil
	}
	var found audit.Location
	for _, file := range d.files {
		add(&found, file.Lookup(addr))
	}
	if found == (audit.Location{}) {
		return nil
	}
	found.Source = audit.LocationLookup
	return &found
}
