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

// look reads the file and hands its content over if that is new. An unfinished content waits, unless final says that
// the one before has: if it is still that, it is what the file says.
func (l *loop) look(ctx context.Context, final bool) error {
	defer func() { l.looked = time.Now() }()
	content, seen, err := l.reader.read(l.w.file, l.handled, l.ledger.several)
	l.seen = seen
	l.noteRead(err)
	// After the file was read: what that says may be in the outbox, too, and then was there first.
	if l.outbox.outdated(l.w.file) {
		l.findOutbox()
	}
	held, followErr := l.follow(ctx)
	if held {
		l.ledger.reset() // what overwrites the file meanwhile is in the outbox
	}
	if held || followErr != nil {
		return followErr
	}
	if err != nil || bytes.Equal(content, l.handled) && !l.writtenAgain(seen, len(content)) {
		l.stopWaiting()
		l.overwritten()
		return nil
	}
	if !l.w.opts.Complete(content) && !(final && seen == l.unfinished) {
		l.wait(seen)
		return nil
	}
	l.stopWaiting()
	l.handled = append(l.handled[:0], content...)
	l.version = seen
	l.ledger.decided++
	l.overwritten()
	return l.handle(ctx, Content{Bytes: content, Written: l.written(seen)})
}

// writtenAgain reports whether a content with the bytes of the one handled last is another write of them.
func (l *loop) writtenAgain(seen version, size int) bool {
	switch {
	case l.version == (version{}):
		return true // it was seen unfinished in between
	case seen == l.version:
		return false
	case seen.size != int64(size) && size < l.reader.limit:
		return false // overtaken: the file was written after it was read, which will announce itself
	case seen.dev == l.version.dev && seen.ino == l.version.ino && seen != l.touched:
		// A write sets the time before it changes the content: if it has just begun, the next look sees another
		// content, else this one again.
		l.touched = seen
		return false
	default:
		return true
	}
}

// written returns when a content was written: at the file's time; but where that may be a tick of its clock early, when the
// notification came, since that takes less.
func (l *loop) written(seen version) time.Time {
	modified := time.Unix(0, seen.modified)
	if since := l.notice.Sub(modified); since > 0 && since < clockTick {
		return l.notice
	}
	return modified
}

// wait gives an unfinished content until the debounce has passed. If the file has been written meanwhile and is
// unfinished still, that is another content, which gets its own time.
func (l *loop) wait(unfinished version) {
	l.version = version{} // whatever comes next was written after this
	if l.waiting {
		return
	}
	l.waiting, l.unfinished = true, unfinished
	l.debounce.Reset(l.w.opts.Debounce)
}

func (l *loop) stopWaiting() {
	l.waiting = false
	l.debounce.Stop()
}

// overwritten closes the books on the writes that ended before this look and were not seen by one.
func (l *loop) overwritten() {
	if n := l.ledger.lost(); n > 0 {
		l.w.opts.OnOverwrites(n)
		l.logger.Debug("change decided", "decision", "overwritten", "writes", n)
	}
}

// problem returns why events would go unseen after a look that ended with err, "" if they would not: WordPress makes
// the file, and the directory that it is in, but not the one above.
func (l *loop) problem(err error) string {
	if err == nil || errors.Is(err, errUnsteady) {
		return ""
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err.Error()
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(l.w.file))); err != nil {
		return "neither the event file nor what it would be made in is there: " + err.Error()
	}
	return ""
}

// noteRead keeps the status and says once why the file cannot be read.
func (l *loop) noteRead(err error) {
	problem := l.problem(err)
	l.w.update(func(s *Status) { s.Present, s.Problem = err == nil, problem })
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
		l.logger.Info("the event file can be read")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		l.logger.Info("the event file is not there; the next event makes it")
	case errors.Is(err, fs.ErrPermission):
		l.logger.Warn("the event file cannot be read; run the relay as a user who may, or mend its mode",
			"uid", os.Getuid(), "error", err)
	default:
		l.logger.Warn("the event file cannot be read", "error", err)
	}
}
