package resolvers

import (
	"context"
	"time"

	"annals/audit"
	"annals/graph/generated"
)

func (r *subscriptionResolver) ActivityRecorded(ctx context.Context, filter *audit.Filter, after *string, since *time.Time) (<-chan *audit.LiveMessage, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	feed, err := r.Live.Follow(ctx, view, filter, after, since)
	if err != nil {
		return nil, err
	}
	messages := make(chan *audit.LiveMessage)
	go func() {
		defer close(messages)
		defer feed.Close()
		r.endWith(ctx, contained(func() error { return pump(ctx, messages, feed.Next) }))
	}()
	return messages, nil
}

func (r *subscriptionResolver) IntegrationChanged(ctx context.Context, ids []string) (<-chan *audit.Integration, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	changed := make(chan *audit.Integration)
	go func() {
		defer close(changed)
		r.endWith(ctx, contained(func() error {
			return r.Live.Watch(ctx, view, ids, func(i *audit.Integration) error { return send(ctx, changed, i) })
		}))
	}()
	return changed, nil
}

func (r *Resolver) Subscription() generated.SubscriptionResolver { return &subscriptionResolver{r} }

type subscriptionResolver struct{ *Resolver }
