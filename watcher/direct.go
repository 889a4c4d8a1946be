package watcher

import (
	"context"

	"github.com/fsnotify/fsnotify"
)

// directNotifier is a Notifier that can pass on the notifications about one folder by calls, on the goroutine that
// receives them from the kernel. Its channels do not have them. Their names are clean paths.
type directNotifier interface {
	Notifier

	// AddDirect adds the folder, and later files in it by Add. After an error, the caller adds the folder by Add.
	AddDirect(folder string) error

	// RunDirect calls notify with the notifications that came together, or with an error, one call at a time, until
	// Close. There may be none that are of interest. It may be called once, and only after AddDirect.
	RunDirect(notify func([]fsnotify.Event, error))

	// Waiting reports whether RunDirect will call notify at once. It must not be called after Close.
	Waiting() bool
}

// listen starts the direct notifications of the watch, if it has any.
func (l *loop) listen(ctx context.Context, w *watch) {
	if direct := w.direct; direct != nil {
		l.closing.Go(func() {
			direct.RunDirect(func(evs []fsnotify.Event, err error) { l.handleDirect(ctx, w, evs, err) })
		})
	}
}

// handleDirect handles direct notifications of w that came together, or their error.
func (l *loop) handleDirect(ctx context.Context, w *watch, evs []fsnotify.Event, failure error) {
	err := l.own(ctx, func() error {
		if failure != nil {
			return l.handleWatchError(ctx, w, failure)
		}
		touched := l.touched
		for i, ev := range evs {
			l.followed = i+1 < len(evs) && sameChange(ev, evs[i+1])
			if err := l.handleNotification(ctx, w, ev); err != nil {
				return err
			}
		}
		if len(evs) > 1 && l.touched != touched {
			return l.readEvent(ctx, false) // the second look at the same bytes, see rewritten
		}
		return nil
	})
	if err != nil {
		l.failed <- err
	}
}

// sameChange reports whether both notifications are about the bytes or the mode of the same file, so that one look at
// it is enough for both.
func sameChange(a, b fsnotify.Event) bool {
	return a.Name == b.Name && (a.Op|b.Op)&^(fsnotify.Write|fsnotify.Chmod) == 0
}

// reportIdle calls OnIdle if contents were handed over since the last call and no notification waits.
func (l *loop) reportIdle() {
	if l.handedOver && (l.watch.direct == nil || !l.watch.direct.Waiting()) {
		l.handedOver = false
		l.w.opts.OnIdle()
	}
}

// own calls f while no other goroutine uses the loop. After an error, and after ctx has ended, it calls f no more. The
// handler may have refused a content, and must then get no later one: the next process continues with the refused one.
func (l *loop) own(ctx context.Context, f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || ctx.Err() != nil {
		return nil
	}
	err := f()
	l.ended = err != nil
	l.reportIdle()
	return err
}
