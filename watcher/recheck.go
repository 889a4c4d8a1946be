package watcher

import (
	"context"
	"errors"
	"time"

	"github.com/fsnotify/fsnotify"
)

// handleTick polls, or checks whether a change was not announced.
func (l *loop) handleTick(ctx context.Context) error {
	defer l.w.end(l.w.begin(&l.w.lookUp))
	l.reader.close() // an open file keeps its file system from being unmounted
	l.refreshOutbox()
	if l.watch.mode == Polling {
		return l.poll(ctx)
	}
	return l.recheck(ctx)
}

// poll reads the file. Once per recheckInterval it also tries to get notifications: a limit may have been raised, a
// remote file system unmounted, or the directory created.
func (l *loop) poll(ctx context.Context) error {
	if time.Since(l.checkedAt) >= recheckInterval {
		l.notified, l.checkedAt = false, time.Now()
		l.arm(ctx, l.watch)
	}
	return l.readEvent(ctx, false)
}

// recheck finds a watch that no longer covers the file's path, and changes that were not announced.
func (l *loop) recheck(ctx context.Context) error {
	quiet := !l.notified
	l.notified, l.checkedAt = false, time.Now()
	switch {
	case l.watch.stale(l.w.file):
		l.arm(ctx, nil)
		return l.readEvent(ctx, false)
	case l.suspect && quiet:
		return l.handleUnannounced(ctx)
	case quiet && !l.debouncing:
		l.overwrites.reset()
		l.watch.unwatchFile()
	}
	switch v, _ := versionOf(l.w.file); {
	case v != l.seen:
		l.suspect = true // the notification may still be on its way; the next recheck decides
		return l.readEvent(ctx, false)
	case !quiet:
		return l.readEvent(ctx, false) // a write in the same clock tick as the announced one leaves the same version
	default:
		_, err := l.readOutbox(ctx)
		return err
	}
}

// handleWatchError handles an error of w. It reads the file after an overflow, which loses notifications but leaves the
// watch intact. After any other error it also sets up the watch again.
func (l *loop) handleWatchError(ctx context.Context, w *watch, err error) error {
	if w != l.watch {
		return nil // it was replaced meanwhile
	}
	defer l.w.end(l.w.begin(&l.w.lookUp))
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		l.w.updateStatus(func(s *Status) { s.Overflows++ })
		l.logger.Warn("notifications overflowed, reading the current file")
		l.overwrites.reset()
		l.reader.close() // a lost notification may be about another file
	} else {
		l.logger.Warn("watch lost, retrying", "error", err)
		l.arm(ctx, nil)
	}
	return l.readEvent(ctx, false)
}

// handleUnannounced handles a change without a notification. Either the watch has stopped working, or the kernel does
// not announce this kind of change: by another host, below an overlay, or through a memory mapping.
func (l *loop) handleUnannounced(ctx context.Context) error {
	l.suspect = false
	l.unannounced++
	l.watch.keepDoubled = true
	if l.unannounced >= maxUnannounced {
		l.watch.markUnreliable()
	}
	l.arm(ctx, nil)
	return l.readEvent(ctx, false)
}
