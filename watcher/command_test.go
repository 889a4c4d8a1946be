//go:build linux

package watcher_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"wpre-relay/watcher"
)

// command is a command of a script. TestCases describes them.
type command func(p *player, args string) error

// do runs the command with this name.
func (p *player) do(name, args string) error {
	run, ok := commands[name]
	if !ok {
		return errors.New("no such command")
	}
	if p.watcher != nil && name != "notified" {
		p.before = p.watcher.Status().Notifications
	}
	return run(p, args)
}

// pair returns a command that takes two arguments, of which the second may contain spaces.
func pair(run func(p *player, first, second string) error) command {
	return func(p *player, args string) error {
		first, second, _ := strings.Cut(args, " ")
		return run(p, first, second)
	}
}

var commands = map[string]command{
	// These change files.
	"write":  func(p *player, text string) error { return writeAsPlugin(p.file, text) },
	"put":    pair(func(p *player, path, text string) error { return write(p.path(path), os.O_TRUNC, text) }),
	"append": pair(func(p *player, path, text string) error { return write(p.path(path), os.O_APPEND, text) }),
	"unannounced": pair(func(p *player, path, text string) error {
		return writeMapped(p.path(path), text)
	}),
	"mkdir":   func(p *player, path string) error { return os.MkdirAll(p.path(path), 0o755) },
	"remove":  func(p *player, path string) error { return os.RemoveAll(p.path(path)) },
	"rename":  pair(func(p *player, from, to string) error { return os.Rename(p.path(from), p.path(to)) }),
	"symlink": pair(func(p *player, target, link string) error { return symlink(target, p.path(link)) }),
	"fifo":    func(p *player, path string) error { return syscall.Mkfifo(p.path(path), 0o644) },
	"mount":   pair(func(p *player, source, target string) error { return mount(p.t, source, p.path(target)) }),
	"umount":  umount,
	"chmod": pair(func(p *player, mode, path string) error {
		bits, err := strconv.ParseUint(mode, 8, 32)
		return errors.Join(err, os.Chmod(p.path(path), os.FileMode(bits)))
	}),
	"age": func(p *player, path string) error {
		hourAgo := time.Now().Add(-time.Hour)
		return os.Chtimes(p.path(path), hourAgo, hourAgo)
	},

	// These set up and control the watcher.
	"needs": func(p *player, _ string) error {
		switch {
		case os.Getuid() != 0 && os.Getenv("CI") == "true":
			return errors.New("CI must run this as root")
		case os.Getuid() != 0:
			p.t.Skip("needs root, for mounts")
		}
		return nil
	},
	"watch":  func(p *player, path string) error { p.file = p.path(path); return nil },
	"newest": func(p *player, _ string) error { p.opts.NewestOnly = true; return nil },
	"debounce": func(p *player, d string) (err error) {
		p.opts.Debounce, err = time.ParseDuration(d)
		return err
	},
	"poll": func(p *player, d string) (err error) {
		p.opts.PollInterval, err = time.ParseDuration(d)
		return err
	},
	"start": func(p *player, _ string) error { return p.start() },
	"hold": func(p *player, _ string) error {
		held := make(chan struct{})
		p.held.Store(&held)
		p.release = sync.OnceFunc(func() {
			p.held.Store(nil)
			close(held)
		})
		p.t.Cleanup(p.release)
		return nil
	},
	"release": func(p *player, _ string) error { p.release(); return nil },

	// These wait for what the watcher does.
	"want":    func(p *player, text string) error { return p.want(text) },
	"line":    func(p *player, text string) error { return p.want(outboxPrefix + text + "\n") },
	"rearmed": func(p *player, _ string) error { return p.untilRearmed() },
	"outbox": func(p *player, none string) error {
		return p.until("outbox "+none, func(s watcher.Status) bool { return s.Outbox == (none != "none") })
	},
	"notified": func(p *player, _ string) error {
		return p.until("a notification", func(s watcher.Status) bool { return s.Notifications > p.before })
	},
	"mode": func(p *player, mode string) error {
		return p.until("mode "+mode, func(s watcher.Status) bool { return s.Mode == mode })
	},
	"overwritten": func(p *player, want string) error { // the notification of a write's end may be on its way
		return p.until(want+" overwritten", func(watcher.Status) bool { return fmt.Sprint(p.overwrites.Load()) == want })
	},
}

// umount unmounts a directory. The watcher may have its file open for a moment.
func umount(p *player, path string) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(time.Millisecond) {
		err := syscall.Unmount(p.path(path), 0)
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}
