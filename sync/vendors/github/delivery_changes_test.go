package github

import (
	"encoding/json"
	"testing"
)

func TestDeliveryChanges(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		// The new value: told, of the object, of the payload, or not at all.
		`{"changes":{"title":{"from":"a","to":"b"}},"issue":{"title":"c"}}`: `[{"field":"title","before":"a","after":"b"}]`,
		`{"changes":{"title":{"from":"a"}},"issue":{"title":"c"}}`:          `[{"field":"title","before":"a","after":"c"}]`,
		`{"changes":{"ref":{"from":"a"}},"issue":{},"ref":"c"}`:             `[{"field":"ref","before":"a","after":"c"}]`,
		`{"changes":{"ref":{"from":"a"}},"issue":{"ref":null},"ref":"c"}`:   `[{"field":"ref","before":"a"}]`,
		`{"changes":{"title":{"from":"a"}},"issue":["b"]}`:                  `[{"field":"title","before":"a"}]`,
		`{"changes":{"a.b":{"from":1}},"issue":{"a":{"b":2},"a.b":3}}`:      `[{"field":"a.b","before":"1","after":"3"}]`,
		// One level deeper it is of the member of that name first.
		`{"changes":{"repository":{"name":{"from":"a"}}},"repository":{"name":"b"},"issue":{"name":"c"}}`: `[{"field":"repository.name","before":"a","after":"b"}]`,
		`{"changes":{"owner":{"name":{"from":"a"}}},"issue":{"name":"c"}}`:                                `[{"field":"owner.name","before":"a","after":"c"}]`,
		// Told twice, and the same on both sides.
		`{"changes":{"old_name":{"from":"a"},"name":{"from":"a","to":"b"}}}`: `[{"field":"name","before":"a","after":"b"}]`,
		`{"changes":{"old_name":{"from":"a"},"name":1}}`:                     `[{"field":"name","before":"a"}]`,
		`{"changes":{"name":{"from":"a","to":"a"},"x":{"from":null}}}`:       `null`,
		// Objects stand by their label.
		`{"changes":{"owner":{"from":{"user":{"login":"a","id":1}}}},"issue":{"owner":{"id":7}}}`: `[{"field":"owner","before":"a","after":"7"}]`,
		`{"changes":{"owner":{"from":{"a":{"b":{}}},"to":[{"login":"b"}]}}}`:                      `[{"field":"owner","before":"{}","after":"[{\"login\":\"b\"}]"}]`,
		// What is no object of objects.
		`{"changes":["a"]}`:                               `null`,
		`{"changes":{"a":"b","c":["d"],"e":{"f":"g"}}}`:   `null`,
		`{"changes":null,"issue":{"title":"a"}}`:          `null`,
		`{"changes":{"a":{"from":1},"a":{"from":2}}}`:     `[{"field":"a","before":"2"}]`,
		`{"changes":{"a":{"from":0}},"a":{"id":1,"b":2}}`: `[{"field":"a","before":"0","after":"{\"id\":1,\"b\":2}"}]`,
	} {
		got, err := json.Marshal(receive(t, sign(webhookSecret, "issues", []byte(body))).Changes)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s changes %s, want %s", body, got, want)
		}
	}
}
