package admin

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

const (
	// failureLogInterval is the minimum time between two log messages about the same call on the same file.
	failureLogInterval = time.Minute

	// maxLoggedFailures bounds the pairs of a call and a file whose last log message is remembered. The relay has about
	// ten files. If there are more pairs, such as with many ACME domains, messages may come more often.
	maxLoggedFailures = 256
)

// FileFailures counts and logs the calls on state files that have failed. Its methods may be called concurrently.
type FileFailures struct {
	logger *slog.Logger

	mu     sync.Mutex
	counts map[string]uint64    // by call; guarded by mu
	total  uint64               // guarded by mu
	last   string               // guarded by mu
	lastAt time.Time            // guarded by mu
	logged map[string]time.Time // by call and file; guarded by mu
}

// NewFileFailures returns a count of failures, which logs the first failure of each call on each file, and then one per
// minute.
func NewFileFailures(logger *slog.Logger) *FileFailures {
	return &FileFailures{logger: logger, counts: make(map[string]uint64), logged: make(map[string]time.Time)}
}

// Add adds a failed call on a file; see durable.Observe.
func (f *FileFailures) Add(call, path string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[call]++
	f.total++
	f.last, f.lastAt = fmt.Sprintf("%s %s: %v", call, filepath.Base(path), err), time.Now()
	key := call + " " + path
	if at, ok := f.logged[key]; ok && time.Since(at) < failureLogInterval {
		return
	}
	if len(f.logged) >= maxLoggedFailures {
		clear(f.logged)
	}
	f.logged[key] = f.lastAt
	f.logger.Warn("file operation failed", "operation", call, "path", path, "error", err)
}

// fileReport is the state of FileFailures.
type fileReport struct {
	counts map[string]uint64 // by call
	total  uint64
	last   string
	lastAt time.Time
}

// report returns the current state. A nil FileFailures has no failures.
func (f *FileFailures) report() (r fileReport) {
	r.counts = make(map[string]uint64)
	if f == nil {
		return r
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for call, n := range f.counts {
		r.counts[call] = n
	}
	r.total, r.last, r.lastAt = f.total, f.last, f.lastAt
	return r
}
