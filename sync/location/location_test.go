package location

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"annals/audit"
)

func TestFindNestedAndFlat(t *testing.T) {
	t.Parallel()
	names := func(en string) object { return object{{"names", object{{"de", "anders"}, {"en", en}}}} }
	cities := writeFile(t, map[string]object{
		"8.8.8.0/24": {
			{"city", names("Aarhus")},
			{"country", object{{"iso_code", "DK"}, {"names", object{{"en", "Denmark"}}}}},
			{"location", object{{"latitude", 56.1}, {"longitude", 10.2}}},
			{"subdivisions", []any{names("Central Jutland"), names("inner")}},
		},
		"8.8.4.0/24":     {{"country", object{{"names", object{{"en", "Nowhere"}}}}}}, // a country without a code
		"2600:1000::/24": {{"country", object{{"iso_code", "US"}}}},
		"9.9.9.0/24": {
			{"country_code", "se"},
			{"country", "Sweden"},
			{"state1", "Skåne"},
			{"city", "Malmö"},
			{"latitude", float32(55.5)},
			{"longitude", "13.0"},
			{"as_number", int32(64500)},
			{"as_organization", "Flat Network"},
		},
		"9.9.8.0/24": {{"country", "NO"}, {"region", "Viken"}, {"asn", "AS64501"}, {"as_name", "Named"}},
		"9.9.7.0/24": {{"latitude", 91.0}, {"longitude", 1.0}, {"asn", "ASNaN"}, {"city", "Out \xff There"}},
		"9.9.6.0/24": {{"latitude", 1.0}},
	})
	networks := writeFile(t, map[string]object{
		"8.8.0.0/16": {{"autonomous_system_number", uint32(64496)}, {"autonomous_system_organization", "Example"}},
		"9.9.9.0/24": {{"autonomous_system_number", uint32(1)}, {"autonomous_system_organization", "Later"}},
	})
	d := open(t, cities, networks)
	tests := map[string]*audit.Location{
		"8.8.8.8": {
			Country: "DK", Region: "Central Jutland", City: "Aarhus", Latitude: new(56.1), Longitude: new(10.2),
			ASN: new(int64(64496)), ASOrganization: "Example",
		},
		"::ffff:8.8.8.8": {
			Country: "DK", Region: "Central Jutland", City: "Aarhus", Latitude: new(56.1), Longitude: new(10.2),
			ASN: new(int64(64496)), ASOrganization: "Example",
		},
		"8.8.4.4":      {ASN: new(int64(64496)), ASOrganization: "Example"},
		"8.8.100.1":    {ASN: new(int64(64496)), ASOrganization: "Example"},
		"2600:1000::7": {Country: "US"},
		"9.9.9.9": {
			Country: "SE", Region: "Skåne", City: "Malmö", Latitude: new(55.5), Longitude: new(13.0),
			ASN: new(int64(64500)), ASOrganization: "Flat Network",
		},
		"9.9.8.9":      {Country: "NO", Region: "Viken", ASN: new(int64(64501)), ASOrganization: "Named"},
		"9.9.7.9":      {City: "Out \uFFFD There"},
		"9.9.6.9":      nil,
		"1.1.1.1":      nil,
		"2600:2000::7": nil,
	}
	for addr, want := range tests {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			if want != nil {
				want.Source = audit.LocationLookup
			}
			if got := d.Find(netip.MustParseAddr(addr)); !reflect.DeepEqual(got, want) {
				t.Errorf("Find(%s) = %+v, want %+v", addr, got, want)
			}
		})
	}
}

// everywhere is a database that has an entry for every address, so that only the rule can keep an address out.
func everywhere(t *testing.T) *Database {
	t.Helper()
	return open(t, writeFile(t, map[string]object{
		"::/1": {{"country", object{{"iso_code", "XX"}}}}, "8000::/1": {{"country", object{{"iso_code", "XX"}}}},
	}))
}

func TestFindLeavesUnplacedAlone(t *testing.T) {
	t.Parallel()
	d := everywhere(t)
	for _, addr := range []string{
		"10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"224.0.0.1", "239.1.1.1", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.0.8", "198.18.0.1",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "::ffff:10.0.0.1",
		"::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
	} {
		if got := d.Find(netip.MustParseAddr(addr)); got != nil {
			t.Errorf("Find(%s) = %+v, want nil", addr, got)
		}
	}
	if got := d.Find(netip.Addr{}); got != nil {
		t.Errorf("Find(no address) = %+v, want nil", got)
	}
	for _, addr := range []string{"1.1.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2a00::1"} {
		if got := d.Find(netip.MustParseAddr(addr)); got == nil || got.Country != "XX" {
			t.Errorf("Find(%s) = %+v, want the entry", addr, got)
		}
	}
}

func TestLocateKeepsVendorPlace(t *testing.T) {
	t.Parallel()
	d := everywhere(t)
	vendor := &audit.Location{City: "Lund", Source: audit.LocationVendor}
	origin := audit.Origin{IP: netip.MustParseAddr("1.1.1.1"), Location: vendor}
	d.Locate(&origin)
	if origin.Location != vendor || origin.Location.Country != "" {
		t.Errorf("the vendor's place became %+v", origin.Location)
	}
	origin.Location = nil
	d.Locate(&origin)
	if origin.Location == nil || origin.Location.Source != audit.LocationLookup {
		t.Errorf("an origin without place got %+v, want a look-up", origin.Location)
	}
	origin = audit.Origin{}
	d.Locate(&origin)
	if origin.Location != nil {
		t.Errorf("an origin without address got %+v", origin.Location)
	}
}

func TestOpenWithoutFiles(t *testing.T) {
	t.Parallel()
	if got := open(t).Find(netip.MustParseAddr("1.1.1.1")); got != nil {
		t.Errorf("Find = %+v, want nil", got)
	}
}

func TestOpenRefusesBrokenFiles(t *testing.T) {
	t.Parallel()
	good := fileBytes(map[string]object{"1.1.1.0/24": {{"city", "Here"}}})
	tests := map[string][]byte{
		"empty":        {},
		"text":         []byte("not a database"),
		"cut short":    good[:len(good)/2],
		"no metadata":  good[:len(good)-20],
		"only its end": good[len(good)-200:],
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "broken.mmdb")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := Open(writeFile(t, nil), path)
			if d != nil || err == nil || !strings.Contains(err.Error(), "ANNALS_GEOIP") || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, %v, want an error with the variable and the file", d, err)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing.mmdb")); err == nil || !strings.Contains(err.Error(), "ANNALS_GEOIP") {
		t.Errorf("Open of a missing file: %v, want an error with the variable", err)
	}
}

// Damage within the data must cost the place and nothing else.
func TestFindSurvivesDamage(t *testing.T) {
	t.Parallel()
	good := fileBytes(map[string]object{"1.1.1.0/24": {{"city", "Here"}, {"country_code", "SE"}, {"asn", "AS1"}}})
	for i := range good {
		damaged := append([]byte(nil), good...)
		damaged[i] ^= 0xff
		path := filepath.Join(t.TempDir(), "damaged.mmdb")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(path)
		if err != nil {
			continue
		}
		d.Find(netip.MustParseAddr("1.1.1.1"))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindConcurrently(t *testing.T) {
	t.Parallel()
	d := everywhere(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				if d.Find(netip.AddrFrom4([4]byte{1, byte(i), byte(j), 1})) == nil {
					t.Error("nothing found")
				}
			}
		})
	}
	group.Wait()
}

func TestFindInPublishedFiles(t *testing.T) {
	t.Parallel()
	const folder = "../../../shared/fixtures/geoip/"
	cities, networks := folder+"GeoLite2-City-Test.mmdb", folder+"GeoLite2-ASN-Test.mmdb"
	if _, err := os.Stat(cities); err != nil {
		t.Skip("the publisher's test databases are not here: " + err.Error())
	}
	d := open(t, cities, networks)
	got := d.Find(netip.MustParseAddr("89.160.20.113"))
	want := &audit.Location{
		Country: "SE", Region: "Östergötland County", City: "Linköping", Latitude: new(58.4167), Longitude: new(15.6167),
		ASN: new(int64(29518)), ASOrganization: "Bredband2 AB", Source: audit.LocationLookup,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("a city with its network: %+v, want %+v", got, want)
	}
	if got := d.Find(netip.MustParseAddr("2a02:cf40::1")); got == nil || got.Country != "NO" || got.City != "" {
		t.Errorf("a country: %+v, want NO without a city", got)
	}
	if got := d.Find(netip.MustParseAddr("1.128.0.1")); got == nil || got.Country != "" || *got.ASN != 1221 {
		t.Errorf("a network alone: %+v, want AS1221", got)
	}
}

func BenchmarkFind(b *testing.B) {
	d, err := Open("../../../shared/fixtures/geoip/GeoLite2-City-Test.mmdb", "../../../shared/fixtures/geoip/GeoLite2-ASN-Test.mmdb")
	if err != nil {
		b.Skip("the publisher's test databases are not here: " + err.Error())
	}
	addr := netip.MustParseAddr("89.160.20.113")
	for b.Loop() {
		d.Find(addr)
	}
}

func open(t *testing.T, paths ...string) *Database {
	t.Helper()
	d, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
