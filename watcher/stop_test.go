//go:build linux

package watcher_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"wpre-relay/watcher"
)

const (
	stopLines = 150 // lines that are relayed in TestStopLosesNoLine
	maxAhead  = 4   // lines that may wait
)

// stopRelay relays lines like a relay: it remembers a line before it hands the line over, skips lines that it
// remembers, and refuses a line at random after its stop has begun. A new process remembers the relayed lines only.
type stopRelay struct {
	relayed  []int         // by all processes
	progress chan struct{} // gets an element for each line up to the newest relayed one
}

// newest returns the newest relayed line, or 0.
func (r *stopRelay) newest() int {
	if len(r.relayed) == 0 {
		return 0
	}
	return r.relayed[len(r.relayed)-1]
}

// run is one process, which stops at a random line. It reports calls of the handler after Run has returned.
func (r *stopRelay) run(t *testing.T, file string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := watcher.New(file, watcher.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	newest := r.newest()
	var returned atomic.Bool
	err = w.Run(ctx, func(ctx context.Context, content watcher.Content) error {
		if returned.Load() {
			t.Error("the handler was called after the stop")
		}
		line, err := strconv.Atoi(strings.TrimSpace(string(content.Bytes)))
		if err != nil || !content.Outbox || line <= newest {
			return err
		}
		newest = line
		if rand.IntN(10) == 0 || line == stopLines {
			cancel()
		}
		if ctx.Err() != nil && rand.IntN(2) == 0 {
			return ctx.Err()
		}
		for range line - r.newest() {
			r.progress <- struct{}{}
		}
		r.relayed = append(r.relayed, line)
		return nil
	})
	returned.Store(true)
	if err != nil {
		t.Fatal(err)
	}
}

// TestStopLosesNoLine stops and starts a watcher while lines are appended to the outbox. This process relays the line
// at the moment of the stop, or the next process does.
func TestStopLosesNoLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outbox, err := os.Create(filepath.Join(dir, "events-key.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer outbox.Close()
	r := stopRelay{progress: make(chan struct{}, stopLines)}
	written := make(chan error, 1)
	go func() {
		for line := 1; line <= stopLines; line++ {
			if line > maxAhead {
				<-r.progress
			}
			if _, err := fmt.Fprintln(outbox, line); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for r.newest() < stopLines {
		r.run(t, filepath.Join(dir, "latest_event.json"))
	}
	var want []int
	for line := 1; line <= stopLines; line++ {
		want = append(want, line)
	}
	if err := <-written; err != nil || !slices.Equal(r.relayed, want) {
		t.Errorf("relayed %v (%v), want 1 to %d", r.relayed, err, stopLines)
	}
}
