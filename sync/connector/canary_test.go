package connector

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// canary is a vendor's fake that counts the connections to it.
type canary struct {
	*httptest.Server
	connections atomic.Int64
}

func newCanary(t *testing.T, secure bool) *canary {
	t.Helper()
	c := &canary{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{}`))
	}))
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	if secure {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

func (c *canary) port() string {
	return c.Listener.Addr().(*net.TCPAddr).AddrPort().String()[len("127.0.0.1:"):]
}

// guarded makes a client whose guard differs from the real one in letting the canary's port pass, so that it is the
// address alone that is judged.
func guarded(t *testing.T, c *canary, resolver *net.Resolver, allow ...netip.Prefix) *Client {
	t.Helper()
	port, err := strconv.ParseUint(c.port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	guard := NewGuard(allow)
	guard.ports = append(guard.ports, uint16(port))
	guard.resolver = resolver
	client := NewClient(ClientOptions{Guard: guard, Timeout: 5 * time.Second, Now: time.Now})
	if c.TLS != nil {
		client.transport.secure.TLSClientConfig.RootCAs = c.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// answering resolves every name to one address after the other, and goes on with the last one.
func answering(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for n := 0; ; {
			question := make([]byte, 512)
			size, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			reply, answered := dnsReply(question[:size], netip.MustParseAddr(addresses[min(n, len(addresses)-1)]))
			if answered {
				n++
			}
			_, _ = server.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// dnsReply answers the one question of a message, RFC 1035 section 4: with an address if it asks for A, else with
// nothing.
func dnsReply(question []byte, address netip.Addr) (reply []byte, answered bool) {
	const header, typeA, minute = 12, 1, 60
	end := header
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	asked := binary.BigEndian.Uint16(question[end+1:])
	reply = append(reply, question[:end+5]...)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer to one question, no records
	if asked != typeA {
		return reply, false
	}
	reply[7] = 1 // one record, for the name at offset 12
	reply = append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, minute, 0, 4)
	return append(reply, address.AsSlice()...), true
}
