package search

import (
	"context"
	"fmt"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

// taskError says that Meilisearch accepted a task and could not do it. It has no message of the server's: those quote
// documents.
type taskError struct {
	status meilisearch.TaskStatus // failed or canceled
	code   string                 // as `invalid_document_id`
	kind   string                 // `invalid_request`, `internal`, `system`
}

func (e *taskError) Error() string {
	return fmt.Sprintf("task %s: %s (%s)", e.status, e.code, e.kind)
}

// documents reports whether a document may be the cause, rather than the server's disk or a person.
func (e *taskError) documents() bool {
	return e.status == meilisearch.TaskStatusFailed && e.kind != "system"
}

// Polling of a task: an index of few documents is ready within milliseconds, one of many within seconds.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = time.Second
)

// await waits until a task is finished; its failure is a taskError.
func (x *Index) await(ctx context.Context, uid int64) error {
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		task, err := x.task(ctx, uid)
		if err != nil {
			return err
		}
		switch task.Status {
		case meilisearch.TaskStatusSucceeded:
			return nil
		case meilisearch.TaskStatusFailed, meilisearch.TaskStatusCanceled:
			return &taskError{status: task.Status, code: task.Error.Code, kind: task.Error.Type}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (x *Index) task(ctx context.Context, uid int64) (*meilisearch.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, manageTimeout)
	defer cancel()
	task, err := x.client.GetTaskWithContext(ctx, uid)
	if err != nil {
		return nil, fmt.Errorf("asking for task %d: %w", uid, reason(err))
	}
	return task, nil
}

// finish enqueues a task and waits for it.
func (x *Index) finish(ctx context.Context, enqueue func(context.Context) (*meilisearch.TaskInfo, error)) error {
	short, cancel := context.WithTimeout(ctx, manageTimeout)
	defer cancel()
	info, err := enqueue(short)
	if err != nil {
		return err
	}
	return x.await(ctx, info.TaskUID)
}
