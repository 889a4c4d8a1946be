package check

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// findPortOwner returns the program that listens on the address. It takes the inode of the socket from /proc/net
// (proc_net(5)) and searches the descriptors of all processes for it. Only root can see the descriptors of other users.
func findPortOwner(address string) portOwner {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return portOwner{}
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return portOwner{}
	}
	sockets := listeningSockets(number)
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && sockets[target] {
			process := strings.Split(descriptor, "/")[2]
			pid, _ := strconv.Atoi(process)
			name, _ := os.ReadFile("/proc/" + process + "/comm")
			return portOwner{pid, strings.TrimSpace(string(name))}
		}
	}
	return portOwner{}
}

// listeningSockets returns the sockets that listen on port, as the links in /proc/PID/fd name them.
func listeningSockets(port int) map[string]bool {
	const local, state, inode, listening = 1, 3, 9, "0A" // the columns, and the state TCP_LISTEN
	suffix := fmt.Sprintf(":%04X", port)
	sockets := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[local], suffix) {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets
}
