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

// owner returns whose path is.
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

// deniedAt returns what on the way to path a user without groups but one of the same number may not pass, and why; "" if it
// may read path. Access control lists are not looked at.
func deniedAt(path string, uid int) (at, why string) {
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

// groupName returns the name of a group, its number if it has none here.
func groupName(gid int) string {
	if group, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return group.Name
	}
	return strconv.Itoa(gid)
}
