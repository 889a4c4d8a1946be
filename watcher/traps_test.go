//go:build linux

package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/schema"
	"wpre-relay/watcher"
)

func TestNoInotifyInstanceLeftMeansPolling(t *testing.T) {
	p := newPlayer(t)
	var taken []int
	release := func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		taken = nil
	}
	defer release()
	for {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, fd)
	}
	lines := make(chan string, 100)
	p.opts.Logger = slog.New(slog.NewTextHandler(lineWriter(lines), nil))
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	status := p.watcher.Status()
	if status.Mode != watcher.Polling || !strings.Contains(status.Reason, "fs.inotify.max_user_instances") {
		t.Errorf("status %+v, want polling for want of instances", status)
	}
	if line := <-lines; !strings.Contains(line, "mode=polling") || !strings.Contains(line, "max_user_instances") {
		t.Errorf("the log does not say so but %s", line)
	}
	for i := range 3 {
		text := fmt.Sprintf(`{"timestamp":%d}`, i)
		if err := errors.Join(writeAsPlugin(p.file, text), p.want(text)); err != nil {
			t.Fatal(err)
		}
	}
	release()
	if err := p.do("mode", "inotify"); err != nil {
		t.Errorf("with instances to be had again: %v", err)
	}
	if err := errors.Join(writeAsPlugin(p.file, `{"timestamp":9}`), p.want(`{"timestamp":9}`)); err != nil {
		t.Error(err)
	}
}

// lineWriter takes a line of the log with each Write.
type lineWriter chan<- string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// held is a watcher whose handle waits: it tells each content on entered, and goes on when told to.
type held struct {
	*player
	entered chan string
	resume  chan struct{}
}

func newHeld(t *testing.T) *held {
	h := &held{player: newPlayer(t), entered: make(chan string), resume: make(chan struct{})}
	w, err := watcher.New(h.file, h.opts)
	if err != nil {
		t.Fatal(err)
	}
	h.watcher = w
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(_ context.Context, content watcher.Content) error {
			h.entered <- string(content.Bytes)
			<-h.resume
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-w.Ready()
	return h
}

// write writes events from and to as the plugin does.
func (h *held) write(from, to int) {
	h.t.Helper()
	for n := from; n <= to; n++ {
		if err := writeAsPlugin(h.file, fmt.Sprintf(`{"timestamp":%d}`, n)); err != nil {
			h.t.Fatal(err)
		}
	}
}

// expect waits for the content of event n, and lets handle return.
func (h *held) expect(n int) {
	h.t.Helper()
	if got, want := <-h.entered, fmt.Sprintf(`{"timestamp":%d}`, n); got != want {
		h.t.Errorf("got %s, want %s", got, want)
	}
	h.resume <- struct{}{}
}

// TestOverwrittenWritesAreCounted writes more, while handle is held up, than can be seen.
func TestOverwrittenWritesAreCounted(t *testing.T) {
	h := newHeld(t)
	h.write(0, 0)
	got := <-h.entered
	h.write(1, 50)
	h.resume <- struct{}{}
	if got != `{"timestamp":0}` {
		t.Errorf("got %s first", got)
	}
	h.expect(50)
	if err := h.until("count of 49", func(watcher.Status) bool { return h.overwrites.Load() == 49 }); err != nil {
		t.Error(err)
	}
}

// TestAnOverflowIsCountedAndTheLastContentRead makes more notifications, while handle is held up, than the kernel
// keeps.
func TestAnOverflowIsCountedAndTheLastContentRead(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || limit > 100_000 {
		t.Skipf("the kernel keeps %s notifications", text)
	}
	h := newHeld(t)
	h.write(0, 0)
	<-h.entered
	h.write(1, limit)
	h.resume <- struct{}{}
	h.expect(limit)
	if err := h.until("overflow", func(s watcher.Status) bool { return s.Overflows > 0 }); err != nil {
		t.Error(err)
	}
	h.write(limit+1, limit+1)
	h.expect(limit + 1)
}

func TestAnErrorOfHandleEndsRun(t *testing.T) {
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

func TestALargerFileIsReadUpToTheLimit(t *testing.T) {
	p := newPlayer(t)
	p.opts.MaxSize = 10000
	p.opts.Complete = nil
	if err := write(p.file, 0, strings.Repeat("x", 20000)); err != nil {
		t.Fatal(err)
	}
	w, err := watcher.New(p.file, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	run(t, w, p.handle)
	if got := len(<-p.handled); got != 10001 {
		t.Errorf("got %d bytes, want one more than the limit of 10000", got)
	}
}

// BenchmarkWriteToHandle measures the way of a content from the plugin's write.
func BenchmarkWriteToHandle(b *testing.B) {
	texts := []string{`{"timestamp":1795426189}`, `{"timestamp":1795426190}`}
	benchmarkToHandle(b, func(file string, i int) error { return writeAsPlugin(file, texts[i%2]) })
}

// BenchmarkOutboxToHandle measures the same for a line of the outbox.
func BenchmarkOutboxToHandle(b *testing.B) {
	benchmarkToHandle(b, func(file string, i int) error {
		return write(filepath.Join(filepath.Dir(file), "events-k.ndjson"), os.O_APPEND, fmt.Sprintf(`{"id":"a-%d","event":{"timestamp":1795426189}}`+"\n", i))
	})
}

func benchmarkToHandle(b *testing.B, save func(file string, i int) error) {
	file := filepath.Join(b.TempDir(), "latest_event.json")
	w, err := watcher.New(file, watcher.Options{Complete: schema.Complete, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	handled := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(context.Context, watcher.Content) error { handled <- struct{}{}; return nil })
	}()
	<-w.Ready()
	for i := 0; b.Loop(); i++ {
		if err := save(file, i); err != nil {
			b.Fatal(err)
		}
		<-handled
	}
	cancel()
	<-done
}
