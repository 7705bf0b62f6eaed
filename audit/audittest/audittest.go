// Package audittest makes random activities and filters for tests, and keeps activities in a Store in memory: a second,
// naive answer to every question that a real store answers.
//
// What is random comes from few values, so that a filter is often true of some activities and false of others, and
// many activities share a second, an actor or a target. Among the values are those that engines like to read
// differently: wildcards, quotes, backslashes, letters whose case is odd, texts that look like JSON.
package audittest

import (
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
)

// Noon is the clock of random filters. Random activities lie within some hours of it.
var Noon = time.Date(2026, time.November, 23, 12, 0, 0, 123456000, time.UTC)

// Integrations are the numbers of random integrations; Connector gives the connector of each.
var Integrations = []audit.IntegrationID{3, 4, 1 << 40, 1<<62 + 7}

// Connector is the connector of a random integration.
func Connector(id audit.IntegrationID) string {
	if id == Integrations[0] {
		return "okta"
	}
	return "github"
}

var words = []string{
	"a", "A", "ab", "a%", "a_b", "%", "_", `a\`, `\`, `\\b`, "ä", "Ä", "日本", "😀x", "'", `"q"`, "a'; --", "\t", "\u2028",
	"e\u0301", "ſ", "\u212a", "null", "{}", "[]", "a b", "zz", "<&>", "$1", ":", "0",
}

// kinds are the types of targets; few vendors leave one out.
var kinds = []string{"repository", "repo", "user", "r%", ""}

// word is a text of an activity, seldom absent.
func word() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 5).Draw(t, "absent") == 0 {
			return ""
		}
		return rapid.SampledFrom(words).Draw(t, "word")
	})
}

func text() *rapid.Generator[audit.Text] {
	return rapid.Map(word(), func(s string) audit.Text { return audit.Text(s) })
}

var addresses = []string{
	"203.0.113.9", "203.0.113.200", "198.51.100.1", "0.0.0.0", "255.255.255.255",
	"2001:db8::1", "2001:db8:0:1::1", "2001:db8::1:0:0:1", "::1", "::", "64:ff9b::cb00:7109",
}

var networks = []string{
	"203.0.113.0/24", "203.0.113.9/32", "0.0.0.0/0", "::ffff:203.0.113.9", "::ffff:203.0.113.0/120", "::/0",
	"2001:db8::/32", "2001:db8::1/128", "::/96", "192.0.2.0/24",
}

func address() *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.IntRange(0, 4).Draw(t, "no address") == 0 {
			return netip.Addr{}
		}
		return netip.MustParseAddr(rapid.SampledFrom(addresses).Draw(t, "address"))
	})
}

var moments = []time.Duration{
	0, 0, 0, 1000, time.Second, -time.Second, -time.Hour, -time.Hour - time.Microsecond, 2 * time.Hour, -26 * time.Hour,
}

// moment is a time near Noon, one of few.
func moment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time { return Noon.Add(rapid.SampledFrom(moments).Draw(t, "moment")) })
}
