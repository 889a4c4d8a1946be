package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is the id of a process to measure.
type process int

// cpuTime returns the CPU time of all threads of p, including exited ones, with nanosecond resolution.
func (p process) cpuTime() (time.Duration, error) {
	const clockSched = 2 // the type bits with which clock_getcpuclockid(3) encodes a process id as a clock id
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^int(p)<<3|clockSched), &used); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", p, err)
	}
	return time.Duration(used.Nano()), nil
}

// memory returns the resident memory of p in bytes: now, and the peak since p started.
func (p process) memory() (resident, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, 0, fmt.Errorf("memory of process %d: %w", p, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var kib int64
		fmt.Sscan(value, &kib)
		switch name {
		case "VmRSS":
			resident = kib << 10
		case "VmHWM":
			peak = kib << 10
		}
	}
	if resident == 0 {
		return 0, 0, fmt.Errorf("memory of process %d: the process has exited", p)
	}
	return resident, peak, nil
}

// tcpMemory returns the kernel's memory for all TCP sockets of the machine in bytes. A connection over loopback
// counts twice, once for each end.
func tcpMemory() (int64, error) {
	stat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("memory of TCP: %w", err)
	}
	_, tcp, _ := strings.Cut(string(stat), "\nTCP:")
	_, pages, ok := strings.Cut(tcp, " mem ")
	var n int64
	if _, err := fmt.Sscan(pages, &n); err != nil || !ok {
		return 0, errors.New("memory of TCP: /proc/net/sockstat has no line 'TCP: … mem N'")
	}
	return n * int64(os.Getpagesize()), nil
}
