package check

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxSourceSize bounds the size of the PHP files that are read. Plugins have far smaller ones.
	maxSourceSize = 1 << 20

	// maxSources and maxDepth bound the PHP files that are read of one directory, so that neither a large plugin nor a
	// symbolic link to a parent delays the check.
	maxSources = 200
	maxDepth   = 8
)

// sourceSearch searches PHP files. It follows symbolic links, as PHP does.
type sourceSearch struct {
	match  func(source []byte) bool
	count  int   // files that were read
	failed error // why a file was not read, if match may have returned true for it
}

// findSource returns the first PHP file at most depth directories below path for which match returns true; 0 reads only
// files in path itself. path may also be a file. If it returns "" with an error, there may be such a file.
func findSource(path string, depth int, match func(source []byte) bool) (string, error) {
	s := sourceSearch{match: match}
	if found := s.find(path, depth); found != "" {
		return found, nil
	}
	if errors.Is(s.failed, os.ErrNotExist) {
		return "", nil
	}
	return "", s.failed
}

// find searches path and returns the file that matches, or "".
func (s *sourceSearch) find(path string, depth int) string {
	info, err := os.Stat(path)
	if err != nil {
		s.fail(err)
		return ""
	}
	if !info.IsDir() {
		if strings.HasSuffix(path, ".php") && s.matches(path) {
			return path
		}
		return ""
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		s.fail(err)
	}
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		if isDir := entry.IsDir() || entry.Type()&os.ModeSymlink != 0 && isDir(name); isDir && depth == 0 {
			continue
		}
		if found := s.find(name, depth-1); found != "" {
			return found
		}
	}
	return ""
}

// matches reads the PHP file at path.
func (s *sourceSearch) matches(path string) bool {
	if s.count++; s.count > maxSources {
		s.fail(fmt.Errorf("only the first %d PHP files were read", maxSources))
		return false
	}
	source, err := readBounded(path)
	if err != nil {
		s.fail(err)
		return false
	}
	return s.match(source)
}

// fail keeps the first error, but prefers one that is not of a missing file: a broken link hides nothing.
func (s *sourceSearch) fail(err error) {
	if s.failed == nil || errors.Is(s.failed, os.ErrNotExist) {
		s.failed = err
	}
}

// readBounded returns the content of a regular file of at most maxSourceSize.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxSourceSize:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxSourceSize)
	}
	return os.ReadFile(path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// codeContains returns a function for findSource: it reports whether the code of a file contains text, other than in
// a comment.
func (o Options) codeContains(text string) func(source []byte) bool {
	return func(source []byte) bool { return strings.Contains(string(o.PHP.Code(source)), text) }
}

// notLooked returns the finding for files that could not be read.
func notLooked(check string, err error) Finding {
	fix := ""
	if errors.Is(err, os.ErrPermission) {
		fix = "Run check as a user that can read WordPress's files, such as their owner."
	}
	return unknown(check, err.Error(), fix)
}
