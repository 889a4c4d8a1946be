package watcher

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks limits the symbolic links on one path, to the kernel's limit (path_resolution(7)).
const maxLinks = 40

// watchPath is the directory entries that decide which file a path leads to: every symbolic link on the path, and the
// last entry, which is the file or the first entry that is missing. A watch on the directory of an entry announces its
// changes. A renamed directory on the path is not among them; watch.stale finds it.
type watchPath struct {
	dirs    []string        // directories to watch: real paths, each once
	entries map[string]bool // real paths of the entries
	parent  string          // real path of the last entry's directory
	last    string          // real path of the last entry
}

// resolveWatchPath follows path, which must be absolute and clean, through the current file system.
func resolveWatchPath(path string) watchPath {
	p := watchPath{entries: make(map[string]bool)}
	dir := filepath.VolumeName(path) + string(filepath.Separator)
	rest := splitPath(path)
	for links := 0; len(rest) > 0; {
		entry := filepath.Join(dir, rest[0])
		info, err := os.Lstat(entry)
		isLink := err == nil && info.Mode()&os.ModeSymlink != 0 && links < maxLinks
		isLast := err != nil || len(rest) == 1 && !isLink
		if isLink || isLast {
			p.add(dir, entry)
		}
		if isLast {
			p.parent, p.last = dir, entry
			break
		}
		rest = rest[1:]
		if !isLink {
			dir = entry
			continue
		}
		links++
		target, err := os.Readlink(entry)
		if err != nil {
			p.parent, p.last = dir, entry
			break
		}
		if filepath.IsAbs(target) {
			dir = filepath.VolumeName(target) + string(filepath.Separator)
		}
		rest = append(splitPath(target), rest...)
	}
	return p
}

func (p *watchPath) add(dir, entry string) {
	p.entries[entry] = true
	for _, d := range p.dirs {
		if d == dir {
			return
		}
	}
	p.dirs = append(p.dirs, dir)
}

// equal reports whether both paths have the same directories and entries.
func (p watchPath) equal(o watchPath) bool {
	if len(p.dirs) != len(o.dirs) || len(p.entries) != len(o.entries) || p.parent != o.parent {
		return false
	}
	for entry := range p.entries {
		if !o.entries[entry] {
			return false
		}
	}
	return true
}

// splitPath returns the elements of path. It keeps "..", which after a symbolic link does not undo the element before.
func splitPath(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return strings.FieldsFunc(path, func(c rune) bool { return c == filepath.Separator || c == '/' })
}
