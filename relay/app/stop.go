package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"wpre-relay/relay/fileop"
)

// Bounds of a stop. Together with --drain they keep it within --drain and 5 s, even if a file system hangs. The rest is
// for the last lines of the log.
const (
	// stopLimit bounds the wait for one component. A component that writes the journal has no limit.
	stopLimit = time.Second

	// drainGrace bounds the close of all clients beyond --drain, and the save of their sessions.
	drainGrace = 2500 * time.Millisecond

	// stopGrace bounds a stop beyond --drain.
	stopGrace = 4 * time.Second

	// startLimit bounds a start during which a file operation hangs.
	startLimit = time.Minute
)

// group starts and stops components. The zero value is not ready to use: it needs a logger.
type group struct {
	logger *slog.Logger

	mu       sync.Mutex
	stopping []string // names of the components that are waited for; guarded by mu
}

// start runs functions concurrently. stop cancels their context and waits until they return; it may be called again.
// With a limit, stop returns after that time although the functions still run. Only components that the process can
// abandon have one.
func (g *group) start(name string, limit time.Duration, functions ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, function := range functions {
		running.Go(func() { function(ctx) })
	}
	return func() {
		cancel()
		g.wait(name, limit, running.Wait)
	}
}

// wait calls function, which waits for the end of a component. It returns after limit at the latest, unless that is 0.
func (g *group) wait(name string, limit time.Duration, function func()) {
	g.mu.Lock()
	g.stopping = append(g.stopping, name)
	g.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		function()
	}()
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-ended:
		g.mu.Lock()
		defer g.mu.Unlock()
		i := slices.Index(g.stopping, name)
		g.stopping = slices.Delete(g.stopping, i, i+1)
	case <-expired:
		g.logger.Error("component does not stop, continuing without it", "component", name, "limit", limit)
	}
}

// unfinished returns the components that have not stopped, and the file operations that hang.
func (g *group) unfinished() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	reasons := slices.Clone(g.stopping)
	for _, operation := range fileop.Hanging() {
		reasons = append(reasons, operation.String())
	}
	return strings.Join(reasons, "; ")
}

// errStopTimeout is the error of a relay that does not stop.
var errStopTimeout = errors.New("the relay did not stop in time; newest events may be missing from the journal")

// bounded returns the result of run, which ends some time after ctx. It gives up stopGrace after that and after drain,
// or after startLimit if file operations hang until then and opened is not closed.
func (g *group) bounded(ctx context.Context, drain time.Duration, opened <-chan struct{}, run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	start := time.NewTimer(startLimit)
	defer start.Stop()
	for waiting := true; waiting; {
		select {
		case err := <-ended:
			return err
		case <-opened:
			opened = nil
		case <-start.C:
			if hanging := fileop.Hanging(); opened != nil && len(hanging) > 0 {
				return fmt.Errorf("start: %s: %w", hanging[0], fileop.ErrHangs)
			}
		case <-ctx.Done():
			waiting = false
		}
	}
	if opened != nil {
		drain = 0 // there are no clients
	}
	limit := time.NewTimer(drain + stopGrace)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		return fmt.Errorf("%w: %s", errStopTimeout, g.unfinished())
	}
}
