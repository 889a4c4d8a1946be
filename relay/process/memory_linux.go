package process

import (
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory sets the soft limit of Go's runtime to three quarters of the limit of the control group, for example of a
// container, unless GOMEMLIMIT is set. The rest is for the kernel's memory of the sockets, which counts as well. Near
// its limit, the runtime collects garbage more often instead of letting the kernel kill the process.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := groupMemory(os.DirFS("/")); ok {
		debug.SetMemoryLimit(limit / 4 * 3)
	}
}

// groupMemory returns the lowest memory limit of the process's control groups and those above them, of version 2
// (memory.max) or 1 (memory.limit_in_bytes), in bytes. ok is false if there is none.
func groupMemory(system fs.FS) (limit int64, ok bool) {
	groups, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(groups)) { // such as 0::/user.slice or 4:memory:/docker/1f3a
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(line, ":")
		var mount, file string
		switch controllers {
		case "":
			mount, file = "sys/fs/cgroup", "memory.max"
		case "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			text, _ := fs.ReadFile(system, path.Join(mount, group, file)) // a container sees its own group as the root
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err == nil && (!ok || n < limit) { // "max" is no number
				limit, ok = n, true
			}
			if group == "/" {
				break
			}
		}
	}
	return limit, ok
}
