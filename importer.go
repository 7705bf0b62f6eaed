package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"annals/audit"
	"annals/db"
	"annals/sync/connector"
	"annals/sync/engine"
	"annals/sync/integration"
	"annals/sync/location"
)

const (
	// importBatch and importBytes are how many activities, and bytes of them, one transaction of an import takes.
	importBatch = 1000
	importBytes = 8 << 20
	// importAhead is how many batches are read ahead of the database.
	importAhead = 4
)

// importer records files of one integration.
type importer struct {
	reader   connector.FileReader
	recorder *engine.Recorder
	source   engine.Source
	bar      *progressbar.ProgressBar
	recorded int
	repeated int
	refused  []error // one per file that could not be read
}

// importFiles records vendors' files through the same path as everything else. It goes on behind a file that cannot be
// read, and fails at the end.
func importFiles(ctx context.Context, c config, log *slog.Logger, line importLine, stdout io.Writer, stderr *os.File) (err error) {
	paths, err := expand(line.Files)
	if err != nil {
		return err
	}
	d, err := openDatabase(ctx, c, log, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close(context.WithoutCancel(ctx))) }()
	i, err := newImporter(ctx, c, d, log, line)
	if err != nil {
		return err
	}
	i.bar = newBar(paths, stderr)
	// An import holds little and lets go of much: collecting four times less often makes it a tenth faster.
	debug.SetGCPercent(400)
	begun := time.Now()
	err = i.run(ctx, paths)
	_ = i.bar.Finish()
	_, _ = fmt.Fprintf(stdout, "%d recorded, %d repeated, %d files refused, in %s\n",
		i.recorded, i.repeated, len(i.refused), time.Since(begun).Round(time.Millisecond))
	if ctx.Err() != nil {
		return errors.New("interrupted: what is recorded stays, and running it again records the rest")
	}
	return errors.Join(append(i.refused, err)...)
}

// expand resolves patterns, for shells that do not.
func expand(patterns []string) ([]string, error) {
	var paths []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: is no pattern", pattern)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: there is no such file", pattern)
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

func newImporter(ctx context.Context, c config, d *database, log *slog.Logger, line importLine) (*importer, error) {
	tenant, err := d.Tenant(ctx, line.Tenant)
	if err != nil {
		return nil, fmt.Errorf("--tenant: there is no tenant %q", line.Tenant)
	}
	id, ok := audit.ParseID(line.Integration)
	if !ok || id.Kind != audit.KindIntegration || id.Tenant != tenant.Number {
		return nil, errors.New("--integration: there is no integration of this id in the tenant")
	}
	stored, err := d.StoredIntegration(ctx, tenant.Number, audit.IntegrationID(id.Number))
	if err != nil || stored.DeletedAt != nil {
		return nil, errors.Join(errors.New("--integration: there is no integration of this id in the tenant"), ignoreNotFound(err))
	}
	sealer, err := openSealer(ctx, c, d)
	if err != nil {
		return nil, err
	}
	guard := connector.NewGuard(c.egressAllow)
	service := integration.New(d, catalogue(), integration.Options{
		Sealer: sealer, Guard: guard, Client: connector.NewClient(connector.ClientOptions{Guard: guard, Now: time.Now}),
		NewID: db.RandomID, Now: time.Now, Log: log,
	})
	opened, _, err := service.OpenStored(stored)
	if err != nil {
		return nil, err
	}
	reader, ok := opened.(connector.FileReader)
	if !ok {
		return nil, fmt.Errorf("--integration: %s reads no files", stored.ConnectorName)
	}
	var locator engine.Locator
	if len(c.geoIP) > 0 {
		if locator, err = location.Open(c.geoIP...); err != nil {
			return nil, err
		}
	}
	return &importer{
		reader: reader, recorder: engine.NewRecorder(d, locator, time.Now),
		source: engine.Source{
			Tenant: stored.Tenant, IntegrationID: stored.Number, Connector: stored.ConnectorName,
			Feed: reader.FileFeed(), Path: audit.PathImport,
		},
	}, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, audit.ErrNotFound) {
		return nil
	}
	return err
}

// newBar shows progress over the bytes of all files, on a terminal alone.
func newBar(paths []string, stderr *os.File) *progressbar.ProgressBar {
	if !term.IsTerminal(int(stderr.Fd())) {
		return progressbar.DefaultBytesSilent(-1)
	}
	total := int64(0)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			total += info.Size()
		}
	}
	return progressbar.DefaultBytes(total, "importing")
}

// run records all files. They are read and translated while the database writes; a batch may span several.
func (i *importer) run(ctx context.Context, paths []string) error {
	reading, stop := context.WithCancel(ctx)
	batches := make(chan []audit.Draft, importAhead)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(batches)
		for batch := range batched(i.drafts(reading, paths)) {
			select {
			case batches <- batch:
			case <-reading.Done():
				return
			}
		}
	})
	// The reader's errors are read once it has ended.
	defer reader.Wait()
	defer stop()
	for batch := range batches {
		receipt, err := i.recorder.Record(ctx, i.source, batch, nil)
		if err != nil {
			return err
		}
		i.recorded += receipt.Recorded
		i.repeated += receipt.Repeated
	}
	return ctx.Err()
}

// drafts gives those of all files. A file that cannot be read is noted, with what it gave before kept, and the next
// one is read.
func (i *importer) drafts(ctx context.Context, paths []string) iter.Seq[audit.Draft] {
	return func(yield func(audit.Draft) bool) {
		for _, path := range paths {
			more, err := i.file(ctx, path, yield)
			if err != nil {
				i.refused = append(i.refused, fmt.Errorf("%s: %w", path, err))
			}
			if !more || ctx.Err() != nil {
				return
			}
		}
	}
}

// file gives the drafts of one file; more says whether any are wanted behind it.
func (i *importer) file(ctx context.Context, path string, yield func(audit.Draft) bool) (more bool, err error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return true, errors.Unwrap(err)
	}
	defer func() { _ = file.Close() }()
	content, err := plain(io.TeeReader(file, i.bar))
	if err != nil {
		return true, err
	}
	for draft, err := range i.reader.ReadFile(ctx, content) {
		if err != nil {
			return true, err
		}
		if !yield(draft) {
			return false, nil
		}
	}
	return true, nil
}

// batched gathers drafts into batches.
func batched(drafts iter.Seq[audit.Draft]) iter.Seq[[]audit.Draft] {
	return func(yield func([]audit.Draft) bool) {
		batch, size := make([]audit.Draft, 0, importBatch), 0
		for draft := range drafts {
			batch, size = append(batch, draft), size+len(draft.Raw)
			if len(batch) < importBatch && size < importBytes {
				continue
			}
			if !yield(batch) {
				return
			}
			batch, size = make([]audit.Draft, 0, importBatch), 0
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

var gzipMagic = []byte{0x1f, 0x8b}

// plain undoes gzip, if the content is compressed.
func plain(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	start, err := buffered.Peek(len(gzipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !slices.Equal(start, gzipMagic) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}
