package connector

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const dialTimeout = 10 * time.Second

// Guard decides which addresses the connectors may contact, since integrations name hosts freely. It looks at the
// address that a name was resolved to, at every dial, so that a name which changes its address does not get around it.
//
// Public addresses are reached by https on port 443. What lies in an allowed network is reached on any port, also by
// plain http. All else, every special-purpose network of IANA's registries included, is refused.
type Guard struct {
	allow    []netip.Prefix
	ports    []uint16      // of public addresses
	resolver *net.Resolver // nil: the system's
}

// NewGuard makes a guard that lets the operator's networks be contacted beside public ones.
func NewGuard(allow []netip.Prefix) *Guard {
	g := &Guard{ports: []uint16{443}}
	for _, network := range allow {
		g.allow = append(g.allow, unmapped(network.Masked()))
	}
	return g
}

// CheckURL checks a setting of kind URL before anything is contacted. Its errors are *Failure with a sentence that may
// be shown: ConfigurationWrong for what is no https address, AddressRefused for an address that is not allowed. Plain
// http and other ports pass for an allowed address, and for a name while any network is allowed; what the name resolves
// to is checked when it is dialled.
func (g *Guard) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return Fail(ConfigurationWrong, errors.New("must be an address like https://api.example.com"))
	case u.User != nil:
		return Fail(ConfigurationWrong, errors.New("must not hold a user name or password"))
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return Fail(ConfigurationWrong, errors.New("must not hold a fragment"))
	case u.Scheme != "https" && u.Scheme != "http":
		return Fail(ConfigurationWrong, errors.New("must begin with https://"))
	}
	return g.checkHost(u)
}

// hostName matches names, and none of the other spellings of addresses, which end in a number: 127.1, 0x7f.1,
// 2130706433. What is not ASCII is not matched either, since the resolver may fold it into an address.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_-]+\.)*[A-Za-z][A-Za-z0-9_-]*\.?$`)

func (g *Guard) checkHost(u *url.URL) error {
	addr, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	number, err := strconv.ParseUint(port(u), 10, 16)
	switch {
	case err != nil || number == 0:
		return Fail(ConfigurationWrong, errors.New("must not name a port beyond 65535"))
	case literal && addr.Zone() != "":
		return Fail(AddressRefused, errors.New("must not name a zone"))
	case literal && within(g.allow, addr):
		return nil
	case literal && within(deniedNetworks, addr):
		return Fail(AddressRefused, errors.New("must not be an address that is private or reserved"))
	case !literal && !hostName.MatchString(u.Hostname()):
		return Fail(ConfigurationWrong, errors.New("must name a host in ASCII letters"))
	case !literal && len(g.allow) > 0:
		return nil // what it resolves to may be allowed
	case u.Scheme != "https" || !slices.Contains(g.ports, uint16(number)):
		return Fail(ConfigurationWrong, errors.New("must begin with https:// and name no port"))
	}
	return nil
}

// dialer dials for one kind of connection. The check comes behind the look-up of the name, right before connecting.
func (g *Guard) dialer(secure bool) *net.Dialer {
	return &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			return g.check(address, secure)
		},
	}
}

func (g *Guard) check(address string, secure bool) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return Fail(AddressRefused, fmt.Errorf("reading address: %w", err))
	}
	switch {
	case within(g.allow, to.Addr()):
		return nil
	case within(deniedNetworks, to.Addr()):
		return Fail(AddressRefused, fmt.Errorf("%s is private or reserved", to.Addr()))
	case !secure:
		return Fail(AddressRefused, errors.New("plain http is for allowed networks only"))
	case !slices.Contains(g.ports, to.Port()):
		return Fail(AddressRefused, fmt.Errorf("port %d is for allowed networks only", to.Port()))
	}
	return nil
}
