package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxSourceSize bounds the size of the PHP files that are read. Plugins have far smaller ones.
	maxSourceSize = 1 << 20

	// maxSources bounds the PHP files that are read of one directory, so that a large plugin does not delay the
	// check.
	maxSources = 200
)

// anySource reports whether match returns true for one of the PHP files below dir.
func anySource(dir string, match func(source []byte) bool) bool {
	found, count := false, 0
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".php") {
			return nil
		}
		if count++; count > maxSources {
			return fs.SkipAll
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxSourceSize || !info.Mode().IsRegular() {
			return nil
		}
		if source, err := os.ReadFile(path); err == nil && match(source) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
