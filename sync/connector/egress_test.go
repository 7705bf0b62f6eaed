package connector

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestGuardDeniesAddresses dials nothing: it asks the check that every dial asks.
func TestGuardDeniesAddresses(t *testing.T) {
	t.Parallel()
	guard := NewGuard(nil)
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.100.100.200",
		"100.127.255.255", "127.0.0.0", "127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.255", "168.63.129.16",
		"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.17.0.1", "172.31.255.255",
		"192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
		"192.168.0.0", "192.168.1.1", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::10.0.0.1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
		"::ffff:169.254.169.254", "::ffff:192.168.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:0001", "::ffff:0:127.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::1",
		"64:ff9b:1:ffff::10.0.0.1", "100::", "100::1", "100:0:0:1::1", "2001::", "2001:0:7f00:1::", "2001::1", "2001:2::1",
		"2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2001:db8:ffff::", "2002::", "2002:7f00:1::1",
		"2002:a00:1::", "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "6000::1",
		"8000::1", "c000::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd12:3456:789a::1", "fe80::1", "fe80::1%eth0",
		"febf::1", "fec0::1", "ff00::1", "ff02::1", "ff05::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		for _, secure := range []bool{true, false} {
			err := guard.check(net.JoinHostPort(address, "443"), secure)
			if ClassOf(err) != AddressRefused {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
}

func TestGuardLetsPublicAddressesThrough(t *testing.T) {
	t.Parallel()
	guard := NewGuard(nil)
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "2000::1", "2001:200::1",
		"2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::1",
	} {
		if err := guard.check(net.JoinHostPort(address, "443"), true); err != nil {
			t.Errorf("https: %v", err)
		}
		for _, port := range []string{"22", "80", "8443", "9200"} {
			if err := guard.check(net.JoinHostPort(address, port), true); ClassOf(err) != AddressRefused {
				t.Errorf("https on %s port %s: %v", address, port, err)
			}
		}
		if err := guard.check(net.JoinHostPort(address, "443"), false); ClassOf(err) != AddressRefused {
			t.Errorf("http on %s: %v", address, err)
		}
	}
}

func TestGuardAllowsNetworks(t *testing.T) {
	t.Parallel()
	guard := NewGuard([]netip.Prefix{
		netip.MustParsePrefix("10.1.2.3/16"), netip.MustParsePrefix("::ffff:192.168.7.0/120"), netip.MustParsePrefix("fd00:1::/32"),
	})
	for address, want := range map[string]bool{
		"10.1.0.1:80": true, "10.1.255.255:9200": true, "10.2.0.1:443": false, "[::ffff:10.1.0.1]:80": true,
		"192.168.7.9:8080": true, "192.168.8.9:8080": false, "[fd00:1::9]:80": true, "[fd00:2::9]:443": false,
		"127.0.0.1:443": false, "no address": false,
	} {
		if err := guard.check(address, false); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	open := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	closed := NewGuard(nil)
	const fine Class = -1
	tests := map[string]struct{ closed, open Class }{
		"https://api.example.com":                  {fine, fine},
		"https://api.example.com/":                 {fine, fine},
		"https://api.example.com:443/v3":           {fine, fine},
		"HTTPS://API.EXAMPLE.COM":                  {fine, fine},
		"https://xn--bcher-kva.example":            {fine, fine},
		"https://api.example.com.":                 {fine, fine},
		"https://8.8.8.8":                          {fine, fine},
		"https://[2001:4860:4860::8888]/":          {fine, fine},
		"https://localhost":                        {fine, fine}, // refused when it is dialled
		"http://api.example.com":                   {ConfigurationWrong, fine},
		"http://localhost:8080":                    {ConfigurationWrong, fine},
		"https://api.example.com:8443":             {ConfigurationWrong, fine},
		"http://127.0.0.1:8080":                    {AddressRefused, fine},
		"http://[::ffff:127.0.0.1]:8080":           {AddressRefused, fine},
		"https://%31%32%37.0.0.1":                  {ConfigurationWrong, ConfigurationWrong},
		"https://127.9.9.9:9":                      {AddressRefused, fine},
		"http://8.8.8.8":                           {ConfigurationWrong, ConfigurationWrong},
		"https://8.8.8.8:8443":                     {ConfigurationWrong, ConfigurationWrong},
		"https://10.0.0.1":                         {AddressRefused, AddressRefused},
		"https://169.254.169.254/latest/meta-data": {AddressRefused, AddressRefused},
		"https://[::1]":                            {AddressRefused, AddressRefused},
		"https://[64:ff9b::7f00:1]":                {AddressRefused, AddressRefused},
		"https://[fe80::1%25eth0]":                 {AddressRefused, AddressRefused},
		"https://[fe80::1%25eth0]:99":              {AddressRefused, AddressRefused},
		"https://api.example.com:0":                {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com:99999":            {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com:http":             {ConfigurationWrong, ConfigurationWrong},
		"https://u:p@api.example.com":              {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com@evil.example":     {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com#x":                {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com#":                 {ConfigurationWrong, ConfigurationWrong},
		"https://":                                 {ConfigurationWrong, ConfigurationWrong},
		"https://:443":                             {ConfigurationWrong, ConfigurationWrong},
		"https:/api.example.com":                   {ConfigurationWrong, ConfigurationWrong},
		"https:api.example.com":                    {ConfigurationWrong, ConfigurationWrong},
		"//api.example.com":                        {ConfigurationWrong, ConfigurationWrong},
		"api.example.com":                          {ConfigurationWrong, ConfigurationWrong},
		"":                                         {ConfigurationWrong, ConfigurationWrong},
		"ftp://api.example.com":                    {ConfigurationWrong, ConfigurationWrong},
		"file:///etc/passwd":                       {ConfigurationWrong, ConfigurationWrong},
		"gopher://api.example.com":                 {ConfigurationWrong, ConfigurationWrong},
		"javascript:alert(1)":                      {ConfigurationWrong, ConfigurationWrong},
		"https://api example.com":                  {ConfigurationWrong, ConfigurationWrong},
		"https://api.example.com\r\nHost: x":       {ConfigurationWrong, ConfigurationWrong},
		"https://bücher.example":                   {ConfigurationWrong, ConfigurationWrong},
		"https://１２７.０.０.１":                        {ConfigurationWrong, ConfigurationWrong},
		"https://①②⑦.0.0.1":                        {ConfigurationWrong, ConfigurationWrong},
		"https://127。0。0。1":                        {ConfigurationWrong, ConfigurationWrong},
	}
	for _, spelling := range oddSpellings() {
		tests["https://"+spelling] = struct{ closed, open Class }{ConfigurationWrong, ConfigurationWrong}
	}
	for raw, test := range tests {
		for name, guard := range map[string]*Guard{"closed": closed, "open": open} {
			want := map[string]Class{"closed": test.closed, "open": test.open}[name]
			err := guard.CheckURL(raw)
			if err == nil && want != fine || err != nil && ClassOf(err) != want {
				t.Errorf("%q with a guard that is %s: %v", raw, name, err)
			}
		}
	}
}

// oddSpellings are other ways to write loopback and private addresses that some resolvers take.
func oddSpellings() []string {
	return []string{
		"127.1", "127.0.1", "0", "1", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0X7F.0.0.1",
		"0177.0.0.1", "0177.0.0.01", "127.0.0.1.", "127.0.0.0x1", "127.0.0.1.0", "127.0.0.256", "127.00.0.1", "00127.0.0.1",
		"3232235521", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "2852039166", "10.1", "10.0.1", "012.0.0.1",
		"0xac.0x10.0.1", "192.168.257", "4294967295", "4294967296", "-1", "127.0.0.-1", "127.0.0.1e0", "1e3", ".127.0.0.1",
		"127..1", "localhost.127", "api.example.com.0x1", "127.0.0.1%00", "%00",
	}
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// TestNoConnectionLeavesTheAllowedNetworks tries direct addresses and names that resolve to them, and the same again
// with the network allowed, as a negative control.
func TestNoConnectionLeavesTheAllowedNetworks(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "example.com"} {
			t.Run(host+" secure "+strconv.FormatBool(secure), func(t *testing.T) {
				t.Parallel()
				c := newCanary(t, secure)
				scheme, _, _ := strings.Cut(c.URL, ":")
				address := scheme + "://" + host + ":" + c.port()
				dns := answering(t, "127.0.0.1")

				_, err := guarded(t, c, dns).Get(t.Context(), address, nil)
				if ClassOf(err) != AddressRefused || c.connections.Load() != 0 {
					t.Errorf("%d connections, error %v", c.connections.Load(), err)
				}
				_, err = guarded(t, c, dns, loopback).Get(t.Context(), address, nil)
				if c.connections.Load() != 1 {
					t.Errorf("negative control: %d connections, error %v", c.connections.Load(), err)
				}
			})
		}
	}
}

func TestOddSpellingsReachNothing(t *testing.T) {
	t.Parallel()
	c := newCanary(t, false)
	client := guarded(t, c, answering(t, "127.0.0.1"))
	for _, spelling := range oddSpellings() {
		if _, err := client.Get(t.Context(), "http://"+spelling+":"+c.port(), nil); err == nil {
			t.Errorf("%s was read", spelling)
		}
	}
	if n := c.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestRebinding resolves a name to a public address when it is checked, and to loopback when it is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	c := newCanary(t, true)
	dns := answering(t, "8.8.8.8", "127.0.0.1")
	client := guarded(t, c, dns)
	address := "https://example.com:" + c.port()

	first, err := dns.LookupHost(t.Context(), "example.com")
	if err != nil || first[0] != "8.8.8.8" {
		t.Fatalf("the first answer is %v, %v", first, err)
	}
	if _, err := client.Get(t.Context(), address, nil); ClassOf(err) != AddressRefused {
		t.Errorf("error %v", err)
	}
	if n := c.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestRedirectsStayOnTheirHost(t *testing.T) {
	t.Parallel()
	c := newCanary(t, false)
	var hops atomic.Int64
	start := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, c.URL+"/?token=hidden", http.StatusFound)
		case "/secure":
			http.Redirect(w, r, "https://"+r.Host+"/", http.StatusFound)
		case "/loop":
			hops.Add(1)
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		case "/thrice":
			http.Redirect(w, r, "/twice", http.StatusFound)
		case "/twice":
			http.Redirect(w, r, "/once", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			_, _ = w.Write([]byte(r.Header.Get("X-Api-Key")))
		}
	}))
	t.Cleanup(start.Close)
	client := guarded(t, c, nil, loopback) // the canary's address is allowed: the redirect is what is refused
	key := http.Header{"X-Api-Key": {"k"}}

	for path, want := range map[string]Class{"/elsewhere": AddressRefused, "/secure": AddressRefused, "/loop": ConfigurationWrong} {
		_, err := client.Get(t.Context(), start.URL+path, key)
		if err == nil || ClassOf(err) != want || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if n := c.connections.Load(); n != 0 {
		t.Errorf("%d connections followed a redirect", n)
	}
	if n := hops.Load(); n != maxRedirects+1 {
		t.Errorf("%d requests went around in circles", n)
	}
	answer, err := client.Get(t.Context(), start.URL+"/thrice", key)
	if err != nil || string(answer.Body) != "k" || answer.URL.Path != "/" {
		t.Errorf("three redirects: %v, %v", answer, err)
	}
}

// TestSDKClientsAreGuarded holds for clients that a vendor's SDK wraps.
func TestSDKClientsAreGuarded(t *testing.T) {
	t.Parallel()
	c := newCanary(t, false)
	for name, with := range map[string]func(*Client) *http.Client{
		"client":    func(client *Client) *http.Client { return client.HTTPClient() },
		"transport": func(client *Client) *http.Client { return &http.Client{Transport: client.Transport()} },
	} {
		before := c.connections.Load()
		_, err := get(t, with(guarded(t, c, nil)), c.URL)
		if ClassOf(err) != AddressRefused || c.connections.Load() != before {
			t.Errorf("%s: %d connections, error %v", name, c.connections.Load(), err)
		}
		if status, err := get(t, with(guarded(t, c, nil, loopback)), c.URL); err != nil || status != http.StatusOK {
			t.Errorf("negative control: %s: status %d, error %v", name, status, err)
		}
	}
}

func get(t *testing.T, client *http.Client, address string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// TestNoProxy: a proxy of the environment would hide from the guard what is contacted.
func TestNoProxy(t *testing.T) {
	c := newCanary(t, false)
	proxy := newCanary(t, false)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	client := guarded(t, c, answering(t, "127.0.0.1"), loopback)
	if _, err := client.Get(t.Context(), "http://example.com:"+c.port(), nil); err != nil {
		t.Error(err)
	}
	if n := proxy.connections.Load(); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
}

func TestUnspecifiedGuardIsClosed(t *testing.T) {
	t.Parallel()
	c := newCanary(t, false)
	client := NewClient(ClientOptions{Now: time.Now})
	address, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(t.Context(), address.String(), nil); ClassOf(err) != AddressRefused || c.connections.Load() != 0 {
		t.Errorf("%d connections, error %v", c.connections.Load(), err)
	}
}
