// Package watchedfile keeps a value that is parsed from files up to date, because certificates and keys are renewed
// while the relay runs. It reads the files at most once a second, when the value is used, and compares their contents;
// it needs no notifications. It does not rely on metadata: files in the Nix store all have the same modification time,
// restored backups keep theirs, and inode numbers are reused. If their file system hangs, the previous value stays. It
// is a separate package because the listener and the token verifier use it.
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

	"wpre-relay/relay/fileop"
)

const (
	// checkInterval is the minimum time between two checks of the files.
	checkInterval = time.Second

	// readLimit is how long Get and Reload wait for the files. Meanwhile and after that, other calls of Get return the
	// previous value at once.
	readLimit = time.Second

	// openLimit is how long Open waits for the files.
	openLimit = time.Minute
)

// Value is a value that was parsed from files. It is at most a second old, unless their file system hangs. Use Open.
type Value[T any] struct {
	paths  []string
	parse  func(contents [][]byte) (T, error)
	logger *slog.Logger

	mu      sync.Mutex
	value   T             // of the last read that succeeded; guarded by mu
	files   []file        // as of the last read, whether it succeeded or not; guarded by mu
	checked time.Time     // when the files were last read; guarded by mu
	reading chan struct{} // closed when the read in progress has ended; nil if there is none; guarded by mu
}

// Open reads the files and returns the value that parse returns for their contents, which are in the order of
// paths. It fails if the files cannot be read or parsed, or if their file system hangs for a minute.
func Open[T any](
	logger *slog.Logger, parse func(contents [][]byte) (T, error), paths ...string,
) (*Value[T], error) {
	v := &Value[T]{paths: paths, parse: parse, logger: logger}
	files, err := fileop.Do("read", strings.Join(paths, " "), openLimit, func() ([]file, error) {
		return v.read(nil), nil
	})
	if err != nil {
		return v, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked, v.files = time.Now(), files
	return v, v.update()
}

// Get returns the value. If the files have changed, it reads them again. If that fails, for example because a renewed
// certificate's key is missing, it logs the error and keeps the previous value until the files change again.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	if v.reading == nil && time.Since(v.checked) >= checkInterval {
		v.startRead(false)
		reading := v.reading
		v.mu.Unlock()
		wait(reading, readLimit)
		v.mu.Lock()
	}
	defer v.mu.Unlock()
	return v.value
}

// Reload reads the files even if they have not changed.
func (v *Value[T]) Reload() {
	end := time.Now().Add(readLimit)
	for started := false; !started && time.Now().Before(end); {
		v.mu.Lock()
		if v.reading == nil { // a read in progress may have begun before the files changed
			v.startRead(true)
			started = true
		}
		reading := v.reading
		v.mu.Unlock()
		wait(reading, time.Until(end))
	}
}

// wait waits until done is closed, but no longer than limit.
func wait(done <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// startRead starts to read the files. The caller holds v.mu.
func (v *Value[T]) startRead(force bool) {
	v.reading = make(chan struct{})
	go v.readAgain(v.files, force)
}

// readAgain reads the files, which had been known before.
func (v *Value[T]) readAgain(known []file, force bool) {
	operation := fileop.Begin("read", strings.Join(v.paths, " "))
	files := v.read(known)
	operation.End()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked = time.Now()
	v.replace(files, force)
	close(v.reading)
	v.reading = nil
}

// replace parses files if they differ from the known ones or force is set. The caller holds v.mu.
func (v *Value[T]) replace(files []file, force bool) {
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

// read reads the files. It reads no pipe again, if files are known.
func (v *Value[T]) read(known []file) []file {
	files := make([]file, len(v.paths))
	for i, path := range v.paths {
		if known != nil && isPipe(path) {
			files[i] = known[i]
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
