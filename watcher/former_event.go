package watcher

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// formerEvent is the event file in a folder that the path led to before. Without the companion, PHP processes that
// began before the switch still write their events to it.
type formerEvent struct {
	reader       fileReader
	pending      bool              // it may have changed since the last read
	content      []byte            // the content that was handed over last
	version      fileVersion       // the version at the last read
	incomplete   fileVersion       // a version whose content was not complete
	incompleteAt time.Time         // time at which incomplete was first read
	overwrites   overwriteEstimate // of the writes since the switch
	notifiedAt   time.Time         // time of the last notification
	until        time.Time         // end of formerFollowed after the switch; zero when that has been logged
}

// takeEvent returns the event file in the folder that is no longer the current one, with its last content. The burst of
// writes to it continues there.
func (l *loop) takeEvent() formerEvent {
	e := formerEvent{
		reader:     fileReader{limit: l.reader.limit},
		pending:    true,
		content:    slices.Clone(l.content),
		version:    l.version,
		overwrites: l.overwrites,
		notifiedAt: l.notifiedAt,
		until:      time.Now().Add(formerFollowed),
	}
	l.overwrites.reset()
	return e
}

// notify records a notification about the file. doubled is set if each notification comes twice.
func (e *formerEvent) notify(op fsnotify.Op, doubled bool) {
	now := time.Now()
	e.overwrites.add(op, now.Sub(e.notifiedAt), doubled)
	e.pending, e.notifiedAt = true, now
}

// refresh finds a change that was not announced, and ends a burst.
func (e *formerEvent) refresh(file string) {
	if time.Since(e.notifiedAt) > recheckInterval {
		e.overwrites.reset()
	}
	if version, err := versionOf(file); err == nil && version != e.version {
		e.pending = true
	}
}

// readFormerEvent hands over the content of the event file in a previous folder if it is new.
func (l *loop) readFormerEvent(ctx context.Context, f *formerOutbox) error {
	e := &f.event
	if !e.pending || e.until.IsZero() {
		return nil
	}
	if time.Now().After(e.until) {
		e.until = time.Time{}
		l.logger.Warn("no longer following the event file of a previous event folder, its events are lost", "previous",
			filepath.Dir(f.file))
		return nil
	}
	defer l.w.end(l.w.begin(&operation{"read", f.file}))
	defer e.reader.close() // its notifications do not say whether it was replaced
	content, seen, err := e.reader.read(f.file, e.content, e.overwrites.concurrent)
	e.pending = false
	if err != nil || seen == e.version || bytes.Equal(content, e.content) {
		e.version = seen
		l.reportFormerOverwrites(f)
		return nil
	}
	if !l.w.opts.Complete(content) && !e.waited(seen, l.w.opts.Debounce) {
		return nil // its rest is announced, or refresh finds it
	}
	e.content = append(e.content[:0], content...)
	e.version = seen
	e.overwrites.accounted++
	l.reportFormerOverwrites(f)
	f.until = time.Now().Add(formerFollowed)
	l.logger.Debug("event read from a previous event folder", "previous", filepath.Dir(f.file))
	return l.handOver(ctx, Content{Bytes: content, Written: time.Unix(0, seen.modified)})
}

// waited reports whether an incomplete content has stayed the same for the debounce.
func (e *formerEvent) waited(seen fileVersion, debounce time.Duration) bool {
	if seen != e.incomplete {
		e.incomplete, e.incompleteAt = seen, time.Now()
	}
	return time.Since(e.incompleteAt) >= debounce
}

// reportFormerOverwrites reports the writes to a previous folder that no read has seen.
func (l *loop) reportFormerOverwrites(f *formerOutbox) {
	if n := f.event.overwrites.take(); n > 0 {
		l.w.opts.OnOverwrites(n)
		l.logger.Debug("change decided", "decision", "overwritten", "writes", n, "previous", filepath.Dir(f.file))
	}
}
