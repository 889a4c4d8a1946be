// Package fileop records the file operations of the process that are in progress, and reports one that does not return.
// A file system in user space (FUSE) or on the network (NFS) can hang, and then a system call can neither be cancelled
// nor be given a timeout. The package does no I/O itself. It is a separate package because all packages that read and
// write files use it.
package fileop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// Limit is how long an operation may take before it counts as hanging. A busy disk or network takes less.
	Limit = time.Second

	// reportInterval is the time between two looks at the operations. With Limit it keeps a report within 2 s.
	reportInterval = 250 * time.Millisecond
)

// ErrHangs is the error of an operation that has not returned.
var ErrHangs = errors.New("the file system does not respond")

// Operation is a file operation in progress.
type Operation struct {
	Name  string // for example "read"
	Path  string // of the file or directory
	Begun time.Time
}

// String returns the operation and how long it has been in progress.
func (o Operation) String() string {
	return fmt.Sprintf("%s %s has not returned for %s", o.Name, o.Path, time.Since(o.Begun).Round(time.Second))
}

// operations are the operations in progress.
var operations struct {
	mu         sync.Mutex
	last       Token        // guarded by mu
	inProgress []inProgress // in the order of Begin; guarded by mu
}

// inProgress is an operation in progress.
type inProgress struct {
	Token
	Operation
}

// Token identifies an operation in progress.
type Token uint64

// Begin records that an operation begins. The caller calls End when it has returned.
func Begin(name, path string) Token {
	operation := Operation{name, path, time.Now()}
	operations.mu.Lock()
	defer operations.mu.Unlock()
	operations.last++
	operations.inProgress = append(operations.inProgress, inProgress{operations.last, operation})
	return operations.last
}

// End records that the operation has returned.
func (t Token) End() {
	operations.mu.Lock()
	defer operations.mu.Unlock()
	ended := func(o inProgress) bool { return o.Token == t }
	operations.inProgress = slices.DeleteFunc(operations.inProgress, ended)
}

// Hanging returns the operations that have been in progress for longer than Limit, the oldest first.
func Hanging() (hanging []Operation) {
	operations.mu.Lock()
	defer operations.mu.Unlock()
	for _, operation := range operations.inProgress {
		if time.Since(operation.Begun) > Limit {
			hanging = append(hanging, operation.Operation)
		}
	}
	slices.SortFunc(hanging, func(a, b Operation) int {
		return cmp.Or(a.Begun.Compare(b.Begun), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name))
	})
	return hanging
}

// Do returns the result of an operation, or an error that wraps ErrHangs if it takes longer than limit. It then keeps
// one goroutine until the operation returns.
func Do[T any](name, path string, limit time.Duration, operation func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	var value T
	var failure error
	go func() {
		defer close(done)
		defer Begin(name, path).End()
		value, failure = operation()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return value, failure
	case <-timer.C:
		return result, fmt.Errorf("%s %s: %w for %s", name, path, ErrHangs, limit)
	}
}

// Report logs operations that begin to hang and that return after that, until ctx ends.
func Report(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(reportInterval)
	defer tick.Stop()
	var reported []Operation
	for {
		hanging := Hanging()
		for _, o := range hanging {
			if !slices.Contains(reported, o) {
				logger.Warn("file operation has not returned", "operation", o.Name, "path", o.Path,
					"seconds", time.Since(o.Begun).Seconds())
			}
		}
		for _, o := range reported {
			if !slices.Contains(hanging, o) {
				logger.Info("file operation returned", "operation", o.Name, "path", o.Path,
					"seconds", time.Since(o.Begun).Seconds())
			}
		}
		reported = hanging
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
