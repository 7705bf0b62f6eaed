package connector

import "net/netip"

// denied reports whether an address is no public one.
func denied(addr netip.Addr) bool { return within(deniedNetworks(), addr) }

// deniedNetworks are those that the IANA special-purpose address registries list (RFC 6890 and its successors), with
// what they do not list because it is no unicast, and one cloud's metadata address that looks public. Networks that
// embed an IPv4 address are denied as a whole, since a translator behind them may lead anywhere.
func deniedNetworks() []netip.Prefix {
	return []netip.Prefix{
		v4(0, 0, 0, 0, 8),        // this network
		v4(10, 0, 0, 0, 8),       // private
		v4(100, 64, 0, 0, 10),    // shared, carrier-grade NAT
		v4(127, 0, 0, 0, 8),      // loopback
		v4(168, 63, 129, 16, 32), // Azure's metadata
		v4(169, 254, 0, 0, 16),   // link-local, with the metadata of most clouds
		v4(172, 16, 0, 0, 12),    // private
		v4(192, 0, 0, 0, 24),     // protocol assignments
		v4(192, 0, 2, 0, 24),     // documentation
		v4(192, 31, 196, 0, 24),  // AS112
		v4(192, 52, 193, 0, 24),  // AMT
		v4(192, 88, 99, 0, 24),   // 6to4 relays
		v4(192, 168, 0, 0, 16),   // private
		v4(192, 175, 48, 0, 24),  // AS112
		v4(198, 18, 0, 0, 15),    // benchmarks
		v4(198, 51, 100, 0, 24),  // documentation
		v4(203, 0, 113, 0, 24),   // documentation
		v4(224, 0, 0, 0, 3),      // multicast, reserved, broadcast

		// Global unicast is 2000::/3. Outside of it are ::, ::1, IPv4-compatible, NAT64 64:ff9b::, discard-only 100::,
		// segment routing 5f00::, unique local fc00::, link-local fe80:: and multicast ff00::.
		v6(0x0000, 0, 0, 3),
		v6(0x4000, 0, 0, 2),
		v6(0x8000, 0, 0, 1),
		v6(0x2001, 0, 0, 23),           // protocol assignments: Teredo, benchmarks, ORCHID
		v6(0x2001, 0x0db8, 0, 32),      // documentation
		v6(0x2002, 0, 0, 16),           // 6to4
		v6(0x2620, 0x004f, 0x8000, 48), // AS112
		v6(0x3fff, 0, 0, 20),           // documentation
	}
}

func v4(a, b, c, d byte, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
}

func v6(a, b, c uint16, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{
		byte(a >> 8), byte(a), byte(b >> 8), byte(b), byte(c >> 8), byte(c),
	}), bits)
}

// within compares IPv4-mapped addresses as IPv4 ones.
func within(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// unmap writes a network of IPv4-mapped addresses as one of IPv4.
func unmap(network netip.Prefix) netip.Prefix {
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		return netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network
}
