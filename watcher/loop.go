package watcher

import (
	"cmp"
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

// loop is the state of one Run. Only Run's goroutine touches it.
type loop struct {
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

	content    []byte      // the content that was handed over last
	version    fileVersion // the version that content was read from; zero before the first content
	touched    fileVersion // a later version with the same bytes, seen once
	seen       fileVersion // the version at the last read; zero if there was no file
	readErr    string      // error of the last read, "" if it succeeded
	denied     time.Time   // when the permission to read was first missing; zero if it is not
	outboxErr  string      // error of the last read of the outbox, "" if it succeeded
	remote     bool        // the outbox is on a file system that may show lines late
	debounce   *time.Timer // runs while an incomplete content waits
	debouncing bool        // debounce is running
	incomplete fileVersion // the version that debounce runs for
	retry      *time.Timer // runs while a damaged line of the outbox waits
	ticker     *time.Ticker
	closing    sync.WaitGroup // watches that were replaced

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
	}
	l.debounce.Stop()
	l.retry.Stop()
	return l
}

func (l *loop) close() {
	l.debounce.Stop()
	l.retry.Stop()
	l.ticker.Stop()
	l.reader.close()
	l.watch.close()
	l.retired.close()
	l.closing.Wait()
}

// run starts the watch, hands over the existing contents, and then handles notifications and timers until ctx ends.
func (l *loop) run(ctx context.Context) error {
	l.arm(nil)
	if err := l.readInitial(ctx); err != nil {
		return err
	}
	l.heartbeat()
	close(l.w.ready)
	for ctx.Err() == nil {
		if err := l.runOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runOnce waits for a notification or a timer and handles it.
func (l *loop) runOnce(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case ev := <-l.watch.events():
		return l.handleNotification(ctx, ev)
	case ev := <-l.retired.events():
		return l.handleRetired(ctx, ev)
	case err := <-l.watch.errors():
		return l.handleWatchError(ctx, err)
	case <-l.debounce.C:
		l.debouncing = false
		return l.readEvent(ctx, true)
	case <-l.retry.C:
		return l.readEvent(ctx, false)
	case <-l.ticker.C:
		if time.Since(l.retiredAt) >= recheckInterval {
			l.endRetired()
		}
		err := l.handleTick(ctx)
		l.heartbeat()
		return err
	}
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

// handleNotification reads the event file or the outbox if ev is about it.
func (l *loop) handleNotification(ctx context.Context, ev fsnotify.Event) error {
	defer l.w.end(l.w.begin("look up", l.w.file))
	if l.outbox.contains(filepath.Clean(ev.Name)) {
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
	l.w.updateStatus(func(s *Status) { s.Notifications++ })
	l.notified, l.suspect, l.unannounced = true, false, 0
	if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
		l.reader.close()
		switch {
		case l.watch.stale(l.w.file):
			l.arm(nil)
		case l.watch.doubled:
			l.watch.watchFile() // the name may belong to another file now
		}
	}
	err := l.readEvent(ctx, false)
	if ev.Has(fsnotify.Chmod) {
		l.reader.close() // the end of a write
	}
	return err
}

// arm replaces the watch. If present is the current watch, arm keeps it unless a better mode is available now.
func (l *loop) arm(present *watch) {
	defer l.w.end(l.w.begin("watch", l.w.file))
	l.reader.close()
	next := armWatch(l.w.file, l.w.opts, l.watch, present)
	if next == present {
		return
	}
	switch {
	case l.watch == nil:
		next.log(l.logger, "watching")
	case next.mode != l.watch.mode || next.reason != l.watch.reason:
		next.log(l.logger, "watch mode changed")
	}
	if l.watch != nil {
		l.w.updateStatus(func(s *Status) { s.Rearmed++ })
	}
	replaced := l.watch
	l.endRetired()
	l.watch = next
	l.watch.found, _ = versionOf(l.w.file)
	l.switchFolder()
	l.endBurst(replaced)
	l.remote = remoteFilesystem(filepath.Dir(l.w.file)) != ""
	l.retire(replaced)
	l.refreshOutbox()
	l.w.updateStatus(func(s *Status) { s.Mode, s.Reason = next.mode, next.reason })
	l.ticker.Reset(cmp.Or(next.interval, recheckInterval)) // the interval is 0 unless the watch polls
}

// endBurst reports the overwrites of the burst of the watch that was replaced, if there is one. The contents that it
// announced were read by now, or are gone with their folder.
func (l *loop) endBurst(replaced *watch) {
	if replaced == nil {
		return
	}
	unwatched := uint64(0)
	if replaced.replacedBy(l.watch) {
		if l.version == l.watch.found {
			l.overwrites.unaccount() // the old watch did not announce it
		}
		folder, _ := versionOf(filepath.Dir(l.w.file))
		unwatched = writtenUnwatched(folder, l.watch.found, l.readAt)
	}
	l.reportOverwrites()
	l.overwrites.reset()
	if unwatched > 0 {
		l.w.opts.OnOverwrites(unwatched)
		l.logger.Debug("change decided", "decision", "overwritten", "writes", unwatched)
	}
}
