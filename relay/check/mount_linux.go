package check

import (
	"os"
	"path/filepath"
	"strings"
)

// isMountPoint reports whether a file system is mounted at path itself, rather than at a directory above it. The kernel
// escapes white space in the table (proc_pid_mountinfo(5)).
func isMountPoint(path string) bool {
	const mountPoint = 4 // the column
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > mountPoint && unescape.Replace(fields[mountPoint]) == path {
			return true
		}
	}
	return false
}
