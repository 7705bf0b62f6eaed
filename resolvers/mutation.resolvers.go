package resolvers

import (
	"context"
	"errors"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/graph/generated"
)

func (r *mutationResolver) CreateIntegration(ctx context.Context, input generated.CreateIntegrationInput) (*generated.CreateIntegrationPayload, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	made, secret, err := r.Manager.Create(ctx, view, input.Name, input.Connector, input.Settings, input.Backfill)
	if err == nil {
		r.noteGiven(ctx, onIntegration("integration.create", audit.ActionCreate, "Created the integration", made,
			nil, settingChanges(&audit.Integration{}, made, input.Settings)...))
	}
	payload := &generated.CreateIntegrationPayload{Integration: made, WebhookSecret: given(secret)}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) UpdateIntegration(ctx context.Context, input generated.UpdateIntegrationInput) (*generated.UpdateIntegrationPayload, error) {
	view, before, err := r.present(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	changed, err := r.Manager.Update(ctx, view, input.ID, input.Name, input.Settings)
	if err == nil {
		err = r.noteUpdate(ctx, before, changed, input.Settings)
	}
	payload := &generated.UpdateIntegrationPayload{Integration: changed}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) PauseIntegration(ctx context.Context, input generated.PauseIntegrationInput) (*generated.PauseIntegrationPayload, error) {
	view, before, err := r.present(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	paused, err := r.Manager.Pause(ctx, view, input.ID)
	if err == nil && touched(before, paused) {
		err = r.note(ctx, onIntegration("integration.pause", audit.ActionDisable, "Paused the integration", paused,
			reason(input.Reason), statusChange(before.Status(), paused.Status())...))
	}
	payload := &generated.PauseIntegrationPayload{Integration: paused}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) ResumeIntegration(ctx context.Context, input generated.ResumeIntegrationInput) (*generated.ResumeIntegrationPayload, error) {
	view, before, err := r.present(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	resumed, err := r.Manager.Resume(ctx, view, input.ID)
	if err == nil && touched(before, resumed) {
		err = r.note(ctx, onIntegration("integration.resume", audit.ActionEnable, "Resumed the integration", resumed,
			nil, statusChange(before.Status(), resumed.Status())...))
	}
	payload := &generated.ResumeIntegrationPayload{Integration: resumed}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) DeleteIntegration(ctx context.Context, input generated.DeleteIntegrationInput) (*generated.DeleteIntegrationPayload, error) {
	view, before, err := r.present(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	deleted, err := r.Manager.Delete(ctx, view, input.ID, input.ConfirmName)
	if err == nil {
		err = r.note(ctx, onIntegration("integration.delete", audit.ActionDelete, "Deleted the integration", deleted,
			nil, statusChange(before.Status(), deleted.Status())...))
	}
	payload := &generated.DeleteIntegrationPayload{Integration: deleted}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) TestIntegration(ctx context.Context, input generated.TestIntegrationInput) (*generated.TestIntegrationPayload, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	checks, err := r.Manager.Test(ctx, view, input.ID, input.Connector, input.Settings)
	payload := &generated.TestIntegrationPayload{Checks: checks}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) StartBackfill(ctx context.Context, input generated.StartBackfillInput) (*generated.StartBackfillPayload, error) {
	view, before, err := r.present(ctx, input.IntegrationID)
	if err != nil {
		return nil, err
	}
	var to time.Time
	if input.To != nil {
		to = *input.To
	}
	backfills, err := r.Manager.StartBackfill(ctx, view, input.IntegrationID, input.Feeds, input.From, to)
	for _, backfill := range backfills {
		err = errors.Join(err, r.note(ctx, backfillStarted(before, backfill)))
	}
	payload := &generated.StartBackfillPayload{Backfills: backfills}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) CancelBackfill(ctx context.Context, input generated.CancelBackfillInput) (*generated.CancelBackfillPayload, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	before, of, err := r.presentBackfill(ctx, view, input.ID)
	if err != nil {
		return nil, err
	}
	cancelled, err := r.Manager.CancelBackfill(ctx, view, input.ID)
	if err == nil {
		err = r.note(ctx, backfillCancelled(of, before, cancelled))
	}
	payload := &generated.CancelBackfillPayload{Backfill: cancelled}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) RotateWebhookSecret(ctx context.Context, input generated.RotateWebhookSecretInput) (*generated.RotateWebhookSecretPayload, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	rotated, secret, err := r.Manager.RotateWebhookSecret(ctx, view, input.IntegrationID, time.Duration(input.KeepOld), input.NewURL)
	if err == nil {
		r.noteGiven(ctx, onIntegration("integration.rotate_webhook_secret", audit.ActionUpdate, "Renewed the webhook secret of", rotated,
			nil, webhookChanges(input.NewURL)...))
	}
	payload := &generated.RotateWebhookSecretPayload{Integration: rotated, WebhookSecret: given(secret)}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) CreateAPIToken(ctx context.Context, input generated.CreateAPITokenInput) (*generated.CreateAPITokenPayload, error) {
	token, entry, err := r.Tokens.CreateAPIToken(ctx, auth.FromContext(ctx), auth.NewAPIToken{
		Name: input.Name, Scopes: input.Scopes, ExpiresIn: input.ExpiresIn, Restriction: input.Restriction,
	})
	if err == nil {
		r.noteGiven(ctx, onToken("token.create", audit.ActionCreate, "Created the token", entry, nil))
	}
	payload := &generated.CreateAPITokenPayload{APIToken: entry, Token: given(token)}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) RevokeAPIToken(ctx context.Context, input generated.RevokeAPITokenInput) (*generated.RevokeAPITokenPayload, error) {
	before, err := r.presentToken(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	entry, count, err := r.Tokens.Revoke(ctx, auth.FromContext(ctx), auth.Revocation{
		ID: input.ID, Reason: input.Reason, Descendants: input.Descendants,
	})
	payload := &generated.RevokeAPITokenPayload{APIToken: entry}
	if err == nil {
		payload.RevokedCount = &count
	}
	if err == nil && count > 0 {
		err = r.note(ctx, onToken("token.revoke", audit.ActionRevoke, "Revoked the token", entry,
			reason(input.Reason), statusChange(auth.Status(before, r.Now()), auth.Status(entry, r.Now()))...))
	}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) CreateViewerToken(ctx context.Context, input generated.CreateViewerTokenInput) (*generated.CreateViewerTokenPayload, error) {
	token, expiresAt, err := r.Tokens.CreateViewerToken(ctx, auth.FromContext(ctx), auth.NewViewerToken{
		Subject: input.Subject, Scopes: input.Scopes, ExpiresIn: input.ExpiresIn, Restriction: input.Restriction,
	})
	payload := &generated.CreateViewerTokenPayload{Token: given(token)}
	if err == nil {
		payload.ExpiresAt = &expiresAt
		r.noteGiven(ctx, onViewer(input.Subject))
	}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *mutationResolver) RecordActivities(ctx context.Context, input generated.RecordActivitiesInput) (*generated.RecordActivitiesPayload, error) {
	view, err := r.Operation.View(ctx)
	if err != nil {
		return nil, err
	}
	results, err := r.Recorder.Activities(ctx, view, input.IntegrationID, input.Activities)
	payload := &generated.RecordActivitiesPayload{Results: results}
	payload.UserErrors, err = problems(err)
	return payload, err
}

func (r *Resolver) Mutation() generated.MutationResolver { return &mutationResolver{r} }

type mutationResolver struct{ *Resolver }
