//go:build linux

package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"wpre-relay/watcher"
)

// blockedPlayer runs a watcher whose handler sends each content to entered and then waits for resume.
type blockedPlayer struct {
	*player
	entered chan string
	resume  chan struct{}
}

func newBlockedPlayer(t *testing.T) *blockedPlayer {
	p := &blockedPlayer{player: newPlayer(t), entered: make(chan string), resume: make(chan struct{})}
	err := p.startWith(func(_ context.Context, content watcher.Content) error {
		p.entered <- string(content.Bytes)
		<-p.resume
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write writes the events with these numbers as the plugin does.
func (p *blockedPlayer) write(from, to int) {
	p.t.Helper()
	for n := from; n <= to; n++ {
		if err := writeAsPlugin(p.file, fmt.Sprintf(`{"timestamp":%d}`, n)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// expect waits for the content of event n, and lets the handler return.
func (p *blockedPlayer) expect(n int) {
	p.t.Helper()
	if got, want := <-p.entered, fmt.Sprintf(`{"timestamp":%d}`, n); got != want {
		p.t.Errorf("got %s, want %s", got, want)
	}
	p.resume <- struct{}{}
}

func TestWritesDuringABlockedHandlerCountAsOverwritten(t *testing.T) {
	p := newBlockedPlayer(t)
	p.write(0, 0)
	got := <-p.entered
	p.write(1, 50)
	p.resume <- struct{}{}
	if got != `{"timestamp":0}` {
		t.Errorf("got %s first", got)
	}
	p.expect(50)
	if err := p.until("an estimate of 49", func(watcher.Status) bool { return p.overwrites.Load() == 49 }); err != nil {
		t.Error(err)
	}
}

func TestHandlerErrorEndsRun(t *testing.T) {
	p := newPlayer(t)
	if err := writeAsPlugin(p.file, `{"timestamp":0}`); err != nil {
		t.Fatal(err)
	}
	w, err := watcher.New(p.file, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cause")
	err = w.Run(t.Context(), func(context.Context, watcher.Content) error { return cause })
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), p.file) {
		t.Errorf("got %v, want the cause and the file", err)
	}
}

func TestLargeFileIsReadUpToTheLimit(t *testing.T) {
	p := newPlayer(t)
	p.opts.MaxSize = 10000
	p.opts.Complete = nil
	if err := write(p.file, 0, strings.Repeat("x", 20000)); err != nil {
		t.Fatal(err)
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if got := len(<-p.handled); got != 10001 {
		t.Errorf("got %d bytes, want one more than the limit of 10000", got)
	}
}
