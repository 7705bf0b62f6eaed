package db

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"annals/audit"
)

// A compressed block holds at most so many activities and bytes: enough to compress well, few enough to open for one
// activity.
const (
	rawBlockCount = 250
	rawBlockBytes = 1 << 20
)

var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			panic(err) // the options are constant
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			panic(err) // the options are constant
		}
		return d
	})
)

// rawBlock is some drafts' raw bytes, compressed.
type rawBlock struct {
	count int
	data  []byte
}

// packBlocks compresses the raw bytes of the new drafts. It is done before the head is locked.
func packBlocks(drafts []audit.Draft, fresh []int) []rawBlock {
	var blocks []rawBlock
	for len(fresh) > 0 {
		part := fresh[:blockLength(drafts, fresh)]
		blocks = append(blocks, rawBlock{count: len(part), data: packRaw(drafts, part)})
		fresh = fresh[len(part):]
	}
	return blocks
}

func insertRaw(ctx context.Context, tx pgx.Tx, tenant audit.TenantID, blocks []rawBlock, first int64) error {
	firsts, counts, data := make([]int64, len(blocks)), make([]int32, len(blocks)), make([][]byte, len(blocks))
	for i, block := range blocks {
		firsts[i], counts[i], data[i] = first, int32(block.count), block.data //nolint:gosec // at most rawBlockCount
		first += int64(block.count)
	}
	tag, err := tx.Exec(ctx, `INSERT INTO raw_blocks (tenant_id, first_seq, count, data)
		SELECT $1, f, c, d FROM unnest($2::bigint[], $3::integer[], $4::bytea[]) AS t(f, c, d)`, tenant, firsts, counts, data)
	return taken("recording raw bytes", tag.RowsAffected(), len(blocks), err)
}

// blockLength is how many of the drafts go into the next block: at least one.
func blockLength(drafts []audit.Draft, fresh []int) int {
	size := 0
	for n, i := range fresh {
		size += len(drafts[i].Raw)
		if n == rawBlockCount || n > 0 && size > rawBlockBytes {
			return n
		}
	}
	return len(fresh)
}

// packRaw compresses the raw bytes of some drafts, each behind its length.
func packRaw(drafts []audit.Draft, part []int) []byte {
	size := 0
	for _, i := range part {
		size += len(drafts[i].Raw) + binary.MaxVarintLen32
	}
	plain := make([]byte, 0, size)
	for _, i := range part {
		plain = binary.AppendUvarint(plain, uint64(len(drafts[i].Raw)))
		plain = append(plain, drafts[i].Raw...)
	}
	return encoder().EncodeAll(plain, make([]byte, 0, len(plain)/4))
}

var errRawBlock = errors.New("a block of raw bytes is damaged")

// unpackRaw gives the bytes of one activity of a block.
func unpackRaw(block []byte, index int64) ([]byte, error) {
	plain, err := decoder().DecodeAll(block, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRawBlock, err)
	}
	for ; ; index-- {
		size, n := binary.Uvarint(plain)
		if n <= 0 || size > uint64(len(plain)-n) { //nolint:gosec // n is within plain
			return nil, errRawBlock
		}
		if index == 0 {
			return plain[n : n+int(size)], nil //nolint:gosec // bounded by the block
		}
		plain = plain[n+int(size):] //nolint:gosec // bounded by the block
	}
}

// Raw gives the vendor's bytes of one visible activity.
func (db *DB) Raw(ctx context.Context, view audit.View, seq int64) (*audit.Raw, error) {
	if _, err := db.Activity(ctx, view, seq); err != nil {
		return nil, err
	}
	give, err := db.shares.take(ctx, view.Tenant())
	if err != nil {
		return nil, err
	}
	defer give()
	var first int64
	var block []byte
	err = db.pool.QueryRow(ctx, `SELECT first_seq, data FROM raw_blocks WHERE tenant_id = $1 AND first_seq <= $2
		ORDER BY first_seq DESC LIMIT 1`, view.Tenant(), seq).Scan(&first, &block)
	if err != nil {
		return nil, translate("reading raw bytes", err)
	}
	raw, err := unpackRaw(block, seq-first)
	if err != nil {
		return nil, err
	}
	return &audit.Raw{Bytes: bytes.Clone(raw)}, nil // not the whole block
}
