package watcher

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Polling reads the file at a fixed pace. The other mode is named after the system's notifications: "inotify" on
// Linux.
const Polling = "polling"

// watch is one way of learning that the file may have changed: notifications for the directories on its route,
// or a pace to poll at. It is set up once and replaced as a whole: a fresh one is easier to trust than a mended
// one.
type watch struct {
	mode     string
	reason   string        // why it polls
	interval time.Duration // the pace of polling
	route    route
	dirs     []os.FileInfo // of route.dirs, when they were armed
	notify   *fsnotify.Watcher
	twice    bool        // the file itself is watched, too, and each notification comes twice
	always   bool        // it is to be, since its directory does not announce all changes
	deaf     os.FileInfo // the directory whose notifications cannot be relied on, if one was found out
	lost     bool        // a watched directory itself was deleted or moved
}

// armWatch sets up a watch of file in place of old, which it closes, and always returns one: where notifications
// cannot be had, one that polls. If keep is not nil and no better than what could be had now, it returns keep.
func armWatch(file string, opts Options, old, keep *watch) *watch {
	w := &watch{mode: Polling, interval: opts.PollInterval}
	if old != nil {
		w.deaf, w.always = old.deaf, old.always
	}
	if opts.PollInterval > 0 {
		w.reason = "asked for"
	} else {
		w.interval = pollInterval
		if keep == nil {
			old.close() // first, for the number of instances is limited
		}
		w.reason = w.arm(file)
	}
	if w.reason == "" {
		w.mode, w.interval = notifyMode, 0
	}
	if keep != nil && keep.mode == w.mode && keep.reason == w.reason {
		w.close()
		return keep
	}
	if keep != nil {
		keep.close()
	}
	return w
}

// Probe returns how a Watcher would watch the file at path now, and why it would poll.
func Probe(path string, pollInterval time.Duration) (mode, reason string) {
	w := armWatch(path, Options{PollInterval: pollInterval}, nil, nil)
	defer w.close()
	return w.mode, w.reason
}

// arm asks for the notifications and returns why they cannot be had, "" if they can. The route may change while it
// is being armed, so it is followed again after.
func (w *watch) arm(file string) (reason string) {
	const tries = 5 // then the backstop will see to it
	for range tries {
		w.close()
		w.route = findRoute(file)
		if reason = w.unfit(); reason != "" {
			return reason
		}
		if err := w.subscribe(); err != nil {
			return explain(err)
		}
		if !w.stale(file) {
			return ""
		}
	}
	return ""
}

// unfit returns why notifications for the file's directory would not be worth having, "" if they would.
func (w *watch) unfit() string {
	if name := remoteFilesystem(w.route.parent); name != "" {
		return name + " does not announce changes made elsewhere"
	}
	if info, err := os.Stat(w.route.parent); w.deaf != nil && err == nil && os.SameFile(info, w.deaf) {
		return "changes here are not announced"
	}
	return ""
}

func (w *watch) subscribe() error {
	// Without a buffer: handing over each notification, two goroutines take turns on one processor, and more of
	// several quick writes are seen.
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	w.notify = notify
	w.dirs = make([]os.FileInfo, len(w.route.dirs))
	for i, dir := range w.route.dirs {
		if w.dirs[i], err = os.Stat(dir); err != nil && errors.Is(err, os.ErrNotExist) {
			continue // gone since it was found: stale will tell
		}
		if err = notify.Add(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.close()
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	if w.always {
		w.watchFile()
	}
	return nil
}

// watchFile adds a watch on the file itself, or on the one in its place now, beside that on its directory. Then each
// notification comes twice, once by each watch.
func (w *watch) watchFile() { w.twice = doubleWatch && w.notify.Add(w.route.last) == nil }

// unwatchFile takes the watch on the file itself away, unless it is needed always.
func (w *watch) unwatchFile() {
	if w.twice && !w.always {
		w.notify.Remove(w.route.last) // an error means that it is gone already
		w.twice = false
	}
}

// explain names the limits that an operator can raise.
func explain(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "no inotify instance is left (fs.inotify.max_user_instances, or the limit of open files)"
	case errors.Is(err, syscall.ENOSPC):
		return "no inotify watch is left (fs.inotify.max_user_watches)"
	default:
		return "notifications cannot be had: " + err.Error()
	}
}

// stale reports whether the watch no longer covers the way to file.
func (w *watch) stale(file string) bool {
	if w.lost || !w.route.equal(findRoute(file)) {
		return true
	}
	for i, dir := range w.route.dirs {
		info, err := os.Stat(dir)
		if err != nil || w.dirs[i] == nil || !os.SameFile(info, w.dirs[i]) {
			return true
		}
	}
	return false
}

// concerns reports whether ev may change what the file says, and remembers the loss of a watched directory: one
// made again under the same name may have the same inode number.
func (w *watch) concerns(ev fsnotify.Event) bool {
	name := filepath.Clean(ev.Name)
	for _, dir := range w.route.dirs {
		if name == dir && ev.Has(fsnotify.Remove|fsnotify.Rename) {
			w.lost = true
			return true
		}
	}
	return w.route.entries[name]
}

// giveUp marks the file's directory as one whose notifications cannot be relied on.
func (w *watch) giveUp() {
	if info, err := os.Stat(w.route.parent); err == nil {
		w.deaf = info
	}
}

// events is nil, and so never ready, where the watch polls.
func (w *watch) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watch) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

// close ends the notifications. It may be called on a nil watch, and twice.
func (w *watch) close() {
	if w != nil && w.notify != nil {
		w.notify.Close()
		w.notify = nil
	}
}

// log says how the file is watched.
func (w *watch) log(logger *slog.Logger, message string) {
	if w.mode == Polling {
		logger.Warn(message, "mode", w.mode, "reason", w.reason, "interval", w.interval.String())
		return
	}
	logger.Info(message, "mode", w.mode, "directories", w.route.dirs)
}
