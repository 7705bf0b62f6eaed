// Package webhook takes what vendors push. A delivery is acknowledged only after it is committed; an unknown address
// and a delivery that cannot prove its sender are answered alike.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"annals/audit"
	"annals/sync/connector"
)

const (
	// maxBody bounds a delivery.
	maxBody = 8 << 20
	// patience is how long recording a delivery may take: vendors wait for ten seconds.
	patience = 8 * time.Second
	// maxBodies is how many bodies are held at once: with maxBody it bounds the memory of all deliveries.
	maxBodies = 16
)

// pathPattern is what the random part of an address looks like. Anything else never reaches the database.
var pathPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`) // as package integration makes them, so that nothing else costs a question

// errPanicked is that the vendor's code could not cope with a delivery.
var errPanicked = errors.New("receiving a delivery panicked")

// Store finds what an address belongs to.
type Store interface {
	// WebhookOwner gives the integration of an address, ErrNotFound when there is none.
	WebhookOwner(ctx context.Context, path string) (audit.StoredIntegration, error)
	// NoteDelivery notes when the last delivery was accepted or refused.
	NoteDelivery(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID, accepted bool) error
	// PokeFetches makes the live fetches of an integration due now.
	PokeFetches(ctx context.Context, tenant audit.TenantID, id audit.IntegrationID) error
}

// Opener opens the vendor's code, with its secrets.
type Opener interface {
	OpenStored(stored audit.StoredIntegration) (connector.Opened, audit.Connector, error)
	WebhookSecrets(ctx context.Context, i *audit.Integration) ([]string, error)
}

// Record records what a delivery holds, in one transaction or several; repeating it records nothing twice.
type Record func(ctx context.Context, i *audit.Integration, feed string, drafts []audit.Draft) (audit.Receipt, error)

// Handler takes deliveries at /webhooks/{path}.
type Handler struct {
	store  Store
	opener Opener
	record Record
	now    func() time.Time
	log    *slog.Logger
	bodies chan struct{} // one for each body that is held
}

// New makes the handler.
func New(store Store, opener Opener, record Record, now func() time.Time, log *slog.Logger) *Handler {
	return &Handler{store: store, opener: opener, record: record, now: now, log: log, bodies: make(chan struct{}, maxBodies)}
}

// ServeHTTP answers 204 for a delivery that is recorded, 401 for one that cannot prove itself or has no such address,
// 400 for one that is proven but unreadable, 500 where the vendor's code fails, 503 while paused, with too many
// deliveries at once, or when it cannot be recorded, so that the vendor tries again. Who does not know an address
// cannot make us read a body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST", http.StatusMethodNotAllowed)
		return
	}
	status := h.serve(w, r)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	w.WriteHeader(status)
}

// serve gives the status to answer with.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) int {
	stored, err := h.owner(r.Context(), strings.TrimPrefix(r.URL.Path, "/webhooks/"))
	if errors.Is(err, audit.ErrNotFound) {
		return http.StatusUnauthorized
	}
	if err != nil {
		return h.unavailable(r.Context(), "finding a webhook", err)
	}
	select {
	case h.bodies <- struct{}{}:
		defer func() { <-h.bodies }()
	default:
		return http.StatusServiceUnavailable
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return http.StatusBadRequest
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return h.take(ctx, stored, connector.Delivery{Header: r.Header, Body: body, At: h.now()})
}

func (h *Handler) owner(ctx context.Context, path string) (audit.StoredIntegration, error) {
	if !pathPattern.MatchString(path) {
		return audit.StoredIntegration{}, audit.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return h.store.WebhookOwner(ctx, path)
}

// take proves, translates and records a delivery, and gives the status to answer with.
func (h *Handler) take(ctx context.Context, stored audit.StoredIntegration, delivery connector.Delivery) int {
	log := h.log.With("integration", int64(stored.Number), "connector", stored.ConnectorName)
	received, err := h.receive(ctx, stored, delivery)
	switch {
	case errors.Is(err, connector.ErrSignature):
		h.note(ctx, &stored.Integration, false)
		return http.StatusUnauthorized
	case errors.Is(err, errPanicked):
		log.ErrorContext(ctx, "the vendor's code cannot cope with a delivery", "error", err)
		return http.StatusInternalServerError
	case err != nil && connector.ClassOf(err) == connector.Malformed:
		log.WarnContext(ctx, "a proven delivery is unreadable", "error", err)
		h.note(ctx, &stored.Integration, false)
		return http.StatusBadRequest
	case err != nil:
		return h.unavailable(ctx, "receiving a delivery", err)
	case stored.PausedAt != nil:
		return http.StatusServiceUnavailable
	}
	if len(received.Drafts) > 0 {
		if _, err := h.record(ctx, &stored.Integration, received.Feed, received.Drafts); err != nil {
			return h.unavailable(ctx, "recording a delivery", err)
		}
	}
	h.note(ctx, &stored.Integration, true)
	if received.Poke {
		if err := h.store.PokeFetches(ctx, stored.Tenant, stored.Number); err != nil {
			log.WarnContext(ctx, "poking fetches", "error", err)
		}
	}
	return http.StatusNoContent
}

func (h *Handler) receive(ctx context.Context, stored audit.StoredIntegration, delivery connector.Delivery) (connector.Received, error) {
	opened, _, err := h.opener.OpenStored(stored)
	if err != nil {
		return connector.Received{}, err
	}
	receiver, ok := opened.(connector.Receiver)
	if !ok {
		return connector.Received{}, connector.ErrSignature
	}
	secrets, err := h.opener.WebhookSecrets(ctx, &stored.Integration)
	if err != nil {
		return connector.Received{}, err
	}
	return contained(receiver, delivery, secrets)
}

// contained keeps a panic of the vendor's code to its delivery: what a stranger sends must not end anything else.
func contained(receiver connector.Receiver, delivery connector.Delivery, secrets []string) (received connector.Received, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			received, err = connector.Received{}, fmt.Errorf("%w: %v\n%s", errPanicked, panicked, debug.Stack())
		}
	}()
	return receiver.Receive(delivery, secrets)
}

// note keeps the time of the last delivery; failing to do so must not make the vendor send again.
func (h *Handler) note(ctx context.Context, i *audit.Integration, accepted bool) {
	if err := h.store.NoteDelivery(ctx, i.Tenant, i.Number, accepted); err != nil {
		h.log.WarnContext(ctx, "noting a delivery", "error", err)
	}
}

func (h *Handler) unavailable(ctx context.Context, doing string, err error) int {
	h.log.WarnContext(ctx, "a delivery was sent back", "doing", doing, "error", err)
	return http.StatusServiceUnavailable
}
