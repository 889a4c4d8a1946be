// Package livefile keeps what some files mean up to date: certificates and keys are renewed while the relay runs.
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

// lookAgainAfter is how old at least what is known of the files is before they are looked at again.
const lookAgainAfter = time.Second

// Value is what files mean, as of a second ago at most. Use Open.
type Value[T any] struct {
	paths  []string
	parse  func(contents [][]byte) (T, error)
	logger *slog.Logger

	mu     sync.Mutex
	value  T         // of the last time when they could be read; guarded by mu
	stamps []stamp   // when they were read last, with success or without; guarded by mu
	looked time.Time // guarded by mu
}

// stamp tells one content of a file from the next without reading it.
type stamp struct {
	size    int64
	changed time.Time
	mode    fs.FileMode
}

// Open returns what parse makes of the contents of the files, in their order.
func Open[T any](logger *slog.Logger, parse func(contents [][]byte) (T, error), paths ...string) (*Value[T], error) {
	v := &Value[T]{paths: paths, parse: parse, logger: logger}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked, v.stamps = time.Now(), v.stampAll()
	return v, v.read()
}

// Get returns what the files mean. If they have changed they are read again; if that fails, as with a certificate whose
// key is not there yet, the last value stays until they change again, and the log says why.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.looked) >= lookAgainAfter {
		v.refresh(false)
	}
	return v.value
}

// Reload reads the files again, changed or not.
func (v *Value[T]) Reload() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refresh(true)
}

// refresh reads the files if they have changed, or in any case; v.mu is held.
func (v *Value[T]) refresh(anyway bool) {
	v.looked = time.Now()
	stamps := v.stampAll()
	if slices.Equal(stamps, v.stamps) && !anyway {
		return
	}
	v.stamps = stamps // before they are read: a change meanwhile is found the next time
	if err := v.read(); err != nil {
		v.logger.Error("files cannot be used as they are now; what they said before stays", "error", err)
		return
	}
	v.logger.Info("files read again", "files", strings.Join(v.paths, " "))
}

// read reads the files; v.mu is held.
func (v *Value[T]) read() error {
	contents := make([][]byte, len(v.paths))
	for i, path := range v.paths {
		var err error
		if contents[i], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	value, err := v.parse(contents)
	var in *Error
	switch {
	case errors.As(err, &in):
		return fmt.Errorf("%s: %w", v.paths[in.File], in.Err)
	case err != nil:
		return fmt.Errorf("%s: %w", strings.Join(v.paths, " and "), err)
	}
	v.value = value
	return nil
}

// stampAll returns the stamps of all files; that of one that is not there is the zero one.
func (v *Value[T]) stampAll() []stamp {
	stamps := make([]stamp, len(v.paths))
	for i, path := range v.paths {
		if info, err := os.Stat(path); err == nil { // through links: Kubernetes and certbot turn those
			stamps[i] = stamp{info.Size(), info.ModTime(), info.Mode()}
		}
	}
	return stamps
}

// Error is an error in one of the files, for parse to return.
type Error struct {
	File int // its index
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *Error) Unwrap() error { return e.Err }
