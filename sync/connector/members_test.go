package connector

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

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
	for name, value := range m.All() {
		names = append(names, name+value.Raw)
	}
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

// TestMembersOfAnyNumber: an object behaves alike whether or not it has an index.
func TestMembersOfAnyNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, searched - 1, searched, searched + 1, searched + 2, 5 * searched} {
		var first, second, left []string
		for i := range n {
			first = append(first, fmt.Sprintf(`"k%d":"old"`, i))
			second = append(second, fmt.Sprintf(`"k%d":%d`, i, i))
			left = append(left, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		m := ReadMembers("{" + strings.Join(append(first, second...), ",") + "}")
		for i := range n {
			if got := m.Get(fmt.Sprintf("k%d", i)); got.Raw != strconv.Itoa(i) {
				t.Fatalf("k%d of %d is %s, want the last one of its name", i, n, got.Raw)
			}
		}
		if m.Get("K0").Exists() || m.Get("").Exists() || m.Text("absent") != "" {
			t.Errorf("of %d members one is found that is not there", n)
		}
		m.Take("k0")
		m.Put(fmt.Sprintf("k%d", n-1), audit.JSON("null"))
		want := ""
		if n > 2 {
			want = "{" + strings.Join(left[1:n-1], ",") + "}"
		}
		if got := string(m.Rest()); got != want {
			t.Errorf("rest of %d members is %s, want %s", n, got, want)
		}
	}
}

// TestMembersOfWideObject would take minutes if each member were looked for among all others.
func TestMembersOfWideObject(t *testing.T) {
	t.Parallel()
	const n = 200_000
	object := []byte("{")
	for i := range n {
		object = fmt.Appendf(object, `"k%d":%d,`, i, i)
	}
	object = append(object, `"last":1}`...)
	soon(t, func() {
		m := ReadMembers(string(object))
		for i := range n {
			m.Take(fmt.Sprintf("k%d", i))
		}
		if got := string(m.Rest()); got != `{"last":1}` {
			t.Errorf("rest is %d bytes", len(got))
		}
	})
}

// soon fails a test when something takes much longer than a linear pass does anywhere.
func soon(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it is not done after ten seconds")
	}
}
