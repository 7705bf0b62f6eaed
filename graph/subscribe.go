package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// subscription is an operation of any kind that a socket runs.
type subscription struct {
	id     string // the client's
	ctx    context.Context
	cancel context.CancelFunc
}

// subscribe starts an operation; a message that ends the socket says how.
func (k *socket) subscribe(m message) (closing, bool) {
	switch {
	case k.principal == nil:
		return closeUnauthorized, false
	case m.ID == "":
		return closeInvalid, false
	}
	ctx, cancel := context.WithCancel(k.ctx)
	sub := &subscription{id: m.ID, ctx: k.server.begin(ctx, k.principal, newRequestID()), cancel: cancel}
	unique, room := k.enter(sub)
	if !unique {
		cancel()
		return closeDuplicate, false
	}
	if !room {
		// Here and now: a client that does not read must not make goroutines pile up.
		k.refuse(sub, tooMany().response(operationFrom(sub.ctx).requestID))
		k.leave(sub)
		return closing{}, true
	}
	k.work.Go(func() {
		defer k.leave(sub)
		k.operate(sub, m.Payload)
	})
	return closing{}, true
}

// enter makes an operation known unless there is one with its id, and says whether there is room to run it. Operations
// that are about to end take room.
func (k *socket) enter(sub *subscription) (unique, room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.operations[sub.id] != nil {
		return false, false
	}
	k.operations[sub.id] = sub
	k.running++
	return true, k.running <= k.server.limits.MaxSubscriptions
}

func tooMany() *failure {
	return &failure{code: codeRateLimited, message: "too many operations on this socket", retryable: true, retryAfter: 1}
}

func (k *socket) leave(sub *subscription) {
	sub.cancel()
	k.forget(sub)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running--
}

// forget frees the id of an operation.
func (k *socket) forget(sub *subscription) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.operations[sub.id] == sub {
		delete(k.operations, sub.id)
	}
}

// complete ends an operation for the client, which may use its id again at once.
func (k *socket) complete(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if sub := k.operations[id]; sub != nil {
		sub.cancel()
		delete(k.operations, id)
	}
}

// operate runs an operation to its end, or until the client completes it.
func (k *socket) operate(sub *subscription, payload []byte) {
	params, f := readParams(payload)
	if f != nil {
		k.refuse(sub, f.response(operationFrom(sub.ctx).requestID))
		return
	}
	prepared, refusal := k.server.prepare(sub.ctx, params)
	if refusal != nil {
		k.server.report(sub.ctx, prepared, statusOf(refusal))
		k.refuse(sub, refusal)
		return
	}
	if prepared.Operation.Operation == ast.Subscription {
		k.stream(sub, prepared)
		return
	}
	response := k.server.execute(sub.ctx, prepared)
	k.server.report(sub.ctx, prepared, statusOf(response))
	if len(response.Data) == 0 {
		k.refuse(sub, response)
		return
	}
	k.next(sub, response)
	k.finish(sub, "complete")
}

// stream sends the messages of a subscription until it ends.
func (k *socket) stream(sub *subscription, prepared *graphql.OperationContext) {
	failed := k.follow(sub, prepared)
	switch {
	case sub.ctx.Err() != nil:
		k.server.report(sub.ctx, prepared, "ENDED") // by the client, or with the socket
	case failed != nil:
		k.server.report(sub.ctx, prepared, statusOf(failed))
		k.refuse(sub, failed)
	default:
		k.server.report(sub.ctx, prepared, statusOK)
		k.finish(sub, "complete")
	}
}

// follow sends messages while there are any. It returns the error that the subscription ends with, if one.
func (k *socket) follow(sub *subscription, prepared *graphql.OperationContext) (failed *graphql.Response) {
	defer k.server.recovering(sub.ctx, &failed)
	next, ctx := k.server.executor.DispatchOperation(sub.ctx, prepared)
	for response := next(ctx); response != nil; response = next(ctx) {
		if len(response.Data) == 0 {
			return response
		}
		k.next(sub, response)
	}
	if err := operationFrom(ctx).endedBy(); err != nil {
		return k.server.executor.DispatchError(ctx, gqlerror.List{asRefusal(err)})
	}
	return nil
}

func (k *socket) next(sub *subscription, response *graphql.Response) {
	e := wrap(response, true)
	k.write(sub.ctx, sub.id, "next", e.head, response.Data, e.tail)
}

// refuse sends the errors that end an operation.
func (k *socket) refuse(sub *subscription, response *graphql.Response) {
	k.finish(sub, "error", mustMarshal(response.Errors))
}

// finish sends the last message of an operation. The client may use the id again as soon as it has read it.
func (k *socket) finish(sub *subscription, kind string, payload ...[]byte) {
	k.forget(sub)
	k.write(sub.ctx, sub.id, kind, payload...)
}
