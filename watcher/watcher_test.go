//go:build linux

package watcher_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 20 * time.Second

// TestCases plays the scripts in testdata/watcher: what is done to the files, and what is handed over. A line is
// a command and its words:
//
//	watch PATH          the file to watch, instead of wp-content/realtime-events/latest_event.json
//	debounce D, poll D  options
//	start               runs the watcher and waits until it is ready
//	write TEXT          writes the watched file as the plugin does
//	put PATH TEXT       writes a file and leaves its mode; append adds to one
//	symlink TARGET PATH makes a symbolic link, in one step if there is one already
//	mkdir, remove, rename, chmod, fifo, age
//	want TEXT           the content handed over next is just this
//	line TEXT           a line of the outbox is handed over next, just this
//	newest              option: of the outbox only its newest line is wanted at first
//	outbox              waits until there is an outbox; none, until there is none
//	hold                keeps the watcher busy with what it hands over next, until release
//	notified            waits until a notification has been dealt with
//	mode MODE           waits until it watches this way
//	overwritten N       the writes counted as overwritten
//	rearmed             waits until the watch has been set up anew, and the look that follows is over
//	needs root          skips the script for others
//	unannounced PATH TEXT writes TEXT over the beginning of a file through a mapping, which the kernel does not announce
//	mount SOURCE PATH   mounts a tmpfs or a bind mount; umount undoes it
//
// Paths are below a fresh folder, which $ROOT stands for; $DIR is wp-content/realtime-events, $BIG a text of 192 KB and
// $NL the end of a line. A line of the outbox is intact if it ends with }.
func TestCases(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("..", "testdata", "watcher", "*.txt"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts found (%v)", err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, script)
		})
	}
}

func play(t *testing.T, script string) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t)
	expand := strings.NewReplacer("$ROOT", p.root, "$DIR", "wp-content/realtime-events", "$BIG", strings.Repeat(`\u65e5`, 32<<10), "$NL", "\n")
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for n := 1; lines.Scan(); n++ {
		command, rest, _ := strings.Cut(lines.Text(), " ")
		if command == "" || command == "#" {
			continue
		}
		if err := p.do(command, expand.Replace(rest)); err != nil {
			t.Fatalf("%s:%d: %s: %v", script, n, lines.Text(), err)
		}
	}
	if !p.started {
		t.Fatalf("%s never starts the watcher", script)
	}
	if len(p.handled) > 0 {
		t.Fatalf("%s: handed over and not wanted: %q", script, <-p.handled)
	}
}

// player carries out the commands of one script.
type player struct {
	t          *testing.T
	root       string
	file       string
	opts       watcher.Options
	watcher    *watcher.Watcher
	handled    chan string
	overwrites atomic.Uint64
	started    bool
	before     uint64     // notifications dealt with at the last command
	busy       sync.Mutex // locked between hold and release
	release    func()     // unlocks it
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
		opts:    watcher.Options{Complete: schema.Complete, ValidLine: intact, Logger: slog.New(slog.DiscardHandler)},
		handled: make(chan string, 100),
	}
	p.opts.OnOverwrites = func(estimate uint64) { p.overwrites.Add(estimate) }
	if err := os.MkdirAll(filepath.Dir(p.file), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func intact(line []byte) bool { return bytes.HasSuffix(line, []byte("}\n")) }

// outboxLine is how a line of the outbox stands among what was handed over.
const outboxLine = "a line of the outbox: "

func (p *player) path(name string) string { return filepath.Join(p.root, name) }

func (p *player) do(command, rest string) error {
	first, second, _ := strings.Cut(rest, " ")
	if p.watcher != nil && command != "notified" {
		p.before = p.watcher.Status().Notifications
	}
	switch command {
	case "needs":
		switch {
		case os.Getuid() != 0 && os.Getenv("CI") == "true":
			return errors.New("CI must run this as root")
		case os.Getuid() != 0:
			p.t.Skip("needs root, for mounts")
		}
	case "mount":
		return p.mount(first, p.path(second))
	case "unannounced":
		return writeMapped(p.path(first), second)
	case "umount":
		return syscall.Unmount(p.path(rest), 0)
	case "rearmed":
		return p.rearmed()
	case "watch":
		p.file = p.path(rest)
	case "debounce", "poll":
		return p.option(command, rest)
	case "start":
		return p.start()
	case "write":
		return writeAsPlugin(p.file, rest)
	case "put":
		return write(p.path(first), os.O_TRUNC, second)
	case "append":
		return write(p.path(first), os.O_APPEND, second)
	case "mkdir":
		return os.MkdirAll(p.path(rest), 0o755)
	case "remove":
		return os.RemoveAll(p.path(rest))
	case "rename":
		return os.Rename(p.path(first), p.path(second))
	case "symlink":
		return symlink(first, p.path(second))
	case "chmod":
		mode, err := strconv.ParseUint(first, 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(p.path(second), os.FileMode(mode))
	case "fifo":
		return syscall.Mkfifo(p.path(rest), 0o644)
	case "age":
		hourAgo := time.Now().Add(-time.Hour)
		return os.Chtimes(p.path(rest), hourAgo, hourAgo)
	case "want":
		return p.want(rest)
	case "line":
		return p.want(outboxLine + rest + "\n")
	case "newest":
		p.opts.NewestOnly = true
	case "outbox":
		return p.until("outbox", func(s watcher.Status) bool { return s.Outbox == (rest != "none") })
	case "hold":
		p.busy.Lock()
		p.release = sync.OnceFunc(p.busy.Unlock)
		p.t.Cleanup(p.release)
	case "release":
		p.release()
	case "notified":
		return p.until("a notification", func(s watcher.Status) bool { return s.Notifications > p.before })
	case "mode":
		return p.until("mode "+rest, func(s watcher.Status) bool { return s.Mode == rest })
	case "overwritten":
		if got := fmt.Sprint(p.overwrites.Load()); got != rest {
			return fmt.Errorf("got %s", got)
		}
	default:
		return errors.New("no such command")
	}
	return nil
}

func (p *player) mount(source, target string) error {
	fstype, flags := "tmpfs", uintptr(0)
	if source != fstype {
		fstype, flags = "", syscall.MS_BIND
	}
	p.t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
	return syscall.Mount(source, target, fstype, flags, "")
}

func (p *player) option(name, value string) error {
	d, err := time.ParseDuration(value)
	if name == "debounce" {
		p.opts.Debounce = d
	} else {
		p.opts.PollInterval = d
	}
	return err
}

func (p *player) start() error {
	w, err := watcher.New(p.file, p.opts)
	if err != nil {
		return err
	}
	p.watcher, p.started = w, true
	run(p.t, w, p.handle)
	return nil
}

func (p *player) handle(text string) {
	p.handled <- text
	p.busy.Lock()
	defer p.busy.Unlock()
}

// run starts w, waits until it is ready, and stops it when the test ends.
func run(t *testing.T, w *watcher.Watcher, handle func(text string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(_ context.Context, content watcher.Content) error {
			text := string(content.Bytes)
			if content.Outbox {
				text = outboxLine + text
			}
			handle(text)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	<-w.Ready()
}

func (p *player) want(text string) error {
	select {
	case got := <-p.handled:
		if got != text {
			return fmt.Errorf("got %.200q", got)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("nothing came; status %+v", p.watcher.Status())
	}
}

func (p *player) rearmed() error {
	if err := p.until("new watch", func(s watcher.Status) bool { return s.Rearmed > 0 }); err != nil {
		return err
	}
	alive := p.watcher.Status().Heartbeat
	return p.until("turn of the loop after that", func(s watcher.Status) bool { return s.Heartbeat.After(alive) })
}

func (p *player) until(what string, ok func(watcher.Status) bool) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok(p.watcher.Status()) {
			return nil
		}
	}
	return fmt.Errorf("no %s; status %+v", what, p.watcher.Status())
}

// writeAsPlugin writes as PHP's file_put_contents and the plugin's chmod do: truncate, one write, close, chmod.
func writeAsPlugin(path, text string) error {
	if err := write(path, os.O_TRUNC, text); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

func write(path string, flag int, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// symlink makes or retargets a link in one step, as ln -sfn and Kubernetes do.
func symlink(target, link string) error {
	if err := os.Symlink(target, link+".new"); err != nil {
		return err
	}
	return os.Rename(link+".new", link)
}

// writeMapped writes through a mapping and waits until the file's time tells.
func writeMapped(path, text string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	memory, err := unix.Mmap(int(f.Fd()), 0, len(text), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(memory, text)
	return errors.Join(unix.Msync(memory, unix.MS_SYNC), unix.Munmap(memory))
}
