package e2e

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// socket is a client of graphql-transport-ws.
type socket struct {
	conn *websocket.Conn
	ctx  context.Context //nolint:containedctx // the test's
}

// dial opens a socket and presents a token.
func dial(t *testing.T, p *process, token string) *socket {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), strings.Replace(p.url, "http", "ws", 1)+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if response.Body != nil {
		_ = response.Body.Close()
	}
	conn.SetReadLimit(16 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	s := &socket{conn: conn, ctx: t.Context()}
	s.send(t, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": "Bearer " + token}})
	if message := s.next(t); message["type"] != "connection_ack" {
		t.Fatalf("answer to connection_init: %v", message)
	}
	return s
}

func (s *socket) send(t *testing.T, message map[string]any) {
	t.Helper()
	if err := wsjson.Write(s.ctx, s.conn, message); err != nil {
		t.Fatal(err)
	}
}

func (s *socket) subscribe(id, query string, variables map[string]any) {
	_ = wsjson.Write(s.ctx, s.conn, map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
}

// read gives the next message that is no ping, or the error with which the socket ended.
func (s *socket) read() (map[string]any, error) {
	for {
		_, content, err := s.conn.Read(s.ctx)
		if err != nil {
			return nil, err
		}
		var message map[string]any
		if err := json.Unmarshal(content, &message); err != nil {
			return nil, err
		}
		if message["type"] == "ping" {
			_ = wsjson.Write(s.ctx, s.conn, map[string]any{"type": "pong"})
			continue
		}
		return message, nil
	}
}

func (s *socket) next(t *testing.T) map[string]any {
	t.Helper()
	message, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestFeedResumesOverRestartsWithoutGapOrRepeat(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url, "demo")
	owner := p.every()
	made := p.get(owner, `mutation { createApiToken(input: {name: "reader", scopes: [ACTIVITIES_READ], expiresIn: "PT30M"}) { token apiToken { id } } }`, nil, "createApiToken")
	token := at(made, "token").(string)
	var seqs []int64
	var after any
	read := func(least int) {
		s := dial(t, p, token)
		s.subscribe("1", `subscription($after: String, $since: DateTime) { activityRecorded(after: $after, since: $since) { cursor edges { node { seq } } } }`,
			map[string]any{"after": after, "since": map[bool]any{true: "2020-01-01T00:00:00Z"}[after == nil]})
		for until := len(seqs) + least; len(seqs) < until; {
			message := s.next(t)
			feed := at(message, "payload", "data", "activityRecorded")
			if feed == nil {
				t.Fatalf("message %v", message)
			}
			for _, edge := range at(feed, "edges").([]any) {
				seqs = append(seqs, int64(at(edge, "node", "seq").(float64)))
			}
			after = at(feed, "cursor")
		}
		_ = s.conn.CloseNow()
	}
	for restart := range 3 {
		read(rand.IntN(3000))
		read(rand.IntN(3000))
		if code := p.stop(); code != 0 {
			t.Errorf("restart %d: exit code %d", restart, code)
		}
		p = start(t, env, url, "demo")
	}
	read(500)
	p.get(owner, `mutation($id: ID!) { revokeApiToken(input: {id: $id}) { revokedCount } }`, map[string]any{"id": at(made, "apiToken", "id")})
	token = owner // the token has ended; its successor goes on behind the last cursor
	read(500)
	for n, seq := range seqs {
		if seq != int64(n) {
			t.Fatalf("activity %d of the feed has seq %d", n, seq)
		}
	}
}

func TestRevokedTokenEndsItsFeeds(t *testing.T) {
	t.Parallel()
	env, url := environment(t)
	p := start(t, env, url)
	owner := p.every()
	made := p.get(owner, `mutation { createApiToken(input: {name: "reader", scopes: [ACTIVITIES_READ, VIEWERS_WRITE], expiresIn: "PT30M"}) {
		apiToken { id } token userErrors { message } } }`, nil, "createApiToken")
	token, id := at(made, "token").(string), at(made, "apiToken", "id").(string)
	viewer := p.get(token, `mutation { createViewerToken(input: {subject: "user-1", scopes: [ACTIVITIES_READ]}) { token userErrors { message } } }`,
		nil, "createViewerToken", "token").(string)
	feeds := map[string]*socket{"the token": dial(t, p, token), "its viewer token": dial(t, p, viewer)}
	for _, s := range feeds {
		s.subscribe("1", `subscription { activityRecorded { cursor } }`, nil)
		s.next(t)
	}
	p.get(owner, `mutation($id: ID!) { revokeApiToken(input: {id: $id}) { revokedCount } }`, map[string]any{"id": id})
	revoked := time.Now()
	for who, s := range feeds {
		var err error
		for err == nil {
			_, err = s.read()
		}
		if took := time.Since(revoked); took > 5*time.Second || websocket.CloseStatus(err) != 4403 {
			t.Errorf("%s: ended after %s with %v, want close code 4403 within 5 s", who, took, err)
		}
	}
	if a := p.ask(token, `{ viewer { subject } }`, nil); a.Status != 401 || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
		t.Errorf("a revoked token: status %d, %+v", a.Status, a.Errors)
	}
}
