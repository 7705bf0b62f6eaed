package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"annals/audit"
	"annals/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is the client's end of a websocket.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

type heard struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// dial opens a websocket and says nothing yet.
func (s *stage) dial(t *testing.T, o *websocket.DialOptions) *client {
	t.Helper()
	if o == nil {
		o = &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}
	}
	conn, _, err := websocket.Dial(t.Context(), s.http.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{t, conn}
}

// greet opens a websocket and authenticates.
func (s *stage) greet(t *testing.T, token string) *client {
	t.Helper()
	c := s.dial(t, nil)
	c.say(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`)
	c.expect("", "connection_ack", "")
	return c
}

func (c *client) say(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// subscribe starts an operation.
func (c *client) subscribe(id, query string) {
	c.t.Helper()
	payload, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		c.t.Fatal(err)
	}
	c.say(fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":%s}`, id, payload))
}

func (c *client) hear() (heard, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, text, err := c.conn.Read(ctx)
	if err != nil {
		return heard{}, err
	}
	var got heard
	return got, json.Unmarshal(text, &got)
}

// expect hears a message and looks for a part of its payload.
func (c *client) expect(id, kind, part string) {
	c.t.Helper()
	got, err := c.hear()
	if err != nil || got.ID != id || got.Type != kind || !strings.Contains(string(got.Payload), part) {
		c.t.Fatalf("heard %s %q %s, %v; want %s %q with %s", got.Type, got.ID, got.Payload, err, kind, id, part)
	}
}

// expectClose hears messages until the server closes the socket.
func (c *client) expectClose(code websocket.StatusCode) {
	c.t.Helper()
	for {
		_, err := c.hear()
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != code {
			c.t.Fatalf("closed with %d: %v; want %d", got, err, code)
		}
		return
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// feed is a subscription that sends what the test gives it.
type feed struct {
	messages chan *audit.LiveMessage
	ends     chan error    // nil ends it in good order
	over     chan struct{} // closed when the resolver has stopped
}

func (s *stage) feed() *feed {
	f := &feed{messages: make(chan *audit.LiveMessage), ends: make(chan error), over: make(chan struct{})}
	s.resolvers.subscription.recorded = func(ctx context.Context, _ *string) (<-chan *audit.LiveMessage, error) {
		out := make(chan *audit.LiveMessage)
		go f.run(ctx, out)
		return out, nil
	}
	return f
}

func (f *feed) run(ctx context.Context, out chan<- *audit.LiveMessage) {
	defer close(f.over)
	defer close(out)
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-f.ends:
			graph.EndSubscription(ctx, err)
			return
		case m := <-f.messages:
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
		}
	}
}

// idle makes every subscription one that says nothing until it ends.
func (s *stage) idle() {
	s.resolvers.subscription.recorded = func(ctx context.Context, _ *string) (<-chan *audit.LiveMessage, error) {
		out := make(chan *audit.LiveMessage)
		context.AfterFunc(ctx, func() { close(out) })
		return out, nil
	}
}

func live(cursor string) *audit.LiveMessage {
	return &audit.LiveMessage{Cursor: cursor, Phase: "LIVE", Edges: []*audit.LiveEdge{}}
}

const watch = `subscription{activityRecorded{cursor}}`

func TestSocketRunsOperations(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.feed()
	c := s.greet(t, "all")

	c.subscribe("q", `{activities{asOf{seq}}}`)
	c.expect("q", "next", `{"data":{"activities":{"asOf":{"seq":1}}},"extensions":{"cost":{`)
	c.expect("q", "complete", "")
	c.subscribe("m", `mutation{pauseIntegration(input:{id:"x"}){userErrors{code}}}`)
	c.expect("m", "next", `{"data":{"pauseIntegration":{"userErrors":[]}}`)
	c.expect("m", "complete", "")

	c.subscribe("s", watch)
	f.messages <- live("c1")
	c.expect("s", "next", `{"data":{"activityRecorded":{"cursor":"c1"}},"extensions":{"cost":{`)
	f.messages <- live("c2")
	c.expect("s", "next", `{"data":{"activityRecorded":{"cursor":"c2"}}}`)
	f.ends <- nil
	c.expect("s", "complete", "")

	c.say(`{"type":"ping"}`)
	c.expect("", "pong", "")
	c.say(`{"type":"pong"}`)
	c.say(`{"type":"complete","id":"never there"}`)
	c.say(`{"type":"ping","payload":{}}`)
	c.expect("", "pong", "")
}

// Operations over a websocket pass the same checks as over POST.
func TestSocketRefusesOperations(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.idle()
	c := s.greet(t, "read")
	for query, code := range map[string]string{
		`{`:                             "GRAPHQL_PARSE_FAILED",
		`{nothing}`:                     "GRAPHQL_VALIDATION_FAILED",
		doubled(24):                     "QUERY_TOO_COMPLEX",
		`{` + pages(8) + `}`:            "QUERY_TOO_COMPLEX",
		`{activity(id:"x"){raw{size}}}`: "FORBIDDEN",
		`{__schema{types{name}}}`:       "FORBIDDEN",
		`subscription{integrationChanged{settings{name}}}`:               "FORBIDDEN",
		`subscription{activityRecorded(since:"yesterday"){cursor}}`:      "BAD_USER_INPUT",
		`subscription($s:DateTime!){activityRecorded(since:$s){cursor}}`: "BAD_USER_INPUT",
		``: "BAD_USER_INPUT",
	} {
		c.subscribe("1", query)
		c.expect("1", "error", `"code":"`+code+`"`)
	}
	c.say(`{"id":"1","type":"subscribe","payload":{"extensions":{"persistedQuery":{}}}}`)
	c.expect("1", "error", "PERSISTED_QUERY_NOT_SUPPORTED")
	c.say(`{"id":"1","type":"subscribe","payload":[{"query":"canary"}]}`)
	c.expect("1", "error", "BAD_USER_INPUT")
	if strings.Contains(s.log.String(), "canary") {
		t.Error("the request is in the log")
	}
}

// doubled is a document whose fragments each spread the next one twice.
func doubled(levels int) string {
	text := "{...f0}"
	for i := range levels {
		text += fmt.Sprintf(" fragment f%d on Query{...f%d ...f%d}", i, i+1, i+1)
	}
	return text + fmt.Sprintf(" fragment f%d on Query{__typename}", levels)
}

func TestSubscriptionEndsWithAnError(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.feed()
	c := s.greet(t, "all")
	c.subscribe("1", watch)
	f.messages <- live("c1")
	c.expect("1", "next", "c1")
	f.ends <- fmt.Errorf("following: %w", &audit.TooSlowError{Cursor: "c1"})
	c.expect("1", "error", `"extensions":{"code":"TOO_SLOW","cursor":"c1"`)

	s.resolvers.subscription.recorded = func(context.Context, *string) (<-chan *audit.LiveMessage, error) {
		return nil, audit.ErrCursor
	}
	c.subscribe("1", watch) // the id is free again
	c.expect("1", "error", "CURSOR_INVALID")
	s.resolvers.subscription.recorded = func(context.Context, *string) (<-chan *audit.LiveMessage, error) {
		return nil, errSecret
	}
	c.subscribe("1", watch)
	c.expect("1", "error", "INTERNAL")
	if !strings.Contains(s.log.String(), `"status":"TOO_SLOW"`) {
		t.Errorf("the end is not in the log: %s", s.log.String())
	}
}

func TestClientCompletesASubscription(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.feed()
	c := s.greet(t, "all")
	c.subscribe("1", watch)
	f.messages <- live("c1")
	c.expect("1", "next", "c1")
	c.say(`{"id":"1","type":"complete"}`)
	<-f.over
	g := s.feed()
	c.subscribe("1", watch)
	g.messages <- live("c2")
	c.expect("1", "next", "c2") // nothing of the first one came in between
}

func TestSocketCloseCodes(t *testing.T) {
	t.Parallel()
	const initialise = `{"type":"connection_init","payload":{"Authorization":"Bearer all"}}`
	for name, test := range map[string]struct {
		say  []string
		code websocket.StatusCode
	}{
		"no JSON":                 {[]string{`canary`}, 4400},
		"no object":               {[]string{`["connection_init"]`}, 4400},
		"no type":                 {[]string{`{}`}, 4400},
		"unknown type":            {[]string{`{"type":"start"}`}, 4400},
		"payload no object":       {[]string{`{"type":"connection_init","payload":"Bearer all"}`}, 4400},
		"garbage later":           {[]string{initialise, `canary`}, 4400},
		"no id":                   {[]string{initialise, `{"type":"subscribe","payload":{"query":"{__typename}"}}`}, 4400},
		"subscribe first":         {[]string{`{"id":"1","type":"subscribe","payload":{"query":"{__typename}"}}`}, 4401},
		"no token":                {[]string{`{"type":"connection_init"}`}, 4403},
		"no token, but a payload": {[]string{`{"type":"connection_init","payload":{}}`}, 4403},
		"a bad token":             {[]string{`{"type":"connection_init","payload":{"Authorization":"Bearer bad"}}`}, 4403},
		"a token of no text":      {[]string{`{"type":"connection_init","payload":{"Authorization":7}}`}, 4403},
		"second init":             {[]string{initialise, initialise}, 4429},
		"too long":                {[]string{`{"type":"` + strings.Repeat("x", 64<<10) + `"}`}, websocket.StatusMessageTooBig},
		"one id twice": {[]string{
			initialise, `{"id":"1","type":"subscribe","payload":{"query":"subscription{activityRecorded{cursor}}"}}`,
			`{"id":"1","type":"subscribe","payload":{"query":"{__typename}"}}`,
		}, 4409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.idle()
			c := s.dial(t, nil)
			for _, text := range test.say {
				c.say(text)
			}
			c.expectClose(test.code)
			eventually(t, 5*time.Second, "no socket is open", func() bool { return s.server.OpenSockets() == 0 })
			if strings.Contains(s.log.String(), "canary") {
				t.Error("the message is in the log")
			}
		})
	}
}

func TestBinaryMessagesAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	c := s.dial(t, nil)
	if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.expectClose(4400)
}

func TestTokenOfASocket(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	c := s.dial(t, nil)
	c.say(`{"type":"ping"}`) // allowed before connection_init
	c.expect("", "pong", "")
	c.say(`{"type":"connection_init","payload":{"authorization":"Bearer read"}}`)
	c.expect("", "connection_ack", "")

	header := http.Header{"Authorization": {"Bearer read"}}
	c = s.dial(t, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: header})
	c.say(`{"type":"connection_init"}`)
	c.expect("", "connection_ack", "")

	// What is said in connection_init counts more.
	c = s.dial(t, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: header})
	c.say(`{"type":"connection_init","payload":{"Authorization":"Bearer bad"}}`)
	c.expectClose(4403)

	s.callers.broken = audit.ErrUnavailable
	c = s.dial(t, nil)
	c.say(`{"type":"connection_init","payload":{"Authorization":"Bearer all"}}`)
	c.expectClose(websocket.StatusTryAgainLater)
}

func TestSocketSubprotocols(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, offered := range [][]string{{"graphql-ws"}, nil} {
		s.dial(t, &websocket.DialOptions{Subprotocols: offered}).expectClose(4406)
	}
	c := s.dial(t, &websocket.DialOptions{Subprotocols: []string{"graphql-ws", "graphql-transport-ws"}})
	if got := c.conn.Subprotocol(); got != "graphql-transport-ws" {
		t.Errorf("agreed on %q", got)
	}
}

func TestSocketOrigins(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for from, allowed := range map[string]bool{
		"": true, origin: true, "http://annals.example.com": true,
		"https://evil.example.net": false, "null": false, "https://annals.example.com": false, origin + ":8443": false,
		s.http.URL: false, // the Host header says nothing
	} {
		header := http.Header{}
		if from != "" {
			header.Set("Origin", from)
		}
		conn, response, err := websocket.Dial(t.Context(), s.http.URL, &websocket.DialOptions{
			Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: header,
		})
		if (err == nil) != allowed || !allowed && response.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %v", from, err)
		}
		if conn != nil {
			_ = conn.CloseNow()
		}
	}
}

func TestSilentSocketIsClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, 50*time.Millisecond, time.Minute, time.Minute, time.Second)
	s.dial(t, nil).expectClose(4408)
	// One that did what it should stays.
	c := s.greet(t, "all")
	time.Sleep(100 * time.Millisecond)
	c.subscribe("1", `{__typename}`)
	c.expect("1", "next", "Query")
}

func TestOperationsOfASocketAreLimited(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *graph.Options) { o.Limits.MaxSubscriptions = 3 })
	s.idle()
	c := s.greet(t, "all")
	for _, id := range []string{"1", "2", "3"} {
		c.subscribe(id, watch)
	}
	c.subscribe("4", watch)
	c.expect("4", "error", "RATE_LIMITED")
	c.say(`{"id":"2","type":"complete"}`)
	eventually(t, 5*time.Second, "there is room again", func() bool {
		c.subscribe("5", `{__typename}`)
		got, err := c.hear()
		if err != nil {
			t.Fatal(err)
		}
		if got.Type == "error" {
			return false
		}
		c.expect("5", "complete", "")
		return true
	})
}

func TestFloodOfSubscribesMakesFewGoroutines(t *testing.T) {
	s := newStage(t)
	s.idle()
	c := s.greet(t, "all")
	for i := range 32 {
		c.subscribe(fmt.Sprint("live", i), watch)
	}
	before := runtime.NumGoroutine()
	for i := range 3000 {
		c.subscribe(fmt.Sprint(i), watch) // their refusals are not read
		if more := runtime.NumGoroutine() - before; more > 100 {
			t.Fatalf("after %d subscribes there are %d goroutines more", i, more)
		}
	}
}

func TestSocketsAreLimited(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *graph.Options) { o.Limits.MaxSocketsPerToken, o.Limits.MaxSocketsPerTenant = 2, 3 })
	s.callers.know("other", 2, audit.ScopeActivitiesRead)
	refused := func(token string) {
		t.Helper()
		c := s.dial(t, nil)
		c.say(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`)
		c.expectClose(websocket.StatusTryAgainLater)
	}
	first := s.greet(t, "all")
	s.greet(t, "all")
	refused("all")
	s.greet(t, "read")
	refused("read") // three of the tenant
	s.greet(t, "other")

	_ = first.conn.CloseNow()
	eventually(t, 5*time.Second, "the closed one is no longer counted", func() bool { return s.server.OpenSockets() == 3 })
	s.greet(t, "read")
}

func TestSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.feed()
	c := s.greet(t, "all")
	c.subscribe("1", watch)
	f.messages <- live("c1")
	c.expect("1", "next", "c1")
	s.callers.end("all")
	c.expectClose(4403)
	<-f.over
}

// flood sends messages of 100 KB until the subscription ends.
func (s *stage) flood() (over chan struct{}) {
	over = make(chan struct{})
	s.resolvers.subscription.recorded = func(ctx context.Context, _ *string) (<-chan *audit.LiveMessage, error) {
		out := make(chan *audit.LiveMessage)
		go func() {
			defer close(over)
			defer close(out)
			for {
				select {
				case out <- live(strings.Repeat("x", 100_000)):
				case <-ctx.Done():
					return
				}
			}
		}()
		return out, nil
	}
	return over
}

// stalled opens a subscription and does not read what it brings; the buffers in between fill up.
func (s *stage) stalled(t *testing.T) *client {
	t.Helper()
	c := s.greet(t, "all")
	c.conn.SetReadLimit(1 << 20)
	c.subscribe("1", watch)
	return c
}

func TestStalledClientIsCut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, time.Minute, time.Minute, 200*time.Millisecond, 100*time.Millisecond)
	over := s.flood()
	s.stalled(t)
	<-over
	eventually(t, 5*time.Second, "the socket is gone", func() bool { return s.server.OpenSockets() == 0 })
}

func TestSlowClientLearnsThatItIsTooSlow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, time.Minute, time.Minute, 200*time.Millisecond, 10*time.Second)
	over := s.flood()
	c := s.stalled(t)
	<-over // given up
	c.expectClose(websocket.StatusTryAgainLater)
}

func TestStalledClientEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, time.Minute, time.Minute, time.Minute, 200*time.Millisecond)
	over := s.flood()
	s.stalled(t)
	time.Sleep(200 * time.Millisecond) // until the buffers are full
	begun := time.Now()
	s.callers.end("all")
	<-over
	eventually(t, 5*time.Second, "the socket is gone", func() bool { return s.server.OpenSockets() == 0 })
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestDeadClientIsFound(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, time.Minute, 50*time.Millisecond, time.Minute, time.Minute)
	s.idle()
	quick := s.greet(t, "read")
	go func() { _, _ = quick.hear() }() // reads, and so answers pings
	dead := s.greet(t, "all")           // does not read any more
	dead.subscribe("1", watch)
	eventually(t, 5*time.Second, "the dead one is gone", func() bool { return s.server.OpenSockets() == 1 })
	time.Sleep(200 * time.Millisecond)
	if got := s.server.OpenSockets(); got != 1 {
		t.Errorf("%d sockets are open, want the one that answers", got)
	}
	_ = quick.conn.CloseNow()
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.feed()
	c := s.greet(t, "all")
	c.subscribe("1", watch)
	silent := s.dial(t, nil)
	f.messages <- live("c1")
	done := make(chan error)
	go func() { done <- s.server.Shutdown(t.Context()) }()
	c.expectClose(websocket.StatusServiceRestart)
	silent.expectClose(websocket.StatusServiceRestart)
	if err := <-done; err != nil {
		t.Errorf("shutting down: %v", err)
	}
	<-f.over
	s.dial(t, nil).expectClose(websocket.StatusServiceRestart)
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Errorf("shutting down again: %v", err)
	}
}

func TestShutdownDoesNotWaitForStalledClients(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.server.Impatient(time.Minute, time.Minute, time.Minute, time.Minute, time.Minute)
	over := s.flood()
	s.stalled(t)
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-over
	if open := s.server.OpenSockets(); open != 0 {
		t.Errorf("%d sockets are open", open)
	}
}
