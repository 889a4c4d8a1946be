package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"wpre-relay/relay/fileop"
)

const (
	// FileLimit is how long a check waits for a file. A busy disk or network takes less.
	FileLimit = 5 * time.Second

	// runLimit bounds all checks together, beyond Options.Idle. It is above the limits of their requests.
	runLimit = 40 * time.Second
)

// hangingPaths returns the paths that have a file system that hangs, in their order.
func hangingPaths(paths []string) (hanging []string) {
	hangs := make([]bool, len(paths))
	var waiting sync.WaitGroup
	for i, path := range paths {
		waiting.Go(func() {
			_, err := fileop.Do("stat", path, FileLimit, func() (os.FileInfo, error) { return os.Stat(path) })
			hangs[i] = errors.Is(err, fileop.ErrHangs)
		})
	}
	waiting.Wait()
	for i, path := range paths {
		if hangs[i] {
			hanging = append(hanging, path)
		}
	}
	return hanging
}

// fileSystemHangs returns the finding for a path with a file system that hangs.
func fileSystemHangs(path string) Finding {
	return fail("file system", fmt.Sprintf("%s hangs: an operation on it has not returned for %s. The relay cannot read "+
		"or write there; other checks of files are not made", path, FileLimit),
		"Start the server of the network file system (NFS, SMB), or the process that serves it (FUSE). The relay "+
			"continues by itself. If it is not needed any more: umount -l, and restart the relay.")
}

// runAll runs checks concurrently and returns their findings in order. It leaves behind checks that have not returned
// within limit, and reports with hangs that there are some.
func runAll(ctx context.Context, opts Options, limit time.Duration, checks []func(context.Context, Options) []Finding) (
	all []Finding, hangs bool,
) {
	results := make([]chan []Finding, len(checks))
	for i, check := range checks {
		results[i] = make(chan []Finding, 1)
		go func() { results[i] <- check(ctx, opts) }()
	}
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for _, result := range results {
		select {
		case findings := <-result:
			all = append(all, findings...)
			continue
		case <-timeout.Done():
		}
		select {
		case findings := <-result:
			all = append(all, findings...)
		default:
			hangs = true
		}
	}
	return all, hangs
}
