package graph

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"annals/auth"
)

// subprotocol is the only one that is spoken; see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
const subprotocol = "graphql-transport-ws"

// maxMessageBytes bounds a message of a client: a document, with its quotes escaped, and variables.
const maxMessageBytes = 64 << 10

// closing is how a socket ends. Clients come back by themselves, with growing pauses, after 1012, 1013, 4403 and 4408,
// and never after the others.
type closing struct {
	code   websocket.StatusCode
	reason string
}

var (
	closeRestart      = closing{websocket.StatusServiceRestart, "the server restarts"}
	closeTooSlow      = closing{websocket.StatusTryAgainLater, "the reader is too slow"}
	closeTooMany      = closing{websocket.StatusTryAgainLater, "too many sockets or attempts"}
	closeUnavailable  = closing{websocket.StatusTryAgainLater, "not available at the moment"}
	closeInvalid      = closing{4400, "invalid message"}
	closeUnauthorized = closing{4401, "subscribe came before connection_init was acknowledged"}
	closeForbidden    = closing{4403, "no token, or one that is not valid or has ended"}
	closeSubprotocol  = closing{4406, "only " + subprotocol + " is spoken"}
	closeInitTimeout  = closing{4408, "connection_init did not come in time"}
	closeDuplicate    = closing{4409, "there is an operation with this id already"}
	closeSecondInit   = closing{4429, "connection_init came twice"}
)

// socket is one websocket connection.
type socket struct {
	server    *Server
	request   *http.Request // the upgrade
	requestID string
	conn      *websocket.Conn
	wire      net.Conn        // below conn
	ctx       context.Context // of its operations
	cancel    context.CancelFunc
	work      sync.WaitGroup // all its goroutines but the reader
	closing   atomic.Bool
	writing   sync.Mutex // held for one message

	// The reader's own.
	principal *auth.Principal // nil until connection_init is acknowledged
	release   func()          // takes it off the count of its principal's sockets
	initTimer *time.Timer

	mu         sync.Mutex
	operations map[string]*subscription // by the client's id
	running    int                      // also those that are about to end
}

// hijacker keeps the connection below a websocket: closing it is the only way to free a writer whose client does not
// read.
type hijacker struct {
	http.ResponseWriter
	wire net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	wire, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.wire = wire
	return wire, buffered, err
}

// socket serves a websocket until it ends.
func (s *Server) socket(x *exchange) {
	below := &hijacker{ResponseWriter: x.w}
	// The origin has been checked, by a stricter rule than Accept's.
	conn, err := websocket.Accept(below, x.r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		return // it has answered
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(x.r.Context()))
	k := &socket{
		server: s, request: x.r, requestID: x.requestID, conn: conn, wire: below.wire,
		ctx: ctx, cancel: cancel, operations: map[string]*subscription{},
	}
	if !s.sockets.add(k) {
		k.close(closeRestart)
		return
	}
	defer s.sockets.remove(k)
	stop := context.AfterFunc(x.r.Context(), func() { k.close(closeRestart) })
	defer stop()
	k.serve()
}

func (k *socket) serve() {
	begun := k.server.now()
	k.conn.SetReadLimit(maxMessageBytes)
	k.initTimer = time.AfterFunc(k.server.times.init, func() { k.close(closeInitTimeout) })
	defer k.initTimer.Stop()
	if k.conn.Subprotocol() != subprotocol {
		k.close(closeSubprotocol)
	}
	for k.read() {
	}
	k.cancel()
	k.sever()
	k.work.Wait()
	if k.release != nil {
		k.release()
	}
	k.server.log.LogAttrs(k.ctx, slog.LevelInfo, "socket ended",
		slog.String("request_id", k.requestID), slog.Duration("duration", k.server.now().Sub(begun)))
}

// sever cuts the connection, which ends all that waits for it.
func (k *socket) sever() {
	_ = k.wire.Close()
	_ = k.conn.CloseNow()
}

// close ends the socket in order: operations end, the client learns why, and after a moment the connection is cut
// whether it has answered or not.
func (k *socket) close(c closing) {
	if !k.closing.CompareAndSwap(false, true) {
		return
	}
	k.cancel()
	cut := time.AfterFunc(k.server.times.close, func() { _ = k.wire.Close() })
	defer cut.Stop()
	_ = k.conn.Close(c.code, c.reason)
}

// message is what a client sends.
type message struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// read handles one message of the client, false when none will come any more.
func (k *socket) read() bool {
	kind, text, err := k.conn.Read(context.Background()) // ends with the connection
	if err != nil {
		return false
	}
	var m message
	if kind != websocket.MessageText || json.Unmarshal(text, &m) != nil {
		k.close(closeInvalid)
		return false
	}
	if c, ok := k.handle(m); !ok {
		k.close(c)
		return false
	}
	return true
}

// handle does what a message says; a message that ends the socket says how.
func (k *socket) handle(m message) (closing, bool) {
	switch m.Type {
	case "connection_init":
		return k.initialise(m.Payload)
	case "ping":
		k.write(k.ctx, "", "pong")
	case "pong":
	case "subscribe":
		return k.subscribe(m)
	case "complete":
		k.complete(m.ID)
	default:
		return closeInvalid, false
	}
	return closing{}, true
}

// initialise authenticates the client by the payload of connection_init or the header of the upgrade.
func (k *socket) initialise(payload json.RawMessage) (closing, bool) {
	if k.principal != nil {
		return closeSecondInit, false
	}
	credentials, ok := initCredentials(payload, k.request.Header.Values("Authorization"))
	if !ok {
		return closeInvalid, false
	}
	principal, f := k.server.authenticate(k.request, credentials)
	if f != nil {
		return refusedInit(f), false
	}
	if k.release, ok = k.server.sockets.admit(principal); !ok {
		return closeTooMany, false
	}
	if !k.initTimer.Stop() {
		return closeInitTimeout, false
	}
	k.principal = principal
	k.work.Go(k.watch)
	k.work.Go(k.ping)
	k.write(k.ctx, "", "connection_ack")
	return closing{}, true
}

// initCredentials are what a client shows, empty when it shows nothing; false when the payload is no object.
func initCredentials(payload json.RawMessage, header []string) (string, bool) {
	var members map[string]any
	if len(payload) > 0 && json.Unmarshal(payload, &members) != nil {
		return "", false
	}
	for _, name := range []string{"Authorization", "authorization"} {
		if credentials, ok := members[name].(string); ok {
			return credentials, true
		}
	}
	return single(header), true
}

func refusedInit(f *failure) closing {
	switch f.code {
	case codeRateLimited:
		return closeTooMany
	case codeUnavailable:
		return closeUnavailable
	default:
		return closeForbidden
	}
}

// watch ends the socket with its token.
func (k *socket) watch() {
	if k.server.authenticator.AwaitEnd(k.ctx, k.principal) == nil {
		k.close(closeForbidden)
	}
}

// ping finds out that a client is gone without a word. The frames are WebSocket's own, which every client answers.
func (k *socket) ping() {
	ticks := time.NewTicker(k.server.times.ping)
	defer ticks.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-ticks.C:
		}
		ctx, cancel := context.WithTimeout(k.ctx, k.server.times.ping)
		err := k.conn.Ping(ctx)
		cancel()
		if err != nil && !k.closing.Load() {
			k.sever()
			return
		}
	}
}

// write sends a message unless ctx, that of its operation, has ended. A client that does not take it in time is closed:
// it is too slow even for the news that it is.
func (k *socket) write(ctx context.Context, id, kind string, payload ...[]byte) {
	k.writing.Lock()
	defer k.writing.Unlock()
	if ctx.Err() != nil {
		return
	}
	late := time.AfterFunc(k.server.times.write, func() { k.close(closeTooSlow) })
	defer late.Stop()
	err := k.conn.Write(context.Background(), websocket.MessageText, frame(id, kind, payload))
	if err != nil && !k.closing.Load() { // a socket that closes leaves the client time to read why
		k.sever()
	}
}

// frame makes a message of a payload that is JSON already, in parts.
func frame(id, kind string, payload [][]byte) []byte {
	size := len(id) + len(kind) + 64
	for _, part := range payload {
		size += len(part)
	}
	text := append(make([]byte, 0, size), `{"type":"`+kind+`"`...)
	if id != "" {
		text = append(append(text, `,"id":`...), mustMarshal(id)...)
	}
	if len(payload) > 0 {
		text = append(text, `,"payload":`...)
	}
	for _, part := range payload {
		text = append(text, part...)
	}
	return append(text, '}')
}
