package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"annals/audit"
)

// Integrations is where the state of integrations is read.
type Integrations interface {
	All(ctx context.Context, view audit.View) ([]*audit.Integration, error)
	Backfills(ctx context.Context, view audit.View, i *audit.Integration) ([]*audit.Backfill, error)
}

// watchInterval is how often integrations are looked at, and so how often one is sent at most.
const watchInterval = time.Second

// Watch sends integrations whose state or backfills changed, each at most once a second; first the present state of
// all that are asked for. ids are global ids, all integrations when nil. It ends with the context or the first error.
func Watch(ctx context.Context, store Integrations, view audit.View, ids []string, send func(*audit.Integration) error) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	sent := map[audit.IntegrationID]string{}
	for {
		integrations, err := store.All(ctx, view)
		if err != nil {
			return err
		}
		for _, i := range integrations {
			if ids != nil && !slices.Contains(ids, i.ID()) {
				continue
			}
			state, err := stateOf(ctx, store, view, i)
			if err != nil {
				return err
			}
			if sent[i.Number] == state {
				continue
			}
			sent[i.Number] = state
			if err := send(i); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// stateOf is a text that changes when what is shown of an integration does.
func stateOf(ctx context.Context, store Integrations, view audit.View, i *audit.Integration) (string, error) {
	backfills, err := store.Backfills(ctx, view, i)
	if err != nil {
		return "", err
	}
	state, err := json.Marshal([]any{i, backfills})
	if err != nil {
		return "", fmt.Errorf("comparing integrations: %w", err)
	}
	return string(state), nil
}
