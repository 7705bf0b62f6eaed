package db

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"annals/audit"
)

// fetchRow is a row of fetches.
type fetchRow struct {
	bun.BaseModel `bun:"table:fetches,alias:x"`

	TenantID      audit.TenantID       `bun:"tenant_id,pk"`
	ID            int64                `bun:"id,pk"`
	IntegrationID audit.IntegrationID  `bun:"integration_id"`
	Feed          string               `bun:"feed"`
	Kind          audit.FetchKind      `bun:"kind"`
	Status        audit.BackfillStatus `bun:"status"`
	State         *string              `bun:"state"`
	WindowFrom    *time.Time           `bun:"window_from"`
	WindowTo      *time.Time           `bun:"window_to"`
	ReachedAt     *time.Time           `bun:"reached_at"`
	Reason        audit.HealthReason   `bun:"reason"`
	Failures      int                  `bun:"failures"`
	NextRunAt     time.Time            `bun:"next_run_at"`
	PollInterval  time.Duration        `bun:"poll_interval"`
	Fence         int64                `bun:"fence"`
	CreatedAt     time.Time            `bun:"created_at"`
	RecordedCount int64                `bun:"recorded_count"`
	RepeatedCount int64                `bun:"repeated_count"`
}

// insertFetches adds fetches to an integration whose row is locked or new. A feed has one live fetch at most.
func insertFetches(ctx context.Context, tx bun.IDB, tenant audit.TenantID, integration audit.IntegrationID, fetches []audit.NewFetch, now time.Time) error {
	for _, fetch := range fetches {
		if fetch.Kind == audit.FetchLive {
			live, err := tx.NewSelect().Model((*fetchRow)(nil)).
				Where("tenant_id = ? AND integration_id = ? AND feed = ? AND kind = 'LIVE'", tenant, integration, fetch.Feed).Exists(ctx)
			if err != nil {
				return err
			}
			if live {
				continue
			}
		}
		row := &fetchRow{
			TenantID: tenant, ID: fetch.ID, IntegrationID: integration, Feed: fetch.Feed, Kind: fetch.Kind,
			Status: audit.BackfillWaiting, NextRunAt: now, CreatedAt: now,
		}
		if fetch.Kind == audit.FetchBackfill {
			row.WindowFrom, row.WindowTo = &fetch.From, &fetch.To
		}
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		if err := insertFeed(ctx, tx, tenant, integration, fetch.Feed); err != nil {
			return err
		}
	}
	return nil
}

// claimedRow is a fetch with what belongs to its feed and integration.
type claimedRow struct {
	fetchRow

	Connector string     `bun:"connector"`
	Watermark *time.Time `bun:"watermark"`
}

// runnable holds for a fetch x of an integration i that may ask the vendor now: nobody has paused or deleted the
// integration, the vendor throttles none of its fetches, and a backfill gives way while a live fetch waits.
const runnable = `i.paused_at IS NULL AND i.deleted_at IS NULL
	AND NOT EXISTS (SELECT FROM fetches t WHERE t.tenant_id = x.tenant_id AND t.integration_id = x.integration_id
		AND t.reason = 'RATE_LIMITED' AND t.next_run_at > now())
	AND (x.kind = 'LIVE' OR NOT EXISTS (SELECT FROM fetches l WHERE l.tenant_id = x.tenant_id AND l.integration_id = x.integration_id
		AND l.kind = 'LIVE' AND l.next_run_at <= now() AND (l.lease_until IS NULL OR l.lease_until < now())))`

// ClaimFetches leases fetches that are due and runnable, those that waited longest first, and raises their fences.
func (db *DB) ClaimFetches(ctx context.Context, kind audit.FetchKind, limit int, lease time.Duration) ([]audit.Fetch, error) {
	var rows []claimedRow
	err := db.bun.NewRaw(`
		WITH due AS (
			SELECT x.tenant_id, x.id FROM fetches x JOIN integrations i ON i.tenant_id = x.tenant_id AND i.id = x.integration_id
			WHERE x.kind = ?0 AND x.status IN ('WAITING', 'RUNNING') AND x.next_run_at <= now()
				AND (x.lease_until IS NULL OR x.lease_until < now()) AND `+runnable+`
			ORDER BY x.next_run_at LIMIT ?1 FOR UPDATE OF x SKIP LOCKED
		), claimed AS (
			UPDATE fetches x SET fence = fence + 1, poked = false, lease_until = now() + ?2 * interval '1 microsecond', status = 'RUNNING'
			FROM due WHERE x.tenant_id = due.tenant_id AND x.id = due.id RETURNING x.*
		)
		SELECT c.*, i.connector, f.watermark FROM claimed c
			JOIN integrations i ON i.tenant_id = c.tenant_id AND i.id = c.integration_id
			LEFT JOIN feeds f ON f.tenant_id = c.tenant_id AND f.integration_id = c.integration_id AND f.name = c.feed`,
		kind, limit, lease.Microseconds()).Scan(ctx, &rows)
	if err != nil {
		return nil, translate("claiming fetches", err)
	}
	fetches := make([]audit.Fetch, len(rows))
	for i, row := range rows {
		fetches[i] = row.fetch()
	}
	return fetches, nil
}

func (r *claimedRow) fetch() audit.Fetch {
	fetch := audit.Fetch{
		Lease: audit.FetchLease{ID: r.ID, Fence: r.Fence}, Tenant: r.TenantID, IntegrationID: r.IntegrationID,
		Connector: r.Connector, Feed: r.Feed, Kind: r.Kind, From: at(r.WindowFrom), To: at(r.WindowTo),
		ReachedAt: at(r.ReachedAt), CreatedAt: r.CreatedAt.UTC(), Watermark: at(r.Watermark), Failures: r.Failures,
		PollInterval: r.PollInterval,
	}
	if fetch.ReachedAt.IsZero() {
		fetch.ReachedAt = fetch.To
	}
	if r.State != nil {
		fetch.State = []byte(*r.State)
	}
	return fetch
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// RenewFetch lengthens a lease; ErrFenced when it is no longer ours or the fetch was cancelled.
func (db *DB) RenewFetch(ctx context.Context, tenant audit.TenantID, held audit.FetchLease, lease time.Duration) error {
	result, err := db.bun.NewRaw(`UPDATE fetches SET lease_until = now() + ? * interval '1 microsecond'
		WHERE tenant_id = ? AND id = ? AND fence = ? AND status = 'RUNNING'`,
		lease.Microseconds(), tenant, held.ID, held.Fence).Exec(ctx)
	return fenced("renewing a lease", result, err)
}

// MayGoOn reports whether a held fetch is still ours and runnable. It is asked before every page.
func (db *DB) MayGoOn(ctx context.Context, fetch audit.Fetch) (bool, error) {
	var may bool
	err := db.bun.NewRaw(`SELECT EXISTS (SELECT FROM fetches x JOIN integrations i ON i.tenant_id = x.tenant_id AND i.id = x.integration_id
		WHERE x.tenant_id = ? AND x.id = ? AND x.fence = ? AND x.status = 'RUNNING' AND `+runnable+`)`,
		fetch.Tenant, fetch.Lease.ID, fetch.Lease.Fence).Scan(ctx, &may)
	return may, translate("asking whether a fetch may go on", err)
}

// FinishFetch gives a lease back and says how the fetch goes on; ErrFenced when it is no longer ours. While a fetch
// waits for a vendor that throttles, nothing else of its integration is claimed.
func (db *DB) FinishFetch(ctx context.Context, fetch audit.Fetch, end audit.FetchEnd) error {
	return translate("finishing a fetch", db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if fetch.Kind == audit.FetchLive {
			// The feed before the fetch, as Append locks them.
			_, err := tx.NewRaw(`UPDATE feeds SET last_poll_at = now(), reason = ? WHERE tenant_id = ? AND integration_id = ? AND name = ?`,
				end.Reason, fetch.Tenant, fetch.IntegrationID, fetch.Feed).Exec(ctx)
			if err != nil {
				return err
			}
		}
		poked := end.Delay // a failure is waited for
		if end.Reason == "" {
			poked = min(end.Delay, pokeGap)
		}
		result, err := tx.NewRaw(`UPDATE fetches SET lease_until = NULL, status = ?, poked = false,
				next_run_at = now() + CASE WHEN poked THEN ? ELSE ? END * interval '1 microsecond', poll_interval = ?, failures = ?, reason = ?, state = CASE WHEN ? THEN NULL ELSE state END
			WHERE tenant_id = ? AND id = ? AND fence = ? AND status = 'RUNNING'`,
			statusAfter(end), poked.Microseconds(), end.Delay.Microseconds(), end.PollInterval, end.Failures, end.Reason, end.ForgetState,
			fetch.Tenant, fetch.Lease.ID, fetch.Lease.Fence).Exec(ctx)
		return fenced("finishing a fetch", result, err)
	}))
}

func statusAfter(end audit.FetchEnd) audit.BackfillStatus {
	if end.Done {
		return audit.BackfillDone
	}
	return audit.BackfillWaiting
}

func fenced(doing string, result interface{ RowsAffected() (int64, error) }, err error) error {
	if err != nil {
		return translate(doing, err)
	}
	if n, _ := result.RowsAffected(); n == 0 {
		return audit.ErrFenced
	}
	return nil
}

// pokeGap is how soon after a poll a webhook may bring the next one: a stream of them must not poll without pause.
const pokeGap = 15 * time.Second

// PokeFetches brings the next poll of an integration's live fetches forward to now, or to 15 s after the last one.
// One that is running may have read past what the webhook tells of, so it is poked once it has finished. Those that wait
// after a failure go on waiting.
func (db *DB) PokeFetches(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID) error {
	_, err := db.bun.NewRaw(`
		WITH early AS (
			SELECT x.id, x.status = 'RUNNING' AS running, greatest(now(), f.last_poll_at + ? * interval '1 microsecond') AS at
			FROM fetches x LEFT JOIN feeds f ON f.tenant_id = x.tenant_id AND f.integration_id = x.integration_id AND f.name = x.feed
			WHERE x.tenant_id = ? AND x.integration_id = ? AND x.kind = 'LIVE' AND x.reason = '' ORDER BY x.id FOR UPDATE OF x
		)
		UPDATE fetches x SET next_run_at = least(x.next_run_at, early.at), poked = early.running FROM early
		WHERE x.tenant_id = ? AND x.id = early.id AND (x.next_run_at > early.at OR early.running)`,
		pokeGap.Microseconds(), tenant, integration, tenant).Exec(ctx)
	return translate("poking fetches", err)
}

// LiveFeeds gives the feeds of an integration that have a live fetch.
func (db *DB) LiveFeeds(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID) ([]string, error) {
	var feeds []string
	err := db.bun.NewRaw(`SELECT feed FROM fetches WHERE tenant_id = ? AND integration_id = ? AND kind = 'LIVE'`, tenant, integration).Scan(ctx, &feeds)
	return feeds, translate("reading live feeds", err)
}

// openFetches are those of an integration (?1 of tenant ?0) that have not ended, locked in the order that all use.
const openFetches = `WITH mine AS (
	SELECT id FROM fetches WHERE tenant_id = ?0 AND integration_id = ?1 AND status IN ('WAITING', 'RUNNING') ORDER BY id FOR UPDATE
) `

// RunFetches makes all waiting fetches of an integration due now and forgets their failures, after a person has
// changed or resumed it. One that the vendor throttles goes on waiting.
func (db *DB) RunFetches(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID) error {
	return translate("starting fetches", runFetches(ctx, db.bun, tenant, integration))
}

func runFetches(ctx context.Context, tx bun.IDB, tenant audit.TenantID, integration audit.IntegrationID) error {
	_, err := tx.NewRaw(openFetches+`UPDATE fetches x SET failures = 0,
			next_run_at = CASE WHEN reason = 'RATE_LIMITED' AND next_run_at > now() THEN next_run_at ELSE now() END
		FROM mine WHERE x.tenant_id = ?0 AND x.id = mine.id`, tenant, integration).Exec(ctx)
	return err
}

// beginAnew forgets positions and waits, which are those of another account, and takes the fetches from those who run
// them. Live feeds begin now, open backfills end.
func beginAnew(ctx context.Context, tx bun.IDB, tenant audit.TenantID, integration audit.IntegrationID, now time.Time) error {
	// The feeds before the fetches, as Append locks them.
	_, err := tx.NewRaw(`UPDATE feeds SET watermark = NULL WHERE tenant_id = ? AND integration_id = ?`, tenant, integration).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewRaw(openFetches+`UPDATE fetches x SET state = NULL, reason = '', fence = fence + 1, lease_until = NULL,
			status = CASE WHEN kind = 'LIVE' THEN 'WAITING' ELSE 'CANCELLED' END,
			created_at = CASE WHEN kind = 'LIVE' THEN ?2 ELSE created_at END
		FROM mine WHERE x.tenant_id = ?0 AND x.id = mine.id`, tenant, integration, now).Exec(ctx)
	return err
}

// maxOpenBackfills bounds the backfills of an integration that have not ended.
const maxOpenBackfills = 20

// AddFetches adds backfills to an integration, or live fetches: one for a feed. ErrNotFound means that the integration
// is deleted; more than 20 open backfills are a UserErrors.
func (db *DB) AddFetches(ctx context.Context, tenant audit.TenantID, integration audit.IntegrationID, fetches []audit.NewFetch) error {
	return translate("adding fetches", db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := lockIntegration(ctx, tx, tenant, integration); err != nil {
			return err
		}
		open, err := tx.NewSelect().Model((*fetchRow)(nil)).Where("tenant_id = ? AND integration_id = ?", tenant, integration).
			Where("kind = 'BACKFILL' AND status IN ('WAITING', 'RUNNING')").Count(ctx)
		if err != nil {
			return err
		}
		for _, fetch := range fetches {
			if fetch.Kind == audit.FetchBackfill {
				open++
			}
		}
		if open > maxOpenBackfills {
			return audit.Refuse(audit.CodeLimit, fmt.Sprintf("At most %d backfills of an integration can be open.", maxOpenBackfills), "integrationId")
		}
		return insertFetches(ctx, tx, tenant, integration, fetches, db.now())
	}))
}

// lockIntegration holds an integration that is not deleted until the transaction ends; else sql.ErrNoRows.
func lockIntegration(ctx context.Context, tx bun.IDB, tenant audit.TenantID, integration audit.IntegrationID) error {
	var id audit.IntegrationID
	return tx.NewRaw(`SELECT id FROM integrations WHERE tenant_id = ? AND id = ? AND deleted_at IS NULL FOR UPDATE`,
		tenant, integration).Scan(ctx, &id)
}

// CancelBackfill ends a backfill that has not ended; ErrNotFound when there is none such.
func (db *DB) CancelBackfill(ctx context.Context, tenant audit.TenantID, id int64) error {
	result, err := db.bun.NewRaw(`UPDATE fetches SET status = 'CANCELLED', lease_until = NULL WHERE tenant_id = ? AND id = ?
		AND kind = 'BACKFILL' AND status IN ('WAITING', 'RUNNING')`, tenant, id).Exec(ctx)
	if err != nil {
		return translate("cancelling a backfill", err)
	}
	if n, _ := result.RowsAffected(); n == 0 {
		return audit.ErrNotFound
	}
	return nil
}

// maxBackfills is how many backfills of an integration are shown.
const maxBackfills = 100

// Backfills gives those of an integration, newest first.
func (db *DB) Backfills(ctx context.Context, view audit.View, integration audit.IntegrationID) ([]*audit.Backfill, error) {
	var rows []fetchRow
	err := db.bun.NewSelect().Model(&rows).Where("tenant_id = ? AND integration_id = ? AND kind = 'BACKFILL'", view.Tenant(), integration).
		OrderExpr("created_at DESC, id").Limit(maxBackfills).Scan(ctx)
	if err != nil {
		return nil, translate("reading backfills", err)
	}
	backfills := make([]*audit.Backfill, len(rows))
	for i := range rows {
		backfills[i] = rows[i].backfill()
	}
	return backfills, nil
}

// Backfill gives one backfill.
func (db *DB) Backfill(ctx context.Context, view audit.View, id int64) (*audit.Backfill, error) {
	var row fetchRow
	err := db.bun.NewSelect().Model(&row).Where("tenant_id = ? AND id = ? AND kind = 'BACKFILL'", view.Tenant(), id).Scan(ctx)
	if err != nil {
		return nil, translate("reading a backfill", err)
	}
	return row.backfill(), nil
}

func (r *fetchRow) backfill() *audit.Backfill {
	status := r.Status
	if status == audit.BackfillWaiting && (r.ReachedAt != nil || r.State != nil) && r.Reason == "" {
		status = audit.BackfillRunning // between two pages or slices
	}
	return &audit.Backfill{
		Tenant: r.TenantID, Number: r.ID, IntegrationID: r.IntegrationID, Feed: r.Feed, From: r.WindowFrom, To: at(r.WindowTo),
		ReachedAt: r.ReachedAt, Status: status, Reason: r.Reason, RecordedCount: r.RecordedCount, RepeatedCount: r.RepeatedCount,
	}
}
