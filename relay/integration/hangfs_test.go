//go:build linux

package integration_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"wpre-relay/relay/testwait"
)

// runHangFS serves the directory args[0] as a file system at args[1] until it is killed. While the process is stopped,
// every operation on the file system hangs.
func runHangFS(args []string) error {
	root, err := fs.NewLoopbackRoot(args[0])
	if err != nil {
		return err
	}
	server, err := fs.Mount(args[1], root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, EnableLocks: true, AllowOther: true},
	})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	server.Wait()
	return nil
}

// hangFS is a file system in user space that a test lets hang.
type hangFS struct {
	t      *testing.T
	path   string // where it is mounted
	server *exec.Cmd
}

// newHangFS mounts a file system with the content of an empty directory.
func newHangFS(t *testing.T) *hangFS {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI must run this as root, with /dev/fuse: %v", err)
		}
		t.Skip("SKIPPED: needs root and /dev/fuse")
	}
	dir := t.TempDir()
	source, path := filepath.Join(dir, "source"), filepath.Join(dir, "mounted")
	if err := errors.Join(os.Mkdir(source, 0o755), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	f := &hangFS{t, path, helper(t, "hangfs", source, path)}
	out, err := f.server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.server.Process.Kill() // ends all operations with ENOTCONN
		f.server.Wait()
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "mounted" {
		t.Fatalf("the file system is not mounted: %q, %v", line, err)
	}
	return f
}

// hang lets all operations on the file system hang.
func (f *hangFS) hang() {
	f.t.Helper()
	f.signal(syscall.SIGSTOP)
	if !testwait.UntilStopped(f.server.Process.Pid) {
		f.t.Fatal("the file system's server does not stop")
	}
}

// recover lets the operations continue.
func (f *hangFS) recover() { f.signal(syscall.SIGCONT) }

func (f *hangFS) signal(signal os.Signal) {
	f.t.Helper()
	if err := f.server.Process.Signal(signal); err != nil {
		f.t.Fatal(err)
	}
}
