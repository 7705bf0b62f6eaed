package connector

import (
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"annals/audit"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	m := ReadMembers(`{"id":"a\u0062","n":12345678901234567890,"odd":["x"],"at":"2026-01-02T03:04:05.5+01:00",
		"when":"soon","nothing":null,"who":{"name":"alice","kind":"user"},"b":false,"\"":1}`)
	if got := m.Text("id"); got != "ab" {
		t.Errorf("text is %q", got)
	}
	if got := m.Text("n"); got != "12345678901234567890" {
		t.Errorf("number is %q", got)
	}
	if got := m.Text("odd") + m.Text("nothing") + m.Text("absent"); got != "" {
		t.Errorf("what is no text is %q", got)
	}
	if got, want := m.Time("at", time.RFC3339), time.Date(2026, 1, 2, 2, 4, 5, 5e8, time.UTC); got != want {
		t.Errorf("time is %v, want %v", got, want)
	}
	if got := m.Time("when", time.RFC3339); !got.IsZero() {
		t.Errorf("what is no time is %v", got)
	}
	who := m.Object("who")
	who.Text("name")
	m.Put("who", who.Rest())
	m.Take("b")
	if got, want := string(m.Rest()), `{"odd":["x"],"when":"soon","who":{"kind":"user"},"\"":1}`; got != want {
		t.Errorf("rest is %s, want %s", got, want)
	}
}

func TestMembersOfNoObject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`null`, `[1]`, `"text"`, `1`, ``} {
		m := ReadMembers(text)
		if m.Get("a").Exists() || m.Rest() != nil || m.Object("a").Text("b") != "" {
			t.Errorf("%q has members", text)
		}
	}
}

func TestMembersTakenWhole(t *testing.T) {
	t.Parallel()
	m := ReadMembers(`{"a":1,"b":2,"a":3}`)
	var names []string
	m.Each(func(name string, value gjson.Result) { names = append(names, name+value.Raw) })
	if len(names) != 2 || names[0] != "a3" || names[1] != "b2" {
		t.Errorf("members are %q, want the last a and b", names)
	}
	m.Put("a", nil)
	m.Put("absent", audit.JSON(`1`))
	m.Take("b")
	if got := m.Rest(); got != nil {
		t.Errorf("rest is %s, want none", got)
	}
}
