package check

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listens finds out which program listens at the address: by the inode of its socket (proc_net(5)), for which the programs'
// descriptors are searched, as far as this user may.
func listens(address string) listener {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return listener{}
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return listener{}
	}
	inodes := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		const local, state, inode, listening = 1, 3, 9, "0A"
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", number)) {
				inodes["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && inodes[target] {
			process := strings.Split(descriptor, "/")[2]
			pid, _ := strconv.Atoi(process)
			name, _ := os.ReadFile("/proc/" + process + "/comm")
			return listener{pid, strings.TrimSpace(string(name))}
		}
	}
	return listener{}
}
