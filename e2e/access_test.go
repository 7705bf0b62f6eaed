package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var everyScope = []string{
	"activities:read", "activities:raw", "activities:write", "integrations:read", "integrations:write",
	"tokens:read", "tokens:write", "viewers:write", "schema:read",
}

// record records activities of one's own and gives their global ids.
func (p *process) record(token string, activities ...map[string]any) []string {
	p.t.Helper()
	results, _ := p.get(token, `mutation($a: [DraftInput!]!) { recordActivities(input: {activities: $a}) { results { status activity { id } error { message } } } }`,
		map[string]any{"a": activities}, "recordActivities", "results").([]any)
	ids := make([]string, len(results))
	for n, result := range results {
		id, ok := at(result, "activity", "id").(string)
		if !ok {
			p.t.Fatalf("recording activity %d: %v", n, result)
		}
		ids[n] = id
	}
	return ids
}

func ownActivity(key, actor, action string) map[string]any {
	return map[string]any{
		"idempotencyKey": key, "type": "invoice." + strings.ToLower(action), "action": action, "actor": map[string]any{"email": actor},
		"occurredAt": time.Now().UTC().Add(-time.Minute).Format(time.RFC3339),
	}
}

func TestEveryTypeBehindNodeNeedsItsScope(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	owner := p.every()
	integration, _, _ := p.integration(owner, "github", "Acme", map[string]any{
		"organization": "acme", "token": "t", "baseUrl": "https://api.github.example.com",
	})
	activity := p.record(owner, ownActivity("k-1", "jane@example.com", "APPROVE"))[0]
	backfills, _ := p.get(owner, `query($id: ID!) { integration(id: $id) { backfills { id } } apiTokens(first: 1) { nodes { id } } }`,
		map[string]any{"id": integration}, "integration", "backfills").([]any)
	tokens, _ := p.get(owner, `{ apiTokens(first: 1) { nodes { id } } }`, nil, "apiTokens", "nodes").([]any)
	open := everyScope
	objects := []struct {
		kind   string
		id     any
		scopes []string
	}{
		{"Activity", activity, []string{"activities:read"}},
		{"Integration", integration, []string{"activities:read", "integrations:read", "integrations:write"}},
		{"Backfill", at(backfills[0], "id"), []string{"integrations:read", "integrations:write"}},
		{"ApiToken", at(tokens[0], "id"), []string{"tokens:read", "tokens:write"}},
		{"Tenant", p.get(owner, `{ viewer { tenant { id } } }`, nil, "viewer", "tenant", "id"), open},
		{"Connector", p.get(owner, `{ connector(name: "github") { id } }`, nil, "connector", "id"), open},
	}
	for _, scope := range everyScope {
		token := p.token(scope)
		for _, object := range objects {
			const query = `query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { __typename id } }`
			a := p.ask(token, query, map[string]any{"id": object.id})
			want := slices.Contains(object.scopes, scope)
			kind := at(a.Data, "node", "__typename")
			several, _ := a.Data["nodes"].([]any)
			if len(a.Errors) > 0 || (kind == object.kind) != want || len(several) != 1 || (several[0] != nil) != want {
				t.Errorf("%s with %s: %v %v, errors %v, want it seen: %v", object.kind, scope, kind, several, a.Errors, want)
			}
		}
	}
	for what, id := range map[string]string{"malformed": "x", "empty": "", "of nothing": "AQEAAA"} {
		if a := p.ask(owner, `query($id: ID!) { node(id: $id) { id } }`, map[string]any{"id": id}); len(a.Errors) > 0 || a.Data["node"] != nil {
			t.Errorf("an id that is %s: %v, want null without an error", what, a)
		}
	}
}

func TestMissingScopeIsNamedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	a := p.ask(p.token("activities:read"), `{ activities(first: 1) { nodes { raw { size } } } apiTokens { totalCount } }`, nil)
	if a.Status != 403 || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "FORBIDDEN" || len(a.Data) > 0 {
		t.Fatalf("status %d, %+v", a.Status, a)
	}
	if message := a.Errors[0].Message; !strings.Contains(message, "activities:raw") && !strings.Contains(message, "tokens:read") {
		t.Errorf("message %q names no scope", message)
	}
}

// TestRestrictionHidesEverythingElse looks through every window of the API at once: whatever a restricted token is
// told, the hidden actor and integration are not in it.
func TestRestrictionHidesEverythingElse(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	owner := p.every()
	p.integration(owner, "kubernetes", "Hidden cluster", nil)
	var own []map[string]any
	for n := range 20 {
		own = append(own, ownActivity(fmt.Sprintf("v-%d", n), "seen@example.com", "APPROVE"))
		own = append(own, ownActivity(fmt.Sprintf("h-%d", n), "hidden@example.com", "DELETE"))
	}
	ids := p.record(owner, own...)
	restricted := p.run("token", "create", "--scope", "activities:read,activities:raw", "--restriction",
		`{"actor":{"key":{"in":["seen@example.com"]}},"connector":{"in":["push"]}}`)
	const query = `query($ids: [ID!]!) {
		activities(first: 200) { totalCount nodes { id actor { key } integration { name } raw { text } } pageInfo { hasNextPage } }
		byHidden: activities(filter: {actor: {key: {in: ["hidden@example.com"]}}}) { totalCount nodes { id } }
		facets(filter: {actor: {key: {in: ["hidden@example.com"]}}}, fields: [TYPE, ACTION, INTEGRATION, CONNECTOR, ACTOR, TARGET]) {
			total facets { total distinctCount otherCount missingCount values { value label count } } }
		timeSeries(groupBy: ACTOR, buckets: 5) { total laterCount groups { value label total } }
		integrations { totalCount nodes { name } }
		nodes(ids: $ids) { id }
	}`
	a := p.ask(restricted, query, map[string]any{"ids": ids})
	if len(a.Errors) > 0 {
		t.Fatalf("%+v", a.Errors)
	}
	if total := at(a.Data, "activities", "totalCount"); total != 20.0 {
		t.Errorf("totalCount %v, want 20", total)
	}
	if series := at(a.Data, "timeSeries", "total").(float64) + at(a.Data, "timeSeries", "laterCount").(float64); series != 20 {
		t.Errorf("the series adds up to %v, want 20", series)
	}
	if hidden := at(a.Data, "byHidden", "totalCount"); hidden != 0.0 {
		t.Errorf("asked for the hidden actor: %v", hidden)
	}
	seen := 0
	for _, node := range a.Data["nodes"].([]any) {
		if node != nil {
			seen++
		}
	}
	if seen != 20 {
		t.Errorf("%d of 40 ids are seen, want 20", seen)
	}
	for _, facet := range at(a.Data, "facets", "facets").([]any) {
		for _, value := range at(facet, "values").([]any) {
			if at(value, "value") == "hidden@example.com" && at(value, "count") != 0.0 {
				t.Errorf("a facet counts the hidden actor: %v", value)
			}
		}
	}
	delete(at(a.Data, "facets").(map[string]any), "facets") // holds the value that was asked for, with count 0
	told, err := json.Marshal(a.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{"hidden@example.com", "Hidden cluster", "invoice.delete", "DELETE"} {
		if strings.Contains(string(told), canary) {
			t.Errorf("the restricted token is told %q", canary)
		}
	}
	socket := dial(t, p, restricted)
	socket.subscribe("1", `subscription { activityRecorded(since: "2020-01-01T00:00:00Z") { edges { node { actor { key } } } } }`, nil)
	for got := 0; got < 20; {
		edges, _ := at(socket.next(t), "payload", "data", "activityRecorded", "edges").([]any)
		for _, edge := range edges {
			got++
			if key := at(edge, "node", "actor", "key"); key != "seen@example.com" {
				t.Fatalf("the feed shows %v", key)
			}
		}
	}
}

// TestTenantsSeeNothingOfEachOther mirrors two tenants and asks one for what belongs to the other.
func TestTenantsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	tokens, ids := map[string]string{}, map[string][]string{}
	for _, tenant := range []string{"default", "mirror"} {
		tokens[tenant] = p.run("token", "create", "--tenant", tenant, "--scope", strings.Join(everyScope, ","))
		ids[tenant] = p.record(tokens[tenant], ownActivity("k-1", "jane@example.com", "CREATE"), ownActivity("k-2", tenant+"@example.com", "UPDATE"))
		integration, _, _ := p.integration(tokens[tenant], "kubernetes", "Cluster of "+tenant, nil)
		ids[tenant] = append(ids[tenant], integration)
	}
	cursor := p.get(tokens["mirror"], `{ activities(first: 1) { pageInfo { endCursor } liveCursor } }`, nil, "activities")
	for what, ask := range map[string]map[string]any{
		"page cursor": {"query": `query($c: String) { activities(after: $c) { totalCount } }`, "c": at(cursor, "pageInfo", "endCursor")},
		"ids":         {"query": `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, "ids": ids["mirror"]},
		"filter":      {"query": `query($ids: [ID!]!) { activities(filter: {integration: {in: $ids}}) { totalCount } }`, "ids": ids["mirror"]},
		"everything":  {"query": `{ activities { nodes { actor { key } } } facets(fields: [ACTOR, INTEGRATION]) { facets { values { label } } } integrations { nodes { name } } apiTokens { nodes { name } } }`},
	} {
		a := p.ask(tokens["default"], ask["query"].(string), ask)
		told, err := json.Marshal(a.Data)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(told), "mirror") || what == "ids" && strings.Contains(string(told), `"id"`) || what == "filter" && !strings.Contains(string(told), `"totalCount":0`) {
			t.Errorf("%s of the other tenant: %s", what, told)
		}
		if what == "page cursor" && (len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "CURSOR_INVALID") {
			t.Errorf("a cursor of the other tenant: %+v", a.Errors)
		}
	}
}
