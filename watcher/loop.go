package watcher

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// backstopInterval is how often the file is compared with what was last read of it, notified or not.
	backstopInterval = time.Second

	// pollInterval is the pace of polling where the operator named none.
	pollInterval = 100 * time.Millisecond

	// clockTick is how far a file's time may lie before the write: Linux takes it from a clock that ticks so often, at
	// the slowest (HZ=100).
	clockTick = 10 * time.Millisecond

	// maxStrikes is how many changes may go unannounced on one directory before its notifications are given up.
	maxStrikes = 2
)

// loop is the state of one Run, touched by its goroutine alone.
type loop struct {
	w      *Watcher
	handle Handler
	logger *slog.Logger
	reader reader
	watch  *watch
	ledger ledger
	outbox outbox

	handled    []byte      // the content given to handle last
	version    version     // the version of the file that handled was read from; none before the first
	touched    version     // a later version with the same bytes, seen once
	seen       version     // the version at the last look; none if there was no file
	readErr    string      // why the last look failed, "" if it did not
	outboxErr  string      // why the outbox was not read to its end, "" if it was
	debounce   *time.Timer // runs while an unfinished content waits
	waiting    bool        // whether debounce runs
	unfinished version     // of the content that debounce runs for
	again      *time.Timer // runs while a damaged line of the outbox waits
	tick       *time.Ticker

	announced bool      // a notification came since the last backstop
	suspect   bool      // the last backstop found a change that nothing had announced
	strikes   int       // changes that stayed unannounced in a row
	looked    time.Time // when the last look ended
	notice    time.Time // when the last notification that concerned the file came
	lastCheck time.Time // when the watch polls: the last backstop
}

func newLoop(w *Watcher, handle Handler) *loop {
	l := &loop{
		w:        w,
		handle:   handle,
		logger:   w.opts.Logger.With("file", w.file),
		reader:   reader{limit: w.opts.MaxSize + 1},
		outbox:   outbox{limit: w.opts.MaxSize + maxStamp, intact: w.opts.ValidLine},
		debounce: time.NewTimer(time.Hour),
		again:    time.NewTimer(time.Hour),
		tick:     time.NewTicker(backstopInterval),
	}
	l.debounce.Stop()
	l.again.Stop()
	return l
}

func (l *loop) close() {
	l.debounce.Stop()
	l.again.Stop()
	l.tick.Stop()
	l.watch.close()
}

func (l *loop) run(ctx context.Context) error {
	l.arm(nil)
	if err := l.first(ctx); err != nil {
		return err
	}
	l.breathe()
	close(l.w.ready)
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case ev := <-l.watch.events():
			err = l.notified(ctx, ev)
		case watchErr := <-l.watch.errors():
			err = l.faulted(ctx, watchErr)
		case <-l.debounce.C:
			l.waiting = false
			err = l.look(ctx, true)
		case <-l.again.C:
			err = l.look(ctx, false)
		case <-l.tick.C:
			l.breathe()
			err = l.ticked(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// breathe notes that the loop is not held up.
func (l *loop) breathe() {
	now := time.Now()
	l.w.update(func(s *Status) { s.Heartbeat = now })
}

// first takes what is there when Run begins.
func (l *loop) first(ctx context.Context) error {
	if l.w.opts.NewestOnly {
		if err := l.followNewest(ctx); err != nil {
			return err
		}
	}
	return l.look(ctx, false)
}

// notified looks at the file, or into the outbox, if ev concerns it.
func (l *loop) notified(ctx context.Context, ev fsnotify.Event) error {
	if l.outbox.is(filepath.Clean(ev.Name)) {
		if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
			l.findOutbox()
		}
		_, err := l.follow(ctx)
		return err
	}
	if !l.watch.concerns(ev) {
		return nil
	}
	l.notice = time.Now()
	if l.ledger.notified(ev.Op, l.notice.Sub(l.looked), l.watch.twice) && !l.watch.twice {
		l.watch.watchFile()
	}
	l.w.update(func(s *Status) { s.Notifications++ })
	l.announced, l.suspect, l.strikes = true, false, 0
	if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
		switch {
		case l.watch.stale(l.w.file):
			l.arm(nil)
		case l.watch.twice:
			l.watch.watchFile() // it may be another file now
		}
	}
	return l.look(ctx, false)
}

// faulted takes an error of the notifications. After an overflow they are still good, but some are lost.
func (l *loop) faulted(ctx context.Context, err error) error {
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		l.w.update(func(s *Status) { s.Overflows++ })
		l.logger.Warn("notifications overflowed; reading the file as it is now")
		l.ledger.reset()
	} else {
		l.logger.Warn("notifications failed; setting up the watch anew", "error", err)
		l.arm(nil)
	}
	return l.look(ctx, false)
}

// ticked is the poll where the watch polls, and the backstop for lost notifications elsewhere.
func (l *loop) ticked(ctx context.Context) error {
	l.findOutbox()
	if l.watch.mode == Polling && time.Since(l.lastCheck) < backstopInterval {
		return l.look(ctx, false)
	}
	l.lastCheck = time.Now()
	quiet := !l.announced
	l.announced = false
	switch {
	case l.watch.mode == Polling:
		l.arm(l.watch) // for the limit may be raised, the mount gone, the directory made
		return l.look(ctx, false)
	case l.watch.stale(l.w.file):
		l.arm(nil)
		return l.look(ctx, false)
	case l.suspect && quiet:
		return l.unannounced(ctx)
	}
	if quiet && !l.waiting {
		l.ledger.reset()
		l.watch.unwatchFile()
	}
	if v, _ := versionOf(l.w.file); v == l.seen {
		_, err := l.follow(ctx)
		return err
	}
	// Its notification may be just on its way; the next backstop knows.
	l.suspect = true
	return l.look(ctx, false)
}

// unannounced deals with a change that no notification has announced: a watch gone dead without a sign, or a
// file that is changed in a way the kernel does not announce (from another host, below an overlay, by a mapping).
func (l *loop) unannounced(ctx context.Context) error {
	l.suspect = false
	l.strikes++
	l.watch.always = true
	if l.strikes >= maxStrikes {
		l.watch.giveUp()
	}
	l.arm(nil)
	return l.look(ctx, false)
}

// arm sets up the watch anew. Given the present one it leaves that in place unless something better can be had.
func (l *loop) arm(present *watch) {
	next := armWatch(l.w.file, l.w.opts, l.watch, present)
	if next == present {
		return
	}
	if l.watch == nil {
		next.log(l.logger, "watching")
	} else {
		if next.mode != l.watch.mode || next.reason != l.watch.reason {
			next.log(l.logger, "the way of watching has changed")
		}
		l.w.update(func(s *Status) { s.Rearmed++ })
	}
	l.watch = next
	l.findOutbox()
	l.ledger.reset()
	l.w.update(func(s *Status) { s.Mode, s.Reason = next.mode, next.reason })
	if next.mode == Polling {
		l.tick.Reset(next.interval)
	} else {
		l.tick.Reset(backstopInterval)
	}
}
