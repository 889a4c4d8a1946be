package hub

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watch returns a function that waits until a file in dir was closed after a write, or moved there. It drops the names:
// the directory has only the event file.
func watch(dir string) (func() error, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	notifications := os.NewFile(uintptr(fd), "inotify")
	buffer := make([]byte, 64<<10)
	return func() error {
		_, err := notifications.Read(buffer)
		return err
	}, nil
}
