package watcher

import (
	"cmp"
	"context"
	"path/filepath"
)

// arm replaces the watch. If present is the current watch, arm keeps it unless a better mode is available now.
func (l *loop) arm(ctx context.Context, present *watch) {
	defer l.w.end(l.w.begin(&operation{"watch", l.w.file}))
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
	l.listen(ctx, next)
	l.watch.found, _ = versionOf(l.w.file)
	l.switchFolder()
	l.endBurst(replaced)
	l.remote = remoteFilesystem(filepath.Dir(l.w.file)) != ""
	l.retire(replaced)
	l.refreshOutbox()
	l.w.updateStatus(func(s *Status) { s.Mode, s.Reason = next.mode, next.reason })
	l.ticker.Reset(cmp.Or(next.interval, recheckInterval)) // the interval is 0 unless the watch polls
	select {
	case l.armed <- struct{}{}:
	default: // Run has not seen the watch before either
	}
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
