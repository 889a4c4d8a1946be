//go:build unix

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// becomeOwner changes the process from root to the owner of path, or of its parent if path does not exist. It does
// nothing for other users, and if root is the owner.
func becomeOwner(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || stat.Uid == 0 {
		return nil
	}
	uid, gid := int(stat.Uid), int(stat.Gid)
	if err = syscall.Setgroups([]int{gid}); err == nil {
		if err = syscall.Setgid(gid); err == nil {
			err = syscall.Setuid(uid)
		}
	}
	if err != nil {
		return fmt.Errorf("act as the owner of %s (uid %d, gid %d): %w", path, uid, gid, err)
	}
	return nil
}
