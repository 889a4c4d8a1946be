//go:build linux

package watcher_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// timeout is how long a test waits for a condition. It is generous, because it only matters if the test fails.
const timeout = 2 * time.Minute

// outboxPrefix marks a line of the outbox among the contents in player.handled.
const outboxPrefix = "line of the outbox: "

// player runs the commands of one script, below a new directory.
type player struct {
	t          *testing.T
	root       string
	file       string // the event file
	opts       watcher.Options
	watcher    *watcher.Watcher              // nil before start
	handled    chan string                   // the contents that were handed over
	overwrites atomic.Uint64                 // sum of the estimates
	busy       atomic.Bool                   // a content was handed over since the last call of OnIdle
	before     uint64                        // notifications handled before the previous command
	held       atomic.Pointer[chan struct{}] // set between hold and release, which closes the channel
	release    func()
}

func newPlayer(t *testing.T) *player {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &player{
		t:       t,
		root:    root,
		file:    filepath.Join(root, "wp-content", "realtime-events", "latest_event.json"),
		handled: make(chan string, 100),
	}
	p.opts = watcher.Options{
		Debounce:     timeout, // a busy machine may pause the test between its truncation and its write for a while
		Complete:     schema.Complete,
		ValidLine:    func(line []byte) bool { return bytes.HasSuffix(line, []byte("}\n")) },
		OnOverwrites: func(estimate uint64) { p.overwrites.Add(estimate) },
		OnIdle:       func() { p.busy.Store(false) },
		Logger:       slog.New(slog.DiscardHandler),
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *player) path(name string) string { return filepath.Join(p.root, name) }

// start runs the watcher until the test ends, and returns when it is ready. At the end, it waits for OnIdle.
func (p *player) start() error {
	err := p.startWith(func(_ context.Context, content watcher.Content) error {
		p.busy.Store(true)
		text := string(content.Bytes)
		if content.Outbox {
			text = outboxPrefix + text
		}
		held := p.held.Load() // before the test gets text, so that a later hold blocks the next content
		p.handled <- text
		if held != nil {
			<-*held
		}
		return nil
	})
	p.t.Cleanup(func() {
		if !testwait.Until(func() bool { return !p.busy.Load() }) {
			p.t.Error("OnIdle was not called after the last content")
		}
	})
	return err
}

// startWith is start with another handler.
func (p *player) startWith(handle watcher.Handler) error {
	w, err := watcher.New(p.file, p.opts)
	if err != nil {
		return err
	}
	p.watcher = w
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, handle) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("Run: %v", err)
		}
	})
	<-w.Ready()
	return nil
}

// want waits for the next content and compares it with text.
func (p *player) want(text string) error {
	select {
	case got := <-p.handled:
		if got != text {
			return fmt.Errorf("got %.200q", got)
		}
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("timeout; status %+v", p.watcher.Status())
	}
}

// until waits until the status meets the condition.
func (p *player) until(condition string, met func(watcher.Status) bool) error {
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if met(p.watcher.Status()) {
			return nil
		}
	}
	return fmt.Errorf("timeout waiting for %s; status %+v", condition, p.watcher.Status())
}

// untilRearmed waits until the watch was set up again and the loop has handled its next tick.
func (p *player) untilRearmed() error {
	if err := p.until("a new watch", func(s watcher.Status) bool { return s.Rearmed > 0 }); err != nil {
		return err
	}
	last := p.watcher.Status().Heartbeat
	return p.until("a heartbeat", func(s watcher.Status) bool { return s.Heartbeat.After(last) })
}
