package db

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"annals/audit"
)

// appendTries bounds how often an append is tried again after another transaction recorded one of its keys first.
const appendTries = 8

// ErrSwallowed: the database took fewer rows than were sent, without an error. A rule or trigger hides them.
var ErrSwallowed = errors.New("the database swallowed rows")

// errRaced: another transaction has recorded a key since the known ones were read.
var errRaced = errors.New("another transaction recorded a key first")

// Append records a batch in one transaction: repeats are recognised, what is new gets its seq under the tenant's head
// lock, and how far the fetch has come is written with it. Repeating a batch any number of times records it once.
// ErrFenced means that the fetch belongs to another by now; nothing is then recorded.
func (db *DB) Append(ctx context.Context, batch audit.Batch) (audit.Receipt, error) {
	prepared := prepare(batch)
	for range appendTries {
		receipt, err := db.appendOnce(ctx, prepared)
		if errors.Is(err, errRaced) {
			continue
		}
		if err == nil && receipt.Recorded > 0 {
			db.grow()
		}
		return receipt, err
	}
	return audit.Receipt{}, fmt.Errorf("appending: %w", errRaced)
}

// grow notes that there is something to hint at.
func (db *DB) grow() {
	select {
	case db.grown <- struct{}{}:
	default:
	}
}

// identity is what tells repeats of a draft.
type identity struct {
	key     pgtype.UUID // of integration and key; pgx writes this kind without detours
	content int64
}

// prepared is a batch with everything computed that needs no lock.
type prepared struct {
	audit.Batch
	ids []identity
}

func prepare(batch audit.Batch) prepared {
	p := prepared{Batch: batch, ids: make([]identity, len(batch.Drafts))}
	for i := range batch.Drafts {
		draft := &batch.Drafts[i]
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(draft.Key), uint64(batch.IntegrationID))) //nolint:gosec // bits only
		p.ids[i] = identity{
			key:     pgtype.UUID{Bytes: [16]byte(sum[:16]), Valid: true},
			content: int64(binary.BigEndian.Uint64(draft.Content[:8])), //nolint:gosec // bits only
		}
	}
	return p
}

func (db *DB) appendOnce(ctx context.Context, p prepared) (audit.Receipt, error) {
	tx, err := db.write.Begin(ctx)
	if err != nil {
		return audit.Receipt{}, translate("appending", err)
	}
	// After a commit this does nothing. It must reach the server although the caller may have gone.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	known, err := beginAppend(ctx, tx, p)
	if err != nil {
		return audit.Receipt{}, err
	}
	receipt, fresh := sortOut(p, known)
	if len(fresh) > 0 {
		if err := record(ctx, tx, p, fresh, &receipt); err != nil {
			return audit.Receipt{}, err
		}
	}
	if err := writeCounts(ctx, tx, p, receipt); err != nil {
		return audit.Receipt{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return audit.Receipt{}, translate("committing", err)
	}
	return receipt, nil
}

// beginAppend makes sure that the commit will be on disk before it is acknowledged, and reads the known keys: for each
// key the contents that were recorded, with their seq.
func beginAppend(ctx context.Context, tx pgx.Tx, p prepared) (map[pgtype.UUID]map[int64]int64, error) {
	keys := make([]pgtype.UUID, len(p.ids))
	for i, id := range p.ids {
		keys[i] = id.key
	}
	var durable string
	known := map[pgtype.UUID]map[int64]int64{}
	questions := &pgx.Batch{}
	questions.Queue(`SET LOCAL synchronous_commit = on`)
	if p.RefuseVersions {
		// Nobody may record another content of a key between this look and our commit.
		questions.Queue(`SELECT FROM heads WHERE tenant_id = $1 FOR UPDATE`, p.Tenant)
	}
	questions.Queue(`SELECT current_setting('synchronous_commit')`).QueryRow(func(row pgx.Row) error {
		return row.Scan(&durable)
	})
	questions.Queue(`SELECT key, content, seq FROM dedupe_keys WHERE tenant_id = $1 AND key = ANY($2)`, p.Tenant, keys).
		Query(func(rows pgx.Rows) error {
			var id identity
			var seq int64
			_, err := pgx.ForEachRow(rows, []any{&id.key, &id.content, &seq}, func() error {
				if known[id.key] == nil {
					known[id.key] = map[int64]int64{}
				}
				known[id.key][id.content] = seq
				return nil
			})
			return err
		})
	if err := tx.SendBatch(ctx, questions).Close(); err != nil {
		return nil, translate("reading known keys", err)
	}
	if durable != "on" {
		return nil, fmt.Errorf("appending: synchronous_commit is %q although it was switched on", durable)
	}
	return known, nil
}

// sortOut tells repeats from what is new. The indices of the new drafts come in their order; a draft that repeats an
// earlier one of the same batch gets its seq with it.
func sortOut(p prepared, known map[pgtype.UUID]map[int64]int64) (audit.Receipt, []int) {
	receipt := audit.Receipt{Results: make([]audit.Result, len(p.ids))}
	fresh := make([]int, 0, len(p.ids))
	first := make(map[identity]int, len(p.ids))
	keys := make(map[pgtype.UUID]bool, len(p.ids))
	for i, id := range p.ids {
		result := &receipt.Results[i]
		contents := known[id.key]
		seq, recorded := contents[id.content]
		earlier, again := first[id]
		switch {
		case recorded:
			*result = audit.Result{Seq: seq, Repeated: true}
		case again:
			*result = audit.Result{Seq: int64(-1 - earlier), Repeated: true} // resolved by record
		case p.RefuseVersions && (len(contents) > 0 || keys[id.key]):
			result.Refused = true
		default:
			first[id] = len(fresh)
			result.Version = len(contents) > 0 || keys[id.key]
			keys[id.key] = true
			fresh = append(fresh, i)
		}
	}
	receipt.Recorded = len(fresh)
	for _, result := range receipt.Results {
		if result.Repeated {
			receipt.Repeated++
		}
	}
	return receipt, fresh
}

// record locks the head, numbers the new drafts and writes them.
func record(ctx context.Context, tx pgx.Tx, p prepared, fresh []int, receipt *audit.Receipt) error {
	blocks := packBlocks(p.Drafts, fresh)
	var first int64
	var recordedAt time.Time
	err := tx.QueryRow(ctx, `UPDATE heads SET size = size + $2, recorded_at = greatest(recorded_at, clock_timestamp())
		WHERE tenant_id = $1 RETURNING size - $2, recorded_at`, p.Tenant, int64(len(fresh))).Scan(&first, &recordedAt)
	if err != nil {
		return translate("locking the head", err)
	}
	number(receipt, fresh, first)
	if err := insertKeys(ctx, tx, p, fresh, first); err != nil {
		return err
	}
	if err := copyActivities(ctx, tx, p, fresh, first, recordedAt.UTC()); err != nil {
		return err
	}
	return insertRaw(ctx, tx, p.Tenant, blocks, first)
}

func number(receipt *audit.Receipt, fresh []int, first int64) {
	for n, i := range fresh {
		receipt.Results[i].Seq = first + int64(n)
	}
	for i := range receipt.Results {
		if result := &receipt.Results[i]; result.Seq < 0 {
			result.Seq = first + (-1 - result.Seq)
		}
	}
}

func insertKeys(ctx context.Context, tx pgx.Tx, p prepared, fresh []int, first int64) error {
	keys, contents := make([]pgtype.UUID, len(fresh)), make([]int64, len(fresh))
	for n, i := range fresh {
		keys[n], contents[n] = p.ids[i].key, p.ids[i].content
	}
	tag, err := tx.Exec(ctx, `INSERT INTO dedupe_keys (tenant_id, key, content, seq)
		SELECT $1, k, c, $2 + n - 1 FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS t(k, c, n)`,
		p.Tenant, first, keys, contents)
	if code(err) == uniqueViolation {
		return errRaced
	}
	return taken("recording keys", tag.RowsAffected(), len(fresh), err)
}

// taken checks that the database took what was sent.
func taken(doing string, rows int64, sent int, err error) error {
	if err != nil {
		return translate(doing, err)
	}
	if rows != int64(sent) {
		return fmt.Errorf("%s: %w: sent %d, taken %d", doing, ErrSwallowed, sent, rows)
	}
	return nil
}

// writeCounts adds to the feed's counts, and writes how far the fetch has come if it is still ours.
func writeCounts(ctx context.Context, tx pgx.Tx, p prepared, receipt audit.Receipt) error {
	var watermark *time.Time
	if p.Progress != nil && !p.Progress.Watermark.IsZero() {
		watermark = &p.Progress.Watermark
	}
	_, err := tx.Exec(ctx, `INSERT INTO feeds AS f (tenant_id, integration_id, name, watermark, last_recorded_at, recorded_count, repeated_count)
		VALUES ($1, $2, $3, $4, CASE WHEN $5::bigint > 0 THEN clock_timestamp() END, $5, $6)
		ON CONFLICT (tenant_id, integration_id, name) DO UPDATE SET
			watermark = greatest(f.watermark, excluded.watermark),
			last_recorded_at = coalesce(excluded.last_recorded_at, f.last_recorded_at),
			recorded_count = f.recorded_count + excluded.recorded_count,
			repeated_count = f.repeated_count + excluded.repeated_count`,
		p.Tenant, p.IntegrationID, p.Feed, watermark, receipt.Recorded, receipt.Repeated)
	if err != nil || p.Progress == nil {
		return translate("counting", err)
	}
	var reached *time.Time
	if !p.Progress.ReachedAt.IsZero() {
		reached = &p.Progress.ReachedAt
	}
	tag, err := tx.Exec(ctx, `UPDATE fetches SET state = $4, reached_at = coalesce($5, reached_at),
			recorded_count = recorded_count + $6, repeated_count = repeated_count + $7
		WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND status <> 'CANCELLED'`,
		p.Tenant, p.Progress.Fetch.ID, p.Progress.Fetch.Fence, nullable(p.Progress.State), reached, receipt.Recorded, receipt.Repeated)
	if err == nil && tag.RowsAffected() == 0 {
		return audit.ErrFenced
	}
	return translate("writing progress", err)
}

func nullable(text []byte) *string {
	if len(text) == 0 {
		return nil
	}
	return new(string(text))
}
