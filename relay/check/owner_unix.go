//go:build unix

package check

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner returns the owner and the group of path. ok is false if they are not known.
func owner(path string) (uid, gid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// deniedAt returns the file or directory on the way to path to which this user has no access, and the reason; "" if
// the user can read path. It assumes that the user is only in the group with the same number, and ignores access
// control lists.
func deniedAt(path string, uid int) (at, reason string) {
	need := os.FileMode(4)
	for {
		info, err := os.Stat(path)
		if err != nil {
			return path, err.Error()
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return "", ""
		}
		shift := 0
		switch {
		case int(stat.Uid) == uid:
			shift = 6
		case int(stat.Gid) == uid:
			shift = 3
		}
		if info.IsDir() {
			need |= 1
		}
		if mode := info.Mode().Perm(); mode>>shift&need != need {
			return path, fmt.Sprintf("%s is %04o and owned by %d:%d", path, mode, stat.Uid, stat.Gid)
		}
		if filepath.Dir(path) == path {
			return "", ""
		}
		path, need = filepath.Dir(path), 1
	}
}

// groupName returns the name of a group, or its number if it has no name on this machine.
func groupName(gid int) string {
	if group, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return group.Name
	}
	return strconv.Itoa(gid)
}
