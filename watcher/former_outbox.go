package watcher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// formerFolders is how many previous folders are followed without a limit of time, while they exist. Deployment
	// tools keep about 5 releases.
	formerFolders = 5

	// formerFollowed is how long a previous folder is followed at least after the switch and after its last new line.
	// PHP finishes running requests in the previous release, and resolves paths again after 120 s (realpath_cache_ttl).
	formerFollowed = 10 * time.Minute

	// maxFormerFolders bounds the work per second if the folder is switched all the time.
	maxFormerFolders = 20
)

// formerOutbox is the outbox in a folder that the event file's path led to before. A deployment switches a symbolic
// link on the path, and PHP processes that began before still write to the previous folder.
type formerOutbox struct {
	outbox
	event   formerEvent
	file    string    // path of the event file in the folder
	until   time.Time // end of formerFollowed
	failure string    // error of the last read, "" if it succeeded
}

// switchFolder makes the outbox of a folder that the path no longer leads to a former one, and takes a former one back
// if the path leads to it again.
func (l *loop) switchFolder() {
	folder := realFolder(filepath.Dir(l.w.file))
	if folder == "" || folder == l.folder {
		return // without a folder, the last one decides
	}
	old := l.folder
	l.folder = folder
	next, returned := l.takeFormer(folder)
	if real, err := filepath.EvalSymlinks(old); err != nil || real != old || !isDir(old) {
		if returned {
			l.outbox = next
		}
		return // it is gone, or was never a folder
	}
	l.former = append(l.former, &formerOutbox{
		outbox: l.outbox,
		event:  l.takeEvent(),
		file:   filepath.Join(old, filepath.Base(l.w.file)),
		until:  time.Now().Add(formerFollowed),
	})
	l.outbox = next
	l.logger.Info("event folder switched, following the outbox of the previous one too", "folder", folder,
		"previous", old, "at_least", formerFollowed.String())
}

// takeFormer removes the former outbox in folder and returns it, or a new outbox if there is none.
func (l *loop) takeFormer(folder string) (next outbox, found bool) {
	for i, f := range l.former {
		if filepath.Dir(f.file) == folder {
			l.former = append(l.former[:i:i], l.former[i+1:]...)
			return f.outbox, true
		}
	}
	return outbox{limit: l.outbox.limit, validLine: l.outbox.validLine, previous: l.outbox.files}, false
}

// realFolder returns the real path of the event file's folder, which the first save after a deployment creates. It
// returns "" if the directory above does not exist, or if the folder is a link to nowhere.
func realFolder(folder string) string {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		return real
	}
	above, err := filepath.EvalSymlinks(filepath.Dir(folder))
	if _, lstatErr := os.Lstat(folder); err != nil || lstatErr == nil {
		return ""
	}
	return filepath.Join(above, filepath.Base(folder))
}

// resolvedFile returns the path of the event file in the folder that the outbox belongs to. The path that is watched
// may lead to another folder at any time, and only switchFolder may find that.
func (l *loop) resolvedFile() string {
	if l.folder == "" {
		return l.w.file
	}
	return filepath.Join(l.folder, filepath.Base(l.w.file))
}

// refreshFormer finds the files of the former outboxes, and drops outboxes that need not be followed any more.
func (l *loop) refreshFormer() {
	kept := l.former[:0]
	for i, f := range l.former {
		newer := len(l.former) - i - 1
		switch {
		case !isDir(filepath.Dir(f.file)):
			l.logger.Info("previous event folder removed", "previous", filepath.Dir(f.file))
		case newer >= maxFormerFolders || newer >= formerFolders && time.Now().After(f.until):
			l.logger.Warn("no longer following the outbox of a previous event folder, later lines are lost", "previous",
				filepath.Dir(f.file))
		default:
			f.refresh(f.file)
			f.event.refresh(f.file)
			kept = append(kept, f)
		}
	}
	clear(l.former[len(kept):])
	l.former = kept
}

// notifyFormer refreshes the former outbox or event file that ev is about. doubled is set if each notification comes
// twice. It returns false if there is none.
func (l *loop) notifyFormer(ev fsnotify.Event, doubled bool) bool {
	for _, f := range l.former {
		switch {
		case ev.Name == f.file:
			f.event.notify(ev.Op, doubled)
			return true
		case f.contains(ev.Name):
			if ev.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
				f.refresh(f.file)
			}
			return true
		}
	}
	return false
}

// readFormer hands over the new lines of the former outboxes, the oldest folder first, and the events of folders
// without an outbox. A damaged line does not hold up the other folders.
func (l *loop) readFormer(ctx context.Context) error {
	for _, f := range l.former {
		if len(f.files) == 0 {
			if err := l.readFormerEvent(ctx, f); err != nil {
				return err
			}
			continue
		}
		var failed error
		lines := 0
		for line, err := range f.lines(f.file, l.w.opts.Debounce) {
			if err != nil {
				failed = err
				break
			}
			if err := l.handOver(ctx, Content{Bytes: line, Outbox: true}); err != nil {
				return err
			}
			lines++
		}
		if lines > 0 {
			f.until = time.Now().Add(formerFollowed)
			l.logger.Info("lines read from a previous event folder", "lines", lines, "previous", filepath.Dir(f.file))
		}
		if errors.Is(failed, errDamagedLine) {
			l.retry.Reset(l.w.opts.Debounce)
			continue
		}
		l.reportFormer(f, failed)
	}
	return nil
}

// reportFormer logs a former outbox that becomes unreadable.
func (l *loop) reportFormer(f *formerOutbox, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != f.failure && err != nil {
		l.logger.Warn("outbox of a previous event folder not readable, its lines may be lost", "error", err)
	}
	f.failure = text
}
