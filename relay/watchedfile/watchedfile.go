// Package watchedfile keeps a value that is parsed from files up to date, because certificates and keys are renewed
// while the relay runs. It compares the files' metadata at most once a second, when the value is used; it starts no
// goroutine and needs no notifications. It is a separate package because the listener and the token verifier use
// it.
package watchedfile

import (
	"errors"
	"fmt"
	"io/fs"
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
	value   T         // of the last successful read; guarded by mu
	stamps  []stamp   // of the files at the last read, whether it succeeded or not; guarded by mu
	checked time.Time // when stamps was last compared with the files; guarded by mu
}

// stamp is the metadata that changes with a file's content.
type stamp struct {
	size    int64
	changed time.Time
	mode    fs.FileMode
}

// Open reads the files and returns the value that parse returns for their contents, which are in the order of
// paths. It fails if the files cannot be read or parsed.
func Open[T any](
	logger *slog.Logger, parse func(contents [][]byte) (T, error), paths ...string,
) (*Value[T], error) {
	v := &Value[T]{paths: paths, parse: parse, logger: logger}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked, v.stamps = time.Now(), v.stampAll()
	return v, v.read()
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

// refresh reads the files if they have changed or force is set. The caller holds v.mu.
func (v *Value[T]) refresh(force bool) {
	v.checked = time.Now()
	stamps := v.stampAll()
	if slices.Equal(stamps, v.stamps) && !force {
		return
	}
	v.stamps = stamps // taken before the read, so that the next check detects a change during the read
	if err := v.read(); err != nil {
		v.logger.Error("reload failed, keeping the previous value", "error", err)
		return
	}
	v.logger.Info("files reloaded", "files", strings.Join(v.paths, " "))
}

// read reads and parses the files. The caller holds v.mu.
func (v *Value[T]) read() error {
	contents := make([][]byte, len(v.paths))
	for i, path := range v.paths {
		var err error
		if contents[i], err = os.ReadFile(path); err != nil {
			return err
		}
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

// stampAll returns the stamps of all files. A missing file has the zero stamp. It follows symbolic links, because
// Kubernetes and certbot renew a file by changing a link.
func (v *Value[T]) stampAll() []stamp {
	stamps := make([]stamp, len(v.paths))
	for i, path := range v.paths {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime(), info.Mode()}
		}
	}
	return stamps
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
