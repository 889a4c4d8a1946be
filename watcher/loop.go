package watcher

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// recheckInterval is the time between two comparisons of the file with its last known version. They find changes
	// that were not announced.
	recheckInterval = time.Second

	// defaultPollInterval is the poll interval if Options.PollInterval is not set.
	defaultPollInterval = 100 * time.Millisecond

	// clockTick is how much earlier than the write a file's time may be. Linux takes that time from a clock that
	// advances in ticks, of 10 ms at the slowest (HZ=100).
	clockTick = 10 * time.Millisecond

	// maxUnannounced is how many unannounced changes in a row make a directory's notifications unreliable.
	maxUnannounced = 2
)

// loop is the state of one Run. Run's goroutine handles notifications, and so does the one that calls RunDirect.
type loop struct {
	mu     sync.Mutex    // held while a notification or a timer is handled; guards all other fields except channels
	ended  bool          // nothing more is handled
	failed chan error    // the error of the direct notifications, of which there is at most one
	armed  chan struct{} // has an element if the watch was replaced

	w          *Watcher
	handle     Handler
	logger     *slog.Logger
	reader     fileReader
	watch      *watch
	retired    *watch    // the watch before, if it still follows the folder before; nil otherwise
	retiredAt  time.Time // time at which retired was replaced
	overwrites overwriteEstimate
	outbox     outbox
	folder     string          // real path of the folder of outbox; "" before it exists
	former     []*formerOutbox // outboxes of earlier folders, in the order of the switches

	content       []byte      // the content that was handed over last
	version       fileVersion // the version that content was read from; zero before the first content
	touched       fileVersion // a later version with the same bytes, seen once
	settled       bool        // the last read found content with version, so that only a write can change it
	seen          fileVersion // the version at the last read; zero if there was no file
	readErr       string      // error of the last read, "" if it succeeded
	readable      bool        // the last read succeeded, and the status has it
	denied        time.Time   // when the permission to read was first missing; zero if it is not
	outboxErr     string      // error of the last read of the outbox, "" if it succeeded
	remote        bool        // the outbox is on a file system that may show lines late
	debouncing    bool        // an incomplete content waits
	incomplete    fileVersion // the version of that content
	debounceEnd   time.Time   // when that wait ends
	debounce      *time.Timer // handles debounceEnd; not stopped when the content is complete
	debounceTimed bool        // debounce is running
	retry         *time.Timer // runs while a damaged line of the outbox waits
	ticker        *time.Ticker
	closing       sync.WaitGroup // watches that were replaced

	followed    bool      // the next notification is handled at once, and is about the same change
	handedOver  bool      // handle was called since the last call of OnIdle
	notified    bool      // a notification came since the last recheck
	suspect     bool      // the last recheck found a change without a notification
	unannounced int       // changes without a notification in a row
	readAt      time.Time // end of the last read
	notifiedAt  time.Time // time of the last notification about the file
	checkedAt   time.Time // time of the last recheck
}

func newLoop(w *Watcher, handle Handler) *loop {
	l := &loop{
		w:        w,
		handle:   handle,
		logger:   w.opts.Logger.With("path", w.file),
		reader:   fileReader{limit: w.opts.MaxSize + 1},
		outbox:   outbox{limit: w.opts.MaxSize + maxLineOverhead, validLine: w.opts.ValidLine},
		debounce: time.NewTimer(time.Hour),
		retry:    time.NewTimer(time.Hour),
		ticker:   time.NewTicker(recheckInterval),
		failed:   make(chan error, 1),
		armed:    make(chan struct{}, 1),
	}
	l.debounce.Stop()
	l.retry.Stop()
	return l
}

func (l *loop) close() {
	defer l.closing.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.debounce.Stop()
	l.retry.Stop()
	l.ticker.Stop()
	l.reader.close()
	l.watch.close()
	l.retired.close()
}

// run starts the watch, hands over the existing contents, and then handles notifications and timers until ctx ends.
func (l *loop) run(ctx context.Context) error {
	if err := l.start(ctx); err != nil {
		return err
	}
	close(l.w.ready)
	for ctx.Err() == nil {
		if err := l.runOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start starts the watch and hands over the existing contents. It leaves the file closed: on an overlay, the first
// write replaces it by a copy.
func (l *loop) start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arm(ctx, nil)
	err := l.readInitial(ctx)
	l.reportIdle()
	l.reader.close()
	l.heartbeat()
	l.ended = err != nil
	return err
}

// runOnce waits for a notification or a timer and handles it.
func (l *loop) runOnce(ctx context.Context) error {
	l.mu.Lock()
	watch, retired := l.watch, l.retired
	events, retiredEvents, failures := watch.events(), retired.events(), watch.errors()
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.failed:
		return err
	case <-l.armed:
		return nil
	case ev := <-events:
		ev.Name = filepath.Clean(ev.Name)
		return l.own(ctx, func() error { return l.handleNotification(ctx, watch, ev) })
	case ev := <-retiredEvents:
		ev.Name = filepath.Clean(ev.Name)
		return l.own(ctx, func() error { return l.handleNotification(ctx, retired, ev) })
	case err := <-failures:
		return l.own(ctx, func() error { return l.handleWatchError(ctx, watch, err) })
	case <-l.debounce.C:
		return l.own(ctx, func() error { return l.endDebounce(ctx) })
	case <-l.retry.C:
		return l.own(ctx, func() error { return l.readEvent(ctx, false) })
	case <-l.ticker.C:
		return l.own(ctx, func() error { return l.tick(ctx) })
	}
}

// tick handles the ticker.
func (l *loop) tick(ctx context.Context) error {
	if time.Since(l.retiredAt) >= recheckInterval {
		l.endRetired()
	}
	err := l.handleTick(ctx)
	l.heartbeat()
	return err
}

// heartbeat records that the loop is not blocked: it has handled a tick.
func (l *loop) heartbeat() {
	now := time.Now()
	l.w.updateStatus(func(s *Status) { s.Heartbeat = now })
}

// readInitial hands over the contents that exist when Run starts.
func (l *loop) readInitial(ctx context.Context) error {
	if l.w.opts.NewestOnly {
		if err := l.readNewestLine(ctx); err != nil {
			return err
		}
	}
	return l.readEvent(ctx, false)
}

// handleNotification reads what a notification of w is about, if that is the event file or an outbox. A watch that was
// replaced announces nothing more, except the retired one.
func (l *loop) handleNotification(ctx context.Context, w *watch, ev fsnotify.Event) error {
	switch w {
	case l.watch:
		return l.handleCurrent(ctx, ev)
	case l.retired:
		return l.handleRetired(ctx, ev)
	default:
		return nil
	}
}

// handleCurrent reads the event file or the outbox if ev is about it.
func (l *loop) handleCurrent(ctx context.Context, ev fsnotify.Event) error {
	defer l.w.end(l.w.begin(&l.w.lookUp))
	if l.outbox.contains(ev.Name) {
		if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
			l.refreshOutbox()
		}
		_, err := l.readOutbox(ctx)
		return err
	}
	if l.notifyFormer(ev, l.watch.doubled && l.watch.covers(filepath.Dir(ev.Name))) {
		return l.readFormer(ctx)
	}
	if !l.watch.concerns(ev) {
		return nil
	}
	l.notifiedAt = time.Now()
	busy := l.overwrites.add(ev.Op, l.notifiedAt.Sub(l.readAt), l.watch.doubled)
	if busy && !l.watch.doubled {
		l.watch.watchFile()
	}
	l.w.notifications.Add(1)
	l.notified, l.suspect, l.unannounced = true, false, 0
	if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
		l.reader.close()
		switch {
		case l.watch.stale(l.w.file):
			l.arm(ctx, nil)
		case l.watch.doubled:
			l.watch.watchFile() // the name may belong to another file now
		}
	}
	l.settled = l.settled && ev.Op == fsnotify.Chmod
	switch {
	case l.followed:
		return nil
	case l.settled:
		l.reportOverwrites()
		return nil
	default:
		return l.readEvent(ctx, false)
	}
}
