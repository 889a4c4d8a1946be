//go:build linux

package watcher_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/watcher"
)

// limitedVariable is set in a process with a user namespace of its own, which takes no instances from other tests.
const limitedVariable = "WPRE_TEST_LIMITED"

// inLimitedNamespace runs a test again in a process with few inotify instances, and reports whether this is that one.
// The limit of the machine is the same for all tests, and relays that start without a free instance poll.
func inLimitedNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(limitedVariable) != "" {
		if err := os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("8"), 0); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), limitedVariable+"=1")
	own := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: own}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestPollsUntilAnInotifyInstanceIsFree(t *testing.T) {
	if !inLimitedNamespace(t) {
		return
	}
	p := newPlayer(t)
	release := takeInotifyInstances(t, 0)
	lines := make(chan string, 100)
	p.opts.Logger = slog.New(slog.NewTextHandler(lineWriter(lines), nil))
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	status := p.watcher.Status()
	if status.Mode != watcher.Polling || !strings.Contains(status.Reason, "fs.inotify.max_user_instances") {
		t.Errorf("status %+v, want polling because no instance is left", status)
	}
	if line := <-lines; !strings.Contains(line, "mode=polling") || !strings.Contains(line, "max_user_instances") {
		t.Errorf("the log lacks the mode or the reason: %s", line)
	}
	for i := range 3 {
		text := fmt.Sprintf(`{"timestamp":%d}`, i)
		if err := errors.Join(writeAsPlugin(p.file, text), p.want(text)); err != nil {
			t.Fatal(err)
		}
	}
	release()
	if err := p.do("mode", "inotify"); err != nil {
		t.Errorf("after instances were released: %v", err)
	}
	if err := errors.Join(writeAsPlugin(p.file, `{"timestamp":9}`), p.want(`{"timestamp":9}`)); err != nil {
		t.Error(err)
	}
}

// TestOneInotifyInstanceIsEnough checks that the folder is watched like the directories above it if the relay gets no
// instance for the folder alone.
func TestOneInotifyInstanceIsEnough(t *testing.T) {
	if !inLimitedNamespace(t) {
		return
	}
	p := newPlayer(t)
	defer takeInotifyInstances(t, 1)()
	if err := errors.Join(p.start(), p.do("mode", "inotify")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		text := fmt.Sprintf(`{"timestamp":%d}`, i)
		if err := errors.Join(writeAsPlugin(p.file, text), p.want(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// takeInotifyInstances opens inotify instances until only so many are left for the user. release closes them.
func takeInotifyInstances(t *testing.T, left int) (release func()) {
	var taken []int
	release = func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		taken = nil
	}
	t.Cleanup(release)
	for {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if errors.Is(err, syscall.EMFILE) {
			for _, fd := range taken[:left] {
				unix.Close(fd)
			}
			taken = taken[left:]
			return release
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, fd)
	}
}

// lineWriter sends each line of a log to a channel.
type lineWriter chan<- string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// TestOverflowIsCountedAndTheNewestContentRead causes more notifications, while the handler is blocked, than the kernel
// queues.
func TestOverflowIsCountedAndTheNewestContentRead(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || limit > 100_000 {
		t.Skipf("the kernel queues %s notifications", text)
	}
	p := newBlockedPlayer(t)
	p.write(0, 0)
	<-p.entered
	fillQueue(t, filepath.Dir(p.file), limit)
	p.write(1, 1)
	p.resume <- struct{}{}
	p.expect(1)
	// A slow machine may find the change before it reads the overflow, and then sets up the watch again.
	counted := func(s watcher.Status) bool { return s.Overflows > 0 || s.Rearmed > 0 }
	if err := p.until("an overflow", counted); err != nil {
		t.Error(err)
	}
	p.write(2, 2)
	p.expect(2)
}

// fillQueue causes 2*limit notifications in dir, since fsnotify fetches a buffer of them (64 KiB, 2048 notifications)
// before it blocks. It alternates between two files, because the kernel merges equal neighbours.
func fillQueue(t *testing.T, dir string, limit int) {
	for _, name := range []string{"a", "b"} {
		if err := write(filepath.Join(dir, name), 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	for range limit {
		for _, name := range []string{"a", "b"} {
			if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
