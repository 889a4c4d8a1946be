// Package watchedfile keeps a value that is parsed from files up to date, because certificates and keys are renewed
// while the relay runs. It reads the files at most once a second, when the value is used, and compares their contents;
// it starts no goroutine and needs no notifications. It does not rely on metadata: files in the Nix store all have the
// same modification time, restored backups keep theirs, and inode numbers are reused. It is a separate package because
// the listener and the token verifier use it.
package watchedfile

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// checkInterval is the minimum time between two checks of the files.
const checkInterval = time.Second

// Value is a value that was parsed from files. It is at most a second old. Use Open.
type Value[T any] struct {
	paths  []string
	parse  func(contents [][]byte) (T, error)
	logger *slog.Logger

	mu      sync.Mutex
	value   T         // of the last read that succeeded; guarded by mu
	files   []file    // as of the last read, whether it succeeded or not; guarded by mu
	checked time.Time // when the files were last read; guarded by mu
}

// Open reads the files and returns the value that parse returns for their contents, which are in the order of
// paths. It fails if the files cannot be read or parsed.
func Open[T any](
	logger *slog.Logger, parse func(contents [][]byte) (T, error), paths ...string,
) (*Value[T], error) {
	v := &Value[T]{paths: paths, parse: parse, logger: logger}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked, v.files = time.Now(), v.read()
	return v, v.update()
}

// Get returns the value. If the files have changed, it reads them again. If that fails, for example because a renewed
// certificate's key is missing, it logs the error and keeps the previous value until the files change again.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.checked) >= checkInterval {
		v.refresh(false)
	}
	return v.value
}

// Reload reads the files even if they have not changed.
func (v *Value[T]) Reload() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refresh(true)
}

// refresh reads the files, and parses them if they have changed or force is set. The caller holds v.mu.
func (v *Value[T]) refresh(force bool) {
	v.checked = time.Now()
	files := v.read()
	if slices.EqualFunc(files, v.files, file.equal) && !force {
		return
	}
	v.files = files
	if err := v.update(); err != nil {
		v.logger.Error("reload failed, keeping the previous value", "error", err)
		return
	}
	v.logger.Info("files reloaded", "files", strings.Join(v.paths, " "))
}

// read reads the files. The caller holds v.mu.
func (v *Value[T]) read() []file {
	files := make([]file, len(v.paths))
	for i, path := range v.paths {
		if v.files != nil && isPipe(path) {
			files[i] = v.files[i]
			continue
		}
		files[i].content, files[i].err = os.ReadFile(path)
	}
	return files
}

// update parses the files and sets the value. The caller holds v.mu.
func (v *Value[T]) update() error {
	contents := make([][]byte, len(v.files))
	for i, f := range v.files {
		if f.err != nil {
			return f.err
		}
		contents[i] = f.content
	}
	value, err := v.parse(contents)
	var inFile *Error
	switch {
	case errors.As(err, &inFile):
		return fmt.Errorf("%s: %w", v.paths[inFile.File], inFile.Err)
	case err != nil:
		return fmt.Errorf("%s: %w", strings.Join(v.paths, " and "), err)
	}
	v.value = value
	return nil
}

// Error is an error in one of the files. The parse function of Open may return it.
type Error struct {
	File int // index of the file in paths
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
