package watcher

import (
	"context"
	"time"
)

const (
	// hangLimit is how long a file operation may take before the watcher reports it. A busy disk or network takes less.
	hangLimit = time.Second

	// hangInterval is the time between two looks at the operation. With hangLimit it keeps a report within 2 s.
	hangInterval = 250 * time.Millisecond

	// stopLimit is how long Run waits for a file operation to return when its context has ended.
	stopLimit = time.Second
)

// operation is a file operation. A file system in user space or on the network can hang. The system call can then
// neither be cancelled nor be given a timeout.
type operation struct {
	name, path string
	begun      time.Time // zero if no operation is in progress
}

// begin records that the loop begins an operation, and returns the one that it is part of. The caller passes that to
// end.
func (w *Watcher) begin(name, path string) (outer operation) {
	return w.setOperation(operation{name, path, time.Now()})
}

// end records that an operation has returned, and that the outer operation continues.
func (w *Watcher) end(outer operation) {
	if !outer.begun.IsZero() {
		outer.begun = time.Now()
	}
	w.setOperation(outer)
}

func (w *Watcher) setOperation(next operation) (previous operation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	previous, w.operation = w.operation, next
	return previous
}

// hanging returns the operation that has not returned for hangLimit, or the zero operation.
func (w *Watcher) hanging() operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.operation.begun.IsZero() || time.Since(w.operation.begun) <= hangLimit {
		return operation{}
	}
	return w.operation
}

// handOver calls handle, which does no file operation of the watcher.
func (l *loop) handOver(ctx context.Context, content Content) error {
	if l.w.abandoned.Load() {
		return ctx.Err()
	}
	outer := l.w.setOperation(operation{})
	defer l.w.end(outer)
	return l.handle(ctx, content)
}

// await waits until the loop has ended, and reports file operations that hang meanwhile. When ctx has ended, it waits
// for such an operation no longer than stopLimit.
func (w *Watcher) await(ctx context.Context, ended <-chan error) error {
	tick := time.NewTicker(hangInterval)
	defer tick.Stop()
	var reported operation
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return w.awaitStop(ended)
		case <-tick.C:
			reported = w.reportHang(reported)
		}
	}
}

// reportHang logs if an operation begins to hang or has returned since reported was logged.
func (w *Watcher) reportHang(reported operation) operation {
	now := w.hanging()
	if now == reported {
		return now
	}
	if reported != (operation{}) {
		w.opts.Logger.Info("file operation returned", "operation", reported.name, "path", reported.path,
			"seconds", time.Since(reported.begun).Seconds())
	}
	if now != (operation{}) {
		w.opts.Logger.Error("file operation has not returned, no events are captured", "operation", now.name,
			"path", now.path, "seconds", time.Since(now.begun).Seconds())
	}
	return now
}

func (w *Watcher) awaitStop(ended <-chan error) error {
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		w.abandoned.Store(true)
		w.opts.Logger.Error("watch does not stop, continuing without it", "status", w.Status().Hangs)
		return nil
	}
}
