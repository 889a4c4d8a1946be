package watcher

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds the symbolic links on one way, as the kernel does (path_resolution(7)).
const maxLinks = 40

// A route is the directory entries that decide what a path leads to, as far as they can change without any
// directory on the way being renamed: every symbolic link on the way, and the last entry, which is the file or
// the first one that is missing. A change of one of them is announced by a watch on the directory that holds it.
type route struct {
	dirs    []string        // directories to watch, real paths, each once
	entries map[string]bool // real paths of the entries that matter
	parent  string          // the real path of the directory of the last entry
	last    string          // the real path of the last entry
}

// findRoute follows path, which must be absolute and clean, through the file system as it is now.
func findRoute(path string) route {
	r := route{entries: make(map[string]bool)}
	dir := filepath.VolumeName(path) + string(filepath.Separator)
	rest := splitPath(path)
	for links := 0; len(rest) > 0; {
		entry := filepath.Join(dir, rest[0])
		info, err := os.Lstat(entry)
		isLink := err == nil && info.Mode()&os.ModeSymlink != 0 && links < maxLinks
		isLast := err != nil || len(rest) == 1 && !isLink
		if isLink || isLast {
			r.add(dir, entry)
		}
		if isLast {
			r.parent, r.last = dir, entry
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
			r.parent, r.last = dir, entry
			break
		}
		if filepath.IsAbs(target) {
			dir = filepath.VolumeName(target) + string(filepath.Separator)
		}
		rest = append(splitPath(target), rest...)
	}
	return r
}

func (r *route) add(dir, entry string) {
	r.entries[entry] = true
	for _, d := range r.dirs {
		if d == dir {
			return
		}
	}
	r.dirs = append(r.dirs, dir)
}

// equal reports whether two routes lead the same way.
func (r route) equal(o route) bool {
	if len(r.dirs) != len(o.dirs) || len(r.entries) != len(o.entries) || r.parent != o.parent {
		return false
	}
	for entry := range r.entries {
		if !o.entries[entry] {
			return false
		}
	}
	return true
}

// splitPath returns the elements of path, ".." among them: behind a symbolic link it is not to be reduced.
func splitPath(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return strings.FieldsFunc(path, func(c rune) bool { return c == filepath.Separator || c == '/' })
}
