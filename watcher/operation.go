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

// operation is a kind of file operation, and its path. A file system in user space or on the network can hang. The
// system call can then neither be cancelled nor be given a timeout.
type operation struct{ name, path string }

// String returns the operation in words.
func (o *operation) String() string { return o.name + " " + o.path }

// begin records that the loop begins an operation, and returns the one that it is part of, or nil. The caller passes
// that to end. With nil, no operation is in progress until then.
func (w *Watcher) begin(o *operation) (outer *operation) {
	w.steps.Add(1)
	return w.operation.Swap(o)
}

// end records that an operation has returned, and that the outer operation continues.
func (w *Watcher) end(outer *operation) {
	w.operation.Store(outer)
	w.steps.Add(1)
}

// inProgress is an operation in progress, as await sees it. The loop does not read the clock for each operation.
type inProgress struct {
	*operation        // nil if none is in progress
	step       uint64 // number of operations that had begun or ended
	since      time.Time
}

// hangs reports whether the operation has not returned for hangLimit.
func (p inProgress) hangs() bool { return p.operation != nil && time.Since(p.since) > hangLimit }

// observe returns the operation in progress. If it is the one that was seen before, it has been in progress since then.
func (w *Watcher) observe(before inProgress) inProgress {
	now := inProgress{w.operation.Load(), w.steps.Load(), time.Now()}
	if now.operation == before.operation && now.step == before.step {
		return before
	}
	return now
}

// handOver calls handle, which does no file operation of the watcher.
func (l *loop) handOver(ctx context.Context, content Content) error {
	if l.w.abandoned.Load() {
		return ctx.Err()
	}
	defer l.w.end(l.w.begin(nil))
	l.handedOver = true
	return l.handle(ctx, content)
}

// await waits until the loop has ended, and reports file operations that hang meanwhile. When ctx has ended, it waits
// for such an operation no longer than stopLimit.
func (w *Watcher) await(ctx context.Context, ended <-chan error) error {
	tick := time.NewTicker(hangInterval)
	defer tick.Stop()
	var seen, reported inProgress
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return w.awaitStop(ended)
		case <-tick.C:
			seen = w.observe(seen)
			reported = w.reportHang(reported, seen)
		}
	}
}

// reportHang logs if the operation that was seen hangs, or if the one that was reported before has returned. It returns
// the one that is reported now.
func (w *Watcher) reportHang(reported, seen inProgress) inProgress {
	if reported == seen {
		return reported
	}
	if reported.operation != nil {
		w.opts.Logger.Info("file operation returned", "operation", reported.name, "path", reported.path,
			"seconds", time.Since(reported.since).Seconds())
	}
	if !seen.hangs() {
		seen = inProgress{}
	} else {
		w.opts.Logger.Error("file operation has not returned, no events are captured", "operation", seen.name,
			"path", seen.path, "seconds", time.Since(seen.since).Seconds())
	}
	w.updateStatus(func(*Status) { w.hanging = seen })
	return seen
}

func (w *Watcher) awaitStop(ended <-chan error) error {
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		w.abandoned.Store(true)
		hanging := "hand over a content"
		if o := w.operation.Load(); o != nil {
			hanging = o.String()
		}
		w.opts.Logger.Error("watch does not stop, continuing without it", "operation", hanging)
		return nil
	}
}
