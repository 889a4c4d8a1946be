package watcher

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Polling is the mode of a watch that reads the file at a fixed interval. The other mode is named after the system's
// notifications: "inotify" on Linux.
const Polling = "polling"

// maxArmTries limits how often arm starts again because the path changed in the meantime. Later changes are left to the
// recheck.
const maxArmTries = 5

// watch announces that the file may have changed: by notifications for the directories of its path, or by an interval
// to poll at. A watch that no longer fits is replaced as a whole and never repaired.
type watch struct {
	mode        string
	reason      string        // why it polls
	interval    time.Duration // poll interval
	path        watchPath
	dirs        []os.FileInfo // of path.dirs when they were armed; nil for one that did not exist
	notify      func() (Notifier, error)
	notifier    Notifier
	direct      directNotifier // notifier, if it announces changes in path.parent directly; nil otherwise
	doubled     bool           // the file itself is watched too, so each notification comes twice
	keepDoubled bool           // it must stay doubled, because the directory does not announce all changes
	unreliable  os.FileInfo    // the directory that has not announced changes, if there is one
	dirGone     bool           // a watched directory was deleted or moved
	found       fileVersion    // the file when it was armed: notifications about this version may be missing
}

// armWatch returns a watch of file that replaces old. The watch polls if no notifications are available. If keep is not
// nil and has the same mode and reason as the new watch, armWatch returns keep. The caller closes old, unless it is
// returned. That takes 10 ms and more, in which a folder that was just created would not be watched.
func armWatch(file string, opts Options, old, keep *watch) *watch {
	w := &watch{mode: Polling, interval: opts.PollInterval, notify: opts.Notify}
	if old != nil {
		w.unreliable, w.keepDoubled = old.unreliable, old.keepDoubled
	}
	if opts.PollInterval > 0 {
		w.reason = "poll interval is set"
	} else {
		w.interval = defaultPollInterval
		w.reason = w.arm(file)
		if w.reason != "" && keep == nil && old != nil {
			old.close() // the number of inotify instances is limited
			w.reason = w.arm(file)
		}
	}
	if w.reason == "" {
		w.mode, w.interval = notifyMode, 0
	}
	if keep != nil && keep.mode == w.mode && keep.reason == w.reason {
		w.close()
		return keep
	}
	return w
}

// Probe returns the mode in which a Watcher would watch the file at path now, and the reason if it would poll.
func Probe(path string, pollInterval time.Duration) (mode, reason string) {
	w := armWatch(path, Options{PollInterval: pollInterval}.withDefaults(), nil, nil)
	defer w.close()
	return w.mode, w.reason
}

// arm subscribes to notifications. It returns "", or why they are not available. The path may change while arm
// subscribes, so it compares the path again afterwards.
func (w *watch) arm(file string) (reason string) {
	for range maxArmTries {
		w.close()
		w.path = resolveWatchPath(file)
		if reason = w.unsupported(); reason != "" {
			return reason
		}
		if err := w.subscribe(); err != nil {
			return explainError(err)
		}
		if !w.stale(file) {
			return ""
		}
	}
	return ""
}

// unsupported returns why notifications for the file's directory would miss changes, or "".
func (w *watch) unsupported() string {
	if name := remoteFilesystem(w.path.parent); name != "" {
		return name + " does not announce changes by other machines"
	}
	if info, err := os.Stat(w.path.parent); w.unreliable != nil && err == nil && os.SameFile(info, w.unreliable) {
		return "the file system did not announce changes in this directory"
	}
	return ""
}

// subscribe opens the notifier and adds all directories of the path.
func (w *watch) subscribe() error {
	notifier, err := w.notify()
	if err != nil {
		return err
	}
	w.notifier = notifier
	w.dirs = make([]os.FileInfo, len(w.path.dirs))
	for i, dir := range w.path.dirs {
		if w.dirs[i], err = os.Stat(dir); err != nil && errors.Is(err, os.ErrNotExist) {
			continue // deleted since the path was resolved; stale reports it
		}
		if err = w.add(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.close()
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	if w.keepDoubled {
		w.watchFile()
	}
	return nil
}

// add watches dir, directly if it is the event file's folder and the notifier can.
func (w *watch) add(dir string) error {
	if n, ok := w.notifier.(directNotifier); ok && dir == w.path.parent && n.AddDirect(dir) == nil {
		w.direct = n
		return nil
	}
	return w.notifier.Add(dir)
}

// watchFile watches the file that the path leads to now, beside its directory. Each notification then comes twice.
func (w *watch) watchFile() { w.doubled = doubleWatch && w.notifier.Add(w.path.last) == nil }

// unwatchFile removes the watch on the file itself, unless keepDoubled is set.
func (w *watch) unwatchFile() {
	if w.doubled && !w.keepDoubled {
		w.notifier.Remove(w.path.last) // an error means that the kernel has removed it already
		w.doubled = false
	}
}

// explainError names the limit that an operator can raise.
func explainError(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "no inotify instance is left (fs.inotify.max_user_instances, or the limit of open files)"
	case errors.Is(err, syscall.ENOSPC):
		return "no inotify watch is left (fs.inotify.max_user_watches)"
	default:
		return "notifications are not available: " + err.Error()
	}
}

// stale reports whether the watch no longer covers the path to file.
func (w *watch) stale(file string) bool {
	if w.dirGone || !w.path.equal(resolveWatchPath(file)) {
		return true
	}
	for i, dir := range w.path.dirs {
		info, err := os.Stat(dir)
		if err != nil || w.dirs[i] == nil || !os.SameFile(info, w.dirs[i]) {
			return true
		}
	}
	return false
}

// replacedBy reports whether next watches another folder than w, perhaps with the same name.
func (w *watch) replacedBy(next *watch) bool {
	i, j := slices.Index(w.path.dirs, w.path.parent), slices.Index(next.path.dirs, next.path.parent)
	if w.dirGone || w.path.parent != next.path.parent || i < 0 || j < 0 || i >= len(w.dirs) || j >= len(next.dirs) {
		return true
	}
	return w.dirs[i] == nil || next.dirs[j] == nil || !os.SameFile(w.dirs[i], next.dirs[j])
}

// concerns reports whether ev may change the file's content. It records the loss of a watched directory, because a new
// directory with the same name can have the same inode number.
func (w *watch) concerns(ev fsnotify.Event) bool {
	for _, dir := range w.path.dirs {
		if ev.Name == dir && ev.Has(fsnotify.Remove|fsnotify.Rename) {
			w.dirGone = true
			return true
		}
	}
	return w.path.entries[ev.Name]
}

// markUnreliable records that the file's directory does not announce all changes. The next watch polls it.
func (w *watch) markUnreliable() {
	if info, err := os.Stat(w.path.parent); err == nil {
		w.unreliable = info
	}
}

// events returns the notifications, or nil if the watch is nil or polls.
func (w *watch) events() <-chan fsnotify.Event {
	if w == nil || w.notifier == nil {
		return nil
	}
	return w.notifier.Events()
}

// errors returns the errors of the notifications, or nil if the watch polls.
func (w *watch) errors() <-chan error {
	if w.notifier == nil {
		return nil
	}
	return w.notifier.Errors()
}

// close ends the notifications. It may be called on a nil watch, and repeatedly.
func (w *watch) close() {
	if w != nil && w.notifier != nil {
		w.notifier.Close()
		w.notifier, w.direct = nil, nil
	}
}

// log logs message with the mode of the watch.
func (w *watch) log(logger *slog.Logger, message string) {
	if w.mode == Polling {
		logger.Warn(message, "mode", w.mode, "reason", w.reason, "interval", w.interval)
		return
	}
	logger.Info(message, "mode", w.mode, "directories", w.path.dirs)
}
