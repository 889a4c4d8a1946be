package watcher

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// retire closes a watch that was replaced. If the path leads to another folder now, the watch stays open for
// recheckInterval: its notifications about the folder before are still on their way, and processes that began before
// the switch write there. Until then the new watch does not follow that folder, since each notification would come
// twice.
func (l *loop) retire(replaced *watch) {
	for _, f := range l.former {
		dir := filepath.Dir(f.file)
		if replaced.covers(dir) && l.retired == nil {
			l.retired, l.retiredAt = replaced, time.Now()
		} else {
			l.watch.follow(dir)
		}
	}
	if replaced != nil && l.retired != replaced {
		l.closing.Go(replaced.close)
	}
}

// handleRetired reads what a notification of the retired watch is about, if it is in a folder before.
func (l *loop) handleRetired(ctx context.Context, ev fsnotify.Event) error {
	defer l.w.end(l.w.begin(&l.w.lookUp))
	if l.notifyFormer(ev, l.retired.doubled) {
		return l.readFormer(ctx)
	}
	return nil
}

// endRetired closes the retired watch, if there is one. The current watch follows its folder from now on.
func (l *loop) endRetired() {
	if l.retired == nil {
		return
	}
	for _, f := range l.former {
		if dir := filepath.Dir(f.file); l.retired.covers(dir) {
			l.watch.follow(dir)
			f.event.pending = true
		}
	}
	l.closing.Go(l.retired.close)
	l.retired = nil
}

// covers reports whether the watch announces changes in the folder dir of the event file.
func (w *watch) covers(dir string) bool { return w != nil && w.notifier != nil && w.path.parent == dir }

// follow announces changes in dir too, where notifications are available. The recheck finds them elsewhere.
func (w *watch) follow(dir string) {
	if w != nil && w.notifier != nil {
		_ = w.notifier.Add(dir)
	}
}
