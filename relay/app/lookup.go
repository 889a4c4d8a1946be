package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"wpre-relay/relay/fileop"
)

// lookUpLimit is how long the start waits for the lookup of the event file.
const lookUpLimit = 2 * time.Second

// errAnotherFile means that the lookup of the event file hung and then found another file than was assumed.
var errAnotherFile = errors.New("the event file was looked up while its file system did not respond")

// located is the result of a lookup of the event file.
type located struct {
	watch, file, doubt string
	err                error
}

// lookUp returns the event file for a path that an operator gives. If the lookup hangs, the names in the path decide:
// so the relay can serve the history that belongs to that file. The lookup then continues, see checkLookup.
func (c *components) lookUp(watch string) (located, error) {
	result := make(chan located, 1)
	go func() {
		defer fileop.Begin("look up", watch).End()
		found := located{watch: watch}
		found.file, found.doubt, found.err = c.opts.Locate(watch)
		result <- found
	}()
	limit := time.NewTimer(lookUpLimit)
	defer limit.Stop()
	select {
	case found := <-result:
		return found, found.err
	case <-limit.C:
		c.locating = result
		c.assumed = c.opts.LocateByName(watch)
		return located{watch: watch, file: c.assumed, doubt: fileop.ErrHangs.Error()}, nil
	}
}

// checkLookup waits for a lookup that hangs. It returns an error that wraps errAnotherFile if the result is not the
// file that was assumed. It returns nil when ctx ends.
func (c *components) checkLookup(ctx context.Context) error {
	select {
	case found := <-c.locating: // never, if no lookup hangs
		if found.err != nil || found.file == c.assumed {
			return found.err
		}
		return fmt.Errorf("%w: it is %s", errAnotherFile, found.file)
	case <-ctx.Done():
		return nil
	}
}

// stateHangs returns an error if an operation on the state directory hangs, so that no event can be delivered.
func (c *components) stateHangs() error {
	for _, operation := range fileop.Hanging() {
		if strings.HasPrefix(operation.Path, c.stateDir) {
			return fmt.Errorf("the state directory's file system hangs: %s", operation)
		}
	}
	return nil
}
