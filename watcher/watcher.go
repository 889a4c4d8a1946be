// Package watcher reports what one file says, each time it says something new, and the lines of the outbox beside it, if
// there is one. It reads the file on every notification of the kernel, finds it again when it, its directory or a symbolic
// link on the way to it is deleted, renamed, retargeted or mounted over, and polls where notifications cannot be had. It
// knows nothing of events or clients: what a content means, and whether it was there before, is for its caller to say.
//
// The plugin empties the file, writes it with one write(2) and then changes its mode, even to the same one. So
// an empty file is a write under way, and each Chmod notification is a write that has ended.
package watcher

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// Options for New. The zero value works.
type Options struct {
	// Debounce is how long an unfinished content (see Complete) may stay as it is before it counts as all that
	// there will be. It delays nothing else: a complete content is handed over at once. Default 50 ms.
	Debounce time.Duration

	// PollInterval makes the watcher poll, at this pace, instead of asking the kernel. Default 0: notifications
	// where they work, polling every 100 ms where they do not.
	PollInterval time.Duration

	// MaxSize bounds what is read of the file: at most MaxSize+1 bytes, so that a larger file can be told from
	// one of just this size. Default 1 MiB.
	MaxSize int

	// Complete reports whether waiting for more bytes would be in vain. Default: always.
	Complete func(content []byte) bool

	// ValidLine reports whether a line of the outbox, with its end, is as it was written. Lines that are not may wait, too.
	// Default: always.
	ValidLine func(line []byte) bool

	// NewestOnly has the first look give only the newest line of the outbox. Default: it gives all that are there.
	NewestOnly bool

	// OnOverwrites is told how many more writes were gone before they could be read, as far as can be estimated. It is
	// called on Run's goroutine. Default: they are not counted.
	OnOverwrites func(estimate uint64)

	// Logger gets one line when the watch is armed, lost or changes its mode, or the file cannot be read.
	// Default: slog.Default().
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
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Watcher watches one file. Use New.
type Watcher struct {
	file  string
	opts  Options
	ready chan struct{} // closed by Run after its first look at the file

	mu     sync.Mutex
	status Status // guarded by mu
}

// New returns a Watcher for the file at path, which need not exist. Locate finds the path from what an operator
// gives.
func New(path string, opts Options) (*Watcher, error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	return &Watcher{
		file:   file,
		opts:   opts.withDefaults(),
		ready:  make(chan struct{}),
		status: Status{File: file},
	}, nil
}

// Ready is closed once Run has armed the watch and, if the file held something, handled it.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Status returns how the watch stands now.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// update changes the status under its lock.
func (w *Watcher) update(change func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

// Run watches the file until ctx ends, and then returns nil. It calls handle with every new content, one at a time, in the
// order read, on its own goroutine: while handle runs, nothing is read. Nil means that the content is taken care of; any
// error ends Run and is returned, wrapped.
//
// A content of the file is new if its bytes differ from the one handled before, or if the file was written again with the
// same bytes. If there is an outbox beside it, Run gives that one's lines as well, and those that came before a content of
// the file before that. Lines may come again: after a start, and if the outbox is replaced. Run may be called once.
func (w *Watcher) Run(ctx context.Context, handle Handler) error {
	l := newLoop(w, handle)
	defer l.close()
	if err := l.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("handle a change of %s: %w", w.file, err)
	}
	return nil
}

// Content is what the file says, or a line of the outbox.
type Content struct {
	Bytes  []byte // valid until Handle returns
	Outbox bool   // it is a line of the outbox, with its end

	// Written is when the file was written: its own time, made more exact where its clock is coarse by when the
	// notification came. Lines of the outbox tell that themselves.
	Written time.Time
}

// Handler takes a content.
type Handler func(ctx context.Context, content Content) error

// Status says how a watch stands. The counters only grow.
type Status struct {
	File    string // absolute path of the watched file
	Mode    string // "" until the watch is armed
	Reason  string // why it polls; "" where it does not
	Present bool   // whether the file was there and could be read at the last look
	Outbox  bool   // whether there is an outbox, which is followed
	Problem string // why events would go unseen; "" if the file can be read, or can still be made

	// Heartbeat is when Run was last free to look, to a second; an old time means that it is held up, by the file
	// system or by handle.
	Heartbeat time.Time

	Notifications uint64 // those that concerned the file
	Overflows     uint64 // times the kernel dropped notifications
	Rearmed       uint64 // times the watch was set up anew after the first
}
