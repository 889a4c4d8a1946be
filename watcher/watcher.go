// Package watcher reads the event file and the outbox beside it on every change, and hands each new content to its
// caller. It reads on every notification of the kernel. It finds the file again when the file, its directory or a
// symbolic link on its path is deleted, renamed, retargeted or mounted over. It polls where the kernel announces no
// changes. It does not interpret a content: the caller decides whether it is an event, and whether the event is new.
//
// The plugin truncates the file, writes it with one write(2) and then sets its mode, even if the mode stays the same.
// So an empty file is a write in progress, and each Chmod notification is the end of a write.
package watcher

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Watcher. The zero value works.
type Options struct {
	// Debounce is the maximum time that an incomplete content (see Complete) waits for the rest. It does not delay a
	// complete content. Default 50 ms.
	Debounce time.Duration

	// PollInterval, if set, makes the watcher poll at this interval and use no notifications. Default 0: notifications
	// where they work, else polling every 100 ms.
	PollInterval time.Duration

	// MaxSize limits how much of the file is read. The watcher reads at most MaxSize+1 bytes, so that the caller can
	// tell a larger file from one of exactly this size. Default 1 MiB.
	MaxSize int

	// Complete reports whether the watcher can stop waiting for more bytes after content. Default: always.
	Complete func(content []byte) bool

	// ValidLine reports whether a line of the outbox, with its line end, is undamaged. A damaged line is read again
	// until Debounce has passed, and then handed over unchanged. Default: always.
	ValidLine func(line []byte) bool

	// NewestOnly skips the lines that the outbox holds at the start, except the newest. Default: none is skipped.
	NewestOnly bool

	// OnOverwrites, if set, is called where Run calls handle, with an estimate of the writes that were overwritten
	// before they could be read. It is too low for writers that do not set the file's mode, and after lost
	// notifications. It is too high if another program changes the file's mode within a second after a write.
	OnOverwrites func(estimate uint64)

	// OnIdle, if set, is called where Run calls handle, after one or more contents, once no other change is known.
	OnIdle func()

	// Notify returns a new source of notifications. Default: the system's.
	Notify func() (Notifier, error)

	// Logger gets one line when the watch starts, is lost or changes its mode, and when the file becomes unreadable or
	// readable. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Debounce <= 0 {
		o.Debounce = 50 * time.Millisecond
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 1 << 20
	}
	if o.Complete == nil {
		o.Complete = func([]byte) bool { return true }
	}
	if o.ValidLine == nil {
		o.ValidLine = func([]byte) bool { return true }
	}
	if o.OnOverwrites == nil {
		o.OnOverwrites = func(uint64) {}
	}
	if o.OnIdle == nil {
		o.OnIdle = func() {}
	}
	if o.Notify == nil {
		o.Notify = systemNotifier
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Watcher watches one event file. Create it with New.
type Watcher struct {
	file  string
	opts  Options
	ready chan struct{} // closed by Run after it has read the file for the first time

	abandoned atomic.Bool // Run has returned, although a file operation has not

	operation atomic.Pointer[operation] // in progress; nil if there is none
	steps     atomic.Uint64             // operations that have begun or ended
	lookUp    operation                 // of the event file
	read      operation                 // of the event file

	notifications atomic.Uint64 // see Status

	mu      sync.Mutex
	status  Status     // without Hangs and Notifications; guarded by mu
	hanging inProgress // the operation that was reported; guarded by mu
}

// New returns a Watcher for the file at path, which need not exist yet. Locate finds that path in a WordPress
// installation. The error says that the working directory is unknown, so that a relative path has no meaning.
func New(path string, opts Options) (*Watcher, error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	return &Watcher{
		file:   file,
		opts:   opts.withDefaults(),
		ready:  make(chan struct{}),
		lookUp: operation{"look up", file},
		read:   operation{"read", file},
		status: Status{File: file},
	}, nil
}

// Ready returns a channel that is closed when Run has started the watch and has handed over the existing contents.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Status returns the current state of the watch.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	status := w.status
	status.Notifications = w.notifications.Load()
	if w.hanging.operation != nil {
		status.Hangs = fmt.Sprintf("%s has not returned for %s", w.hanging, time.Since(w.hanging.since).Round(time.Second))
	}
	return status
}

// updateStatus changes the status under its lock.
func (w *Watcher) updateStatus(change func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

// Run watches the file until ctx ends, and then returns nil. It calls handle with every new content, one at a time,
// in the order read, but not always on the same goroutine. While handle runs, the watcher reads nothing. An error of
// handle ends Run, which returns it wrapped; handle is not called again.
//
// A content of the file is new if its bytes differ from the previous ones, or if the same bytes were written again. If
// there is an outbox beside the file, Run hands over its lines too, and it hands over a line before the content of the
// file that was written after it. Run may repeat lines after a start, and when the outbox is replaced. If the path
// leads to another folder, Run follows the outboxes of the previous 5 folders too, and of others for 10 minutes after
// their last line. Where there is no outbox, it follows the event file of a previous folder for 10 minutes. Call Run
// once.
//
// If the file system hangs, Run logs the operation and its path within 2 seconds, and continues when the operation
// returns. When ctx ends, Run waits for it at most a second; handle is not called after Run has returned.
func (w *Watcher) Run(ctx context.Context, handle Handler) error {
	ended := make(chan error, 1)
	go func() {
		l := newLoop(w, handle)
		err := l.run(ctx)
		l.close()
		ended <- err
	}()
	if err := w.await(ctx, ended); err != nil && ctx.Err() == nil {
		return fmt.Errorf("handle a change of %s: %w", w.file, err)
	}
	return nil
}

// Content is the content of the event file, or one line of the outbox.
type Content struct {
	Bytes  []byte // valid until the handler returns
	Outbox bool   // Bytes is a line of the outbox, with its line end

	// Ahead is set for a content of the file if lines that were written before it may be missing, because the outbox
	// could not be read after it, is not there, or is on a network file system, which may show lines late.
	Ahead bool

	// Written is the time at which the file was written: the file's time, or the notification's time where that is
	// more exact. It is zero for a line of the outbox, which holds its own time.
	Written time.Time
}

// Handler processes one content. After an error the watcher ends.
type Handler func(ctx context.Context, content Content) error

// Status is the state of a watch. The counters never decrease.
type Status struct {
	File    string // absolute path of the event file
	Mode    string // Polling or the kind of notifications; "" until the watch has started
	Reason  string // why the watch polls; "" if it does not poll
	Present bool   // the file existed and was readable when it was last read
	Outbox  bool   // an outbox exists and is read
	Problem string // why events would be missed; "" if the file is readable or can still be created
	Hangs   string // the file operation that hangs, and for how long; "" if there is none

	// Heartbeat is the last time at which Run was free to read the file, updated once per second. If it is old, the
	// file system or the handler blocks Run.
	Heartbeat time.Time

	Notifications uint64 // notifications about the file
	Overflows     uint64 // times at which the kernel dropped notifications
	Rearmed       uint64 // times at which the watch was set up again
}
