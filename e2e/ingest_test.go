package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestImportRecordsEachCloudTrailRecordOnce(t *testing.T) {
	t.Parallel()
	folder := fixtures(t, "aws_cloudtrail")
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	id, _, _ := p.integration(token, "aws_cloudtrail", "Trail", nil)
	distinct := map[string]bool{}
	var files []string
	for _, pattern := range []string{"invictus/*", "stratus/*"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		for _, file := range found {
			files = append(files, file)
			for _, record := range cloudTrailRecords(t, file) {
				distinct[record.EventID] = true
			}
		}
	}
	args := append([]string{"import", "--integration", id}, files...)
	first := p.run(args...)
	second := p.run(args...)
	if !strings.HasPrefix(first, fmt.Sprintf("%d recorded", len(distinct))) || !strings.HasPrefix(second, "0 recorded") {
		t.Errorf("first import: %s\nsecond import: %s\nwant %d recorded, then 0", first, second, len(distinct))
	}
	if count := p.count(token, id); count != len(distinct) {
		t.Errorf("%d activities, want %d", count, len(distinct))
	}
	for _, order := range []string{"OCCURRED_AT", "RECORDED_AT"} {
		for _, direction := range []string{"first: 97, after", "last: 97, before"} {
			if seen := walk(p, token, id, order, direction); len(seen) != len(distinct) {
				t.Errorf("%s %s: walked over %d different activities, want %d", order, direction, len(seen), len(distinct))
			}
		}
	}
}

type cloudTrailRecord struct {
	EventID         string `json:"eventID"`
	EventTime       string `json:"eventTime"`
	EventSource     string `json:"eventSource"`
	EventName       string `json:"eventName"`
	SourceIPAddress string `json:"sourceIPAddress"`
}

// cloudTrailRecords reads a file that holds an object with Records, a list, or lines.
func cloudTrailRecords(t *testing.T, path string) []cloudTrailRecord {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Records []cloudTrailRecord }
	if err := json.Unmarshal(content, &file); err == nil && len(file.Records) > 0 {
		return file.Records
	}
	var list []cloudTrailRecord
	if err := json.Unmarshal(content, &list); err == nil {
		return list
	}
	for _, line := range jsonLines(t, path) {
		var record cloudTrailRecord
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, record)
	}
	return list
}

// walk pages through an integration in one direction and gives how often it saw each activity; it fails on a repeat.
func walk(p *process, token, integration, order, direction string) map[string]bool {
	p.t.Helper()
	seen := map[string]bool{}
	var cursor any
	for {
		page := p.get(token, fmt.Sprintf(`query($id: ID!, $c: String) { activities(filter: {integration: {in: [$id]}}, orderBy: {field: %s}, %s: $c) {
			nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, order, direction),
			map[string]any{"id": integration, "c": cursor}, "activities")
		for _, node := range at(page, "nodes").([]any) {
			id := at(node, "id").(string)
			if seen[id] {
				p.t.Fatalf("%s %s: %s came twice", order, direction, id)
			}
			seen[id] = true
		}
		more, end := "hasNextPage", "endCursor"
		if strings.HasPrefix(direction, "last") {
			more, end = "hasPreviousPage", "startCursor"
		}
		if at(page, "pageInfo", more) != true {
			return seen
		}
		cursor = at(page, "pageInfo", end)
	}
}

func TestGitHubWebhooks(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	id, hook, secret := p.integration(token, "github", "Acme GitHub", map[string]any{"organization": "acme", "token": "t", "baseUrl": "https://api.github.example.com"})
	body := []byte(`{"action":"created","repository":{"id":1,"full_name":"acme/payments"},"sender":{"id":2,"login":"jane"}}`)
	deliver := func(guid, signature string) int {
		header := map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "repository", "X-GitHub-Delivery": guid}
		if signature != "" {
			header["X-Hub-Signature-256"] = signature
		}
		return post(t.Context(), t, hook, header, body)
	}
	good := sign(secret, body)
	for what, signature := range map[string]string{
		"missing": "", "wrong": sign("another", body), "uppercase": "sha256=" + strings.ToUpper(strings.TrimPrefix(good, "sha256=")),
		"without prefix": strings.TrimPrefix(good, "sha256="),
	} {
		if status := deliver("g-0", signature); status != 401 {
			t.Errorf("a signature that is %s: status %d, want 401", what, status)
		}
	}
	if count := p.count(token, id); count != 0 {
		t.Fatalf("%d activities after refused deliveries, want none", count)
	}
	if status := post(t.Context(), t, url+"/webhooks/unknown", nil, body); status != 401 {
		t.Errorf("an unknown address: status %d, want 401 as for an unproven delivery", status)
	}
	for range 3 {
		if status := deliver("g-1", good); status != 204 {
			t.Errorf("a signed delivery: status %d, want 204", status)
		}
	}
	if count := p.count(token, id); count != 1 {
		t.Errorf("%d activities after a delivery and two redeliveries, want 1", count)
	}
	deliverFixtures(t, p, token, id, hook, secret)
}

// deliverFixtures sends real bodies, where they are: one activity each.
func deliverFixtures(t *testing.T, p *process, token, id, hook, secret string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "fixtures", "github_webhooks", "*", "*.json"))
	if err != nil || len(files) == 0 {
		return // the made-up delivery above has shown the way
	}
	before := p.count(token, id)
	for n, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		header := map[string]string{
			"Content-Type": "application/json", "X-GitHub-Event": filepath.Base(filepath.Dir(file)),
			"X-GitHub-Delivery": fmt.Sprintf("f-%d", n), "X-Hub-Signature-256": sign(secret, body),
		}
		if status := post(t.Context(), t, hook, header, body); status != 204 {
			t.Errorf("%s: status %d, want 204", file, status)
		}
	}
	if count := p.count(token, id) - before; count != len(files) {
		t.Errorf("%d activities of %d real bodies", count, len(files))
	}
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestKubernetesPushesEventLists(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	id, hook, secret := p.integration(token, "kubernetes", "Cluster", nil)
	items := []json.RawMessage{
		json.RawMessage(`{"level":"Metadata","auditID":"a-1","stage":"ResponseComplete","verb":"get","user":{"username":"alice@example.com"},
			"objectRef":{"resource":"secrets","namespace":"prod","name":"db"},"responseStatus":{"code":403},"sourceIPs":["192.0.2.1"],
			"requestReceivedTimestamp":"2026-01-15T10:00:00.000001Z"}`),
		json.RawMessage(`{"level":"Metadata","auditID":"a-2","stage":"ResponseComplete","verb":"create","user":{"username":"bob"}}`),
	}
	if files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "fixtures", "kubernetes_audit", "perfspec*.jsonl")); len(files) > 0 {
		items = append(items, jsonLines(t, files[0])...)
	}
	push := func(bearer string, part []json.RawMessage) int {
		body, err := json.Marshal(map[string]any{"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": struct{}{}, "items": part})
		if err != nil {
			t.Fatal(err)
		}
		return post(t.Context(), t, hook, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + bearer}, body)
	}
	if status := push("wrong", items[:2]); status != 401 {
		t.Errorf("a wrong token: status %d, want 401", status)
	}
	for round := range 2 {
		for from := 0; from < len(items); from += 400 {
			if status := push(secret, items[from:min(from+400, len(items))]); status != 204 {
				t.Fatalf("round %d: status %d, want 204", round, status)
			}
		}
	}
	if count := p.count(token, id); count != len(items) {
		t.Errorf("%d activities, want %d", count, len(items))
	}
}

func TestWebhookComesLive(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	token := p.every()
	_, hook, secret := p.integration(token, "kubernetes", "Cluster", nil)
	socket := dial(t, p, token)
	socket.subscribe("1", `subscription { activityRecorded(filter: {connector: {in: ["kubernetes"]}}) { cursor phase edges { node { seq type } } } }`, nil)
	if first := socket.next(t); at(first, "payload", "data", "activityRecorded", "phase") != "LIVE" {
		t.Fatalf("first message %v, want one that says LIVE", first)
	}
	body := []byte(`{"kind":"EventList","items":[{"auditID":"x","stage":"ResponseComplete","verb":"get","user":{"username":"alice"}}]}`)
	sent := time.Now()
	if status := post(t.Context(), t, hook, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + secret}, body); status != 204 {
		t.Fatalf("status %d", status)
	}
	message := socket.next(t)
	if edges, _ := at(message, "payload", "data", "activityRecorded", "edges").([]any); len(edges) != 1 {
		t.Fatalf("message %v, want the activity", message)
	}
	t.Logf("from webhook to subscriber: %s", time.Since(sent))
}
