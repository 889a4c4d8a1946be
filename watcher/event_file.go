package watcher

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// readEvent reads the event file and hands over its content if that is new. It hands over the new lines of the outbox
// first. An incomplete content waits for the rest. If debounced is set and the file has not changed while its content
// waited, that content is handed over.
func (l *loop) readEvent(ctx context.Context, debounced bool) error {
	defer func() { l.readAt = time.Now() }()
	defer l.w.end(l.w.begin(&l.w.read))
	content, seen, readErr := l.reader.read(l.w.file, l.content, l.overwrites.concurrent)
	l.seen = seen
	l.reportRead(readErr)
	if l.withoutOutbox() {
		if err := l.handleContent(ctx, content, seen, readErr, debounced); err != nil || l.watch.direct != nil {
			return err // the first outbox has its own notification, which comes next
		}
		_, err := l.readChangedOutbox(ctx)
		return err
	}
	// The outbox is read after the file: the companion appends an event before the plugin writes it to the file.
	held, err := l.readChangedOutbox(ctx)
	if held {
		l.overwrites.reset() // the outbox holds the events that are overwritten meanwhile
	}
	if held || err != nil {
		return err
	}
	return l.handleContent(ctx, content, seen, readErr, debounced)
}

// withoutOutbox reports whether there is no outbox to read before a content is handed over. The first outbox of a
// folder is announced before its first event is in the file, so the folder is looked at after the hand-over.
func (l *loop) withoutOutbox() bool {
	return l.watch.mode != Polling && len(l.outbox.files)+len(l.former) == 0 &&
		l.outbox.listErr == nil && l.outboxErr == ""
}

// readChangedOutbox is readOutbox after a look at the folder.
func (l *loop) readChangedOutbox(ctx context.Context) (held bool, err error) {
	if l.outbox.outdated(l.w.file) {
		l.refreshOutbox()
	}
	return l.readOutbox(ctx)
}

// handleContent hands over a content of the event file, or the result of a read that failed, if it is new.
func (l *loop) handleContent(
	ctx context.Context, content []byte, seen fileVersion, readErr error, debounced bool,
) error {
	l.settled = false
	if readErr != nil || bytes.Equal(content, l.content) && !l.rewritten(seen, len(content)) {
		l.settled = readErr == nil && seen == l.version
		l.stopDebounce()
		l.reportOverwrites()
		return nil
	}
	if !l.w.opts.Complete(content) && !(debounced && seen == l.incomplete) {
		l.startDebounce(seen)
		return nil
	}
	l.stopDebounce()
	l.content = append(l.content[:0], content...)
	l.version, l.settled = seen, true
	if seen != l.watch.found {
		l.overwrites.accounted++
	}
	l.reportOverwrites()
	return l.handOver(ctx, Content{Bytes: content, Ahead: l.outboxBehind(), Written: l.writeTime(seen)})
}

// rewritten reports whether the bytes of the previous content were written again. seen is the file's version, and size
// the number of bytes read.
func (l *loop) rewritten(seen fileVersion, size int) bool {
	switch {
	case l.version == (fileVersion{}):
		return true // an incomplete content was seen in between
	case seen == l.version:
		return false
	case seen.size != int64(size) && size < l.reader.limit:
		return false // the file was written after it was read; that write has its own notification
	case seen.dev == l.version.dev && seen.ino == l.version.ino && seen != l.touched:
		// A write sets the time before it changes the content. If it has only begun, the next read sees another
		// content. Else the next read sees this one again.
		l.touched = seen
		return false
	default:
		return true
	}
}

// writeTime returns when a content was written. That is the file's time, which may be up to clockTick early. A
// notification takes less than that, so if one came within clockTick after the file's time, its time is returned.
func (l *loop) writeTime(seen fileVersion) time.Time {
	modified := time.Unix(0, seen.modified)
	if since := l.notifiedAt.Sub(modified); since > 0 && since < clockTick {
		return l.notifiedAt
	}
	return modified
}

// startDebounce lets an incomplete content wait. If a debounce is running for an earlier version, it continues: when it
// ends, readEvent finds a different version and starts a new one.
func (l *loop) startDebounce(incomplete fileVersion) {
	l.version = fileVersion{} // the next content was written later, even if its bytes are the previous ones
	if l.debouncing {
		return
	}
	l.debouncing, l.incomplete, l.debounceEnd = true, incomplete, time.Now().Add(l.w.opts.Debounce)
	if !l.debounceTimed { // to start a timer can wake a thread of Go's runtime
		l.debounceTimed = true
		l.debounce.Reset(l.w.opts.Debounce)
	}
}

func (l *loop) stopDebounce() { l.debouncing = false }

// endDebounce handles the timer of the debounce, which may have been started for an earlier one.
func (l *loop) endDebounce(ctx context.Context) error {
	l.debounceTimed = false
	if !l.debouncing {
		return nil
	}
	if left := time.Until(l.debounceEnd); left > 0 {
		l.debounceTimed = true
		l.debounce.Reset(left)
		return nil
	}
	l.debouncing = false
	return l.readEvent(ctx, true)
}

// reportOverwrites reports the writes that ended before this read and that no read has seen.
func (l *loop) reportOverwrites() {
	if n := l.overwrites.take(); n > 0 {
		l.w.opts.OnOverwrites(n)
		l.logger.Debug("change decided", "decision", "overwritten", "writes", n)
	}
}

// problem returns why the relay would miss events after a read that failed with err, or "" if it would not. WordPress
// creates the event file and its directory, but not the directory above.
func (l *loop) problem(err error) string {
	if err == nil || errors.Is(err, errUnstable) {
		return ""
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err.Error()
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(l.w.file))); err != nil {
		return "found neither the event file nor a directory to create it in: " + err.Error()
	}
	return ""
}

// deniedGrace is how long the event file may be unreadable before that is reported. WordPress creates a file with the
// mode 0600 and changes the mode after that.
const deniedGrace = time.Second

// justDenied reports whether the relay has not had the permission to read the file for less than deniedGrace. The file
// is then read again at the end of that time, since no notification may come.
func (l *loop) justDenied(err error) bool {
	if !errors.Is(err, fs.ErrPermission) {
		l.denied = time.Time{}
		return false
	}
	if l.denied.IsZero() {
		l.denied = time.Now()
	}
	left := deniedGrace - time.Since(l.denied)
	if left > 0 {
		l.retry.Reset(left)
	}
	return left > 0
}

// reportRead updates the status and logs a change between readable and unreadable.
func (l *loop) reportRead(err error) {
	if err == nil && l.readable || l.justDenied(err) {
		return
	}
	l.readable = err == nil
	problem := l.problem(err)
	l.w.updateStatus(func(s *Status) { s.Present, s.Problem = err == nil, problem })
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == l.readErr {
		return
	}
	l.readErr = text
	switch {
	case err == nil:
		l.logger.Info("event file readable")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		l.logger.Info("event file not found, waiting for the first event")
	case errors.Is(err, fs.ErrPermission):
		l.logger.Warn("event file not readable, run the relay as a user with read permission or change the file's mode",
			"uid", os.Getuid(), "error", err)
	default:
		l.logger.Warn("event file not readable", "error", err)
	}
}
