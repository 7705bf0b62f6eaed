package location

import (
	"encoding/binary"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// object is a map in the order in which it is written.
type object []field

type field struct {
	key   string
	value any
}

// writeFile makes a small database of the MaxMind format, IPv6 with IPv4 at ::/96, 24 bits a record, and gives its
// path. The format is described at https://maxmind.github.io/MaxMind-DB/.
func writeFile(t *testing.T, records map[string]object) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, fileBytes(records), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fileBytes(records map[string]object) []byte {
	const empty = -1
	nodes := [][2]int{{empty, empty}} // what a bit leads to: a node, empty, or data at ^(offset+1)
	var data []byte
	for network, record := range records {
		insert(&nodes, netip.MustParsePrefix(network), ^(len(data) + 1))
		data = appendValue(data, record)
	}
	var file []byte
	for _, node := range nodes {
		for _, to := range node {
			switch {
			case to == empty:
				to = len(nodes)
			case to < 0:
				to = len(nodes) + 16 + ^to - 1
			}
			file = append(file, byte(to>>16), byte(to>>8), byte(to))
		}
	}
	file = append(append(file, make([]byte, 16)...), data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	return appendValue(file, object{
		{"binary_format_major_version", uint16(2)},
		{"binary_format_minor_version", uint16(0)},
		{"build_epoch", uint64(1)},
		{"database_type", "Test"},
		{"description", object{}},
		{"ip_version", uint16(6)},
		{"languages", []any{}},
		{"node_count", uint32(len(nodes))},
		{"record_size", uint16(24)},
	})
}

func insert(nodes *[][2]int, network netip.Prefix, leaf int) {
	addr, bits := network.Addr().As16(), network.Bits()
	if network.Addr().Is4() {
		addr, bits = [16]byte{}, bits+96
		v4 := network.Addr().As4()
		copy(addr[12:], v4[:])
	}
	node := 0
	for i := range bits {
		bit := int(addr[i/8]>>(7-i%8)) & 1
		if i == bits-1 {
			(*nodes)[node][bit] = leaf
			return
		}
		if (*nodes)[node][bit] < 0 {
			*nodes = append(*nodes, [2]int{-1, -1})
			(*nodes)[node][bit] = len(*nodes) - 1
		}
		node = (*nodes)[node][bit]
	}
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return append(appendControl(b, 2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(appendControl(b, 3, 8), math.Float64bits(v))
	case float32:
		return binary.BigEndian.AppendUint32(appendControl(b, 15, 4), math.Float32bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(appendControl(b, 5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(appendControl(b, 6, 4), v)
	case int32:
		return binary.BigEndian.AppendUint32(appendControl(b, 8, 4), uint32(v))
	case uint64:
		return binary.BigEndian.AppendUint64(appendControl(b, 9, 8), v)
	case object:
		b = appendControl(b, 7, len(v))
		for _, f := range v {
			b = appendValue(appendValue(b, f.key), f.value)
		}
		return b
	case []any:
		b = appendControl(b, 11, len(v))
		for _, element := range v {
			b = appendValue(b, element)
		}
		return b
	}
	panic("no such kind of value")
}

// appendControl writes kind and size of a value. Kinds beyond 7 are extended; sizes from 29 on take another byte.
func appendControl(b []byte, kind, size int) []byte {
	var more []byte
	if size >= 29 {
		more, size = []byte{byte(size - 29)}, 29
	}
	if kind > 7 {
		return slices.Concat(b, []byte{byte(size), byte(kind - 7)}, more)
	}
	return slices.Concat(b, []byte{byte(kind<<5 | size)}, more)
}
