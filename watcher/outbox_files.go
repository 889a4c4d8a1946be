package watcher

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxRefreshes limits how often the outbox's files are listed again because one was renamed or replaced meanwhile.
const maxRefreshes = 10

// isOutboxName reports whether name is an outbox file's name: events-KEY.ndjson, or events-KEY.1.ndjson for the file
// before the last rotation. KEY is the companion's secret.
func isOutboxName(name string) bool {
	return strings.HasPrefix(name, "events") && strings.HasSuffix(name, ".ndjson")
}

// outbox reads the files to which the companion in WordPress appends each event, as a line, before the plugin writes
// the event file. It returns every whole line in the order written. If a file was truncated, or replaced by one with
// another content at the read offset, the outbox returns all lines of it. Each line has a position, so that the
// caller can tell which of them it has had.
type outbox struct {
	dir       string // real path of the directory of the files; "" while it does not exist
	limit     int    // maximum size of a line in bytes; a longer one is returned in pieces
	validLine func(line []byte) bool
	files     []*outboxFile // in the order in which they were written
	previous  []*outboxFile // the files before the last refresh: during a rename, a listing can miss a file
	listErr   error         // why files may be missing
	listed    fileVersion   // version of the directory when it was listed
	listedAt  time.Time
	buf       []byte
}

// contains reports whether path is, or would be, a file of the outbox.
func (o *outbox) contains(path string) bool {
	return isOutboxName(filepath.Base(path)) && o.dir != "" && filepath.Dir(path) == o.dir
}

// foundFile is a file of the outbox in a listing.
type foundFile struct {
	path    string
	version fileVersion
}

// refresh finds the outbox's files beside the event file. A file that was renamed keeps its read offset.
//
// One listing can have the file that a rotation has created, under the name of the file that it has renamed, and lack
// the latter. Its lines would then be read too late. The rename came first, so another listing has both.
func (o *outbox) refresh(eventFile string) {
	before := slices.Concat(o.files, o.previous)
	o.previous = o.files
	found := o.list(filepath.Dir(eventFile))
	for range maxRefreshes {
		again := o.list(filepath.Dir(eventFile))
		same := slices.EqualFunc(found, again, func(a, b foundFile) bool {
			return a.path == b.path && a.version.dev == b.version.dev && a.version.ino == b.version.ino
		})
		if found = again; same {
			break
		}
	}
	o.files = nil
	for _, f := range found {
		o.files = append(o.files, newOutboxFile(f.path, f.version, before))
	}
	o.sort()
}

// sort sorts the files by the order in which they were written. events-KEY.1.ndjson comes before events-KEY.ndjson,
// whatever their times are: a clock can be set back, and a backup restored. Files with an earlier key come first.
func (o *outbox) sort() {
	key := func(f *outboxFile) string { return strings.TrimSuffix(strings.TrimSuffix(f.path, ".ndjson"), ".1") }
	newest := make(map[string]int64)
	for _, f := range o.files {
		newest[key(f)] = max(newest[key(f)], f.found.modified)
	}
	slices.SortFunc(o.files, func(a, b *outboxFile) int {
		return cmp.Or(cmp.Compare(newest[key(a)], newest[key(b)]), strings.Compare(a.path, b.path))
	})
}

// list lists the files of folder, in the order of their names.
func (o *outbox) list(folder string) (found []foundFile) {
	o.dir, o.listErr = "", nil
	o.listedAt = time.Now()
	o.listed, _ = versionOf(folder)
	dir, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil // the first event creates it
	}
	entries, err := os.ReadDir(dir)
	o.dir, o.listErr = dir, err
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if !isOutboxName(entry.Name()) {
			continue
		}
		if v, err := versionOf(path); err == nil { // else it was renamed or deleted
			found = append(found, foundFile{path, v})
		}
	}
	return found
}

// outdated reports whether the directory may hold files that refresh has not seen. A change of the directory within
// clockTick before the listing has the same time as one right after it, so such a listing counts as outdated.
func (o *outbox) outdated(eventFile string) bool {
	now, err := versionOf(filepath.Dir(eventFile))
	return err != nil || now != o.listed || o.listedAt.Sub(time.Unix(0, now.modified)) < clockTick
}
