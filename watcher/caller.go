package watcher

import (
	"context"

	"github.com/fsnotify/fsnotify"
)

// caller is a Notifier that passes on its notifications by calls. Its channels are nil.
type caller interface {
	Notifier

	// Run calls notify with each notification or error, one at a time, until Close.
	Run(notify func(fsnotify.Event, error))
}

// handleCall handles a notification of a caller, or its error, on the caller's goroutine.
func (l *loop) handleCall(ctx context.Context, w *watch, ev fsnotify.Event, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || w != l.watch && (w != l.retired || err != nil):
		return
	case w == l.watch && err != nil:
		err = l.handleWatchError(ctx, err)
	case w == l.watch:
		err = l.handleNotification(ctx, ev)
	default:
		err = l.handleRetired(ctx, ev)
	}
	if err != nil {
		select {
		case l.failed <- err:
		default: // Run ends already
		}
	}
}

// listen starts the calls of a watch whose notifier is a caller.
func (l *loop) listen(w *watch) {
	if notifier, ok := w.notifier.(caller); ok {
		l.closing.Go(func() { notifier.Run(func(ev fsnotify.Event, err error) { l.notify(w, ev, err) }) })
	}
}
