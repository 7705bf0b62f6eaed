package github

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// silent are the real bodies whose `changes` tell no change, with the reason.
var silent = map[string]string{
	"issues/edited.payload.json":                   "empty",
	"issues/edited.with-organization.payload.json": "empty",
	"team/edited.payload.json":                     "empty",
	"projects_v2_item/edited.payload.json":         "names a field, and none of its values",
	"projects_v2_item/reordered.payload.json":      "the same before and after",
}

// TestChangesOfRealBodies: where GitHub tells changes, they are there.
func TestChangesOfRealBodies(t *testing.T) {
	t.Parallel()
	root := "../../../../shared/fixtures/github_webhooks"
	files, _ := filepath.Glob(root + "/*/*.json")
	if len(files) == 0 {
		t.Skip("the fixtures are not here")
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		relative, _ := filepath.Rel(root, name)
		changes := receive(t, sign(webhookSecret, filepath.Base(filepath.Dir(name)), body)).Changes
		_, quiet := silent[relative]
		if told := gjson.GetBytes(body, "changes").Exists() && !quiet; told != (len(changes) > 0) {
			t.Errorf("%s: %d changes", relative, len(changes))
		}
	}
}

// TestRenames: the old and the new name, as real bodies tell them.
func TestRenames(t *testing.T) {
	t.Parallel()
	for delivery, want := range map[string]string{
		`repository {"action":"renamed","changes":{"repository":{"name":{"from":"a"}}},"repository":{"name":"b"}}`:                                                             `[{"field":"repository.name","before":"a","after":"b"}]`,
		`organization {"action":"renamed","changes":{"login":{"from":"a"}},"organization":{"login":"b"}}`:                                                                      `[{"field":"login","before":"a","after":"b"}]`,
		`team {"action":"edited","changes":{"name":{"from":"a"}},"team":{"name":"b"}}`:                                                                                         `[{"field":"name","before":"a","after":"b"}]`,
		`member {"action":"edited","changes":{"permission":{"from":"write","to":"admin"}},"member":{"login":"a"}}`:                                                             `[{"field":"permission","before":"write","after":"admin"}]`,
		`member {"action":"edited","changes":{"old_permission":{"from":"write"}},"member":{"login":"a"}}`:                                                                      `[{"field":"permission","before":"write"}]`,
		`team {"action":"edited","changes":{"repository":{"permissions":{"from":{"push":false}}}},"team":{"name":"b"},"repository":{"permissions":{"push":true,"pull":true}}}`: `[{"field":"repository.permissions","before":"{\"push\":false}","after":"{\"push\":true,\"pull\":true}"}]`,
	} {
		event, body, _ := strings.Cut(delivery, " ")
		got, err := json.Marshal(receive(t, sign(webhookSecret, event, []byte(body))).Changes)
		if err != nil || string(got) != want {
			t.Errorf("%s changes %s, want %s, error %v", delivery, got, want, err)
		}
	}
}

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
		// The same on both sides, of which GitHub still says that it changed.
		`{"changes":{"login":{"from":"a"}},"organization":{"login":"b"},"issue":{"login":"a"}}`: `[{"field":"login","before":"a","after":"a"}]`,
		`{"changes":{"repository":{"name":{"from":"a"}}},"repository":{"name":"a"}}`:            `[{"field":"repository.name","before":"a","after":"a"}]`,
		`{"changes":{"x":{"from":null}},"issue":{"x":null}}`:                                    `null`,
		// The repository that an issue comes from, or goes to.
		`{"changes":{"old_repository":{"full_name":"a/b"}},"repository":{"full_name":"c/d"}}`: `[{"field":"repository","before":"a/b","after":"c/d"}]`,
		`{"changes":{"new_repository":{"full_name":"a/b"}},"repository":{"full_name":"c/d"}}`: `[{"field":"repository","before":"c/d","after":"a/b"}]`,
		`{"changes":{"old_repository":{"from":"a"},"new_issue":{"title":"b"}}}`:               `[{"field":"repository","before":"a"}]`,
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
