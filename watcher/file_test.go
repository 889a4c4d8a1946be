//go:build linux

package watcher_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// writeAsPlugin writes a file with the system calls of PHP's file_put_contents and the plugin's chmod: truncate, one
// write, close, chmod.
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

// symlink creates or replaces a symbolic link in one step, as ln -sfn and Kubernetes do.
func symlink(target, link string) error {
	if err := os.Symlink(target, link+".new"); err != nil {
		return err
	}
	return os.Rename(link+".new", link)
}

// writeMapped writes through a mapping and waits until the file's time has changed.
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

// mount mounts source at target until the test ends: a tmpfs if source is "tmpfs", else a bind mount.
func mount(t *testing.T, source, target string) error {
	fstype, flags := "tmpfs", uintptr(0)
	if source != fstype {
		fstype, flags = "", syscall.MS_BIND
	}
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
	return syscall.Mount(source, target, fstype, flags, "")
}
