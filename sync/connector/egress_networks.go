package connector

import (
	"net/netip"
	"slices"
)

// deniedNetworks are those that IANA's special-purpose address registries list (RFC 6890 and its successors), those
// that they leave out because they are no unicast, and the metadata address of one cloud that looks public. Networks
// whose addresses embed an IPv4 address are denied as a whole, since a translator behind them may lead anywhere.
var deniedNetworks = networks(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by carriers
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's platform
	"169.254.0.0/16",   // link-local, with the metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // AMT
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/3",      // multicast, reserved, broadcast

	// Global unicast is 2000::/3. Outside of it lie ::, ::1, IPv4-compatible addresses, NAT64 64:ff9b::, discard 100::,
	// segment routing 5f00::, unique local fc00::, link-local fe80:: and multicast ff00::.
	"::/3",
	"4000::/2",
	"8000::/1",
	"2001::/23",         // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

func networks(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// within compares IPv4-mapped addresses as IPv4 ones.
func within(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// unmapped writes a network of IPv4-mapped addresses as one of IPv4.
func unmapped(network netip.Prefix) netip.Prefix {
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		return netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network
}
