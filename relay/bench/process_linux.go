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

// cpuTime returns the CPU time of all processes.
func cpuTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		used, err := process(pid).cpuTime()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// residentMemory returns the memory of all processes. It counts shared pages once for each process.
func residentMemory(pids []int) (processMemory, error) {
	var sum processMemory
	for _, pid := range pids {
		m, err := process(pid).memory()
		if err != nil {
			return sum, err
		}
		sum.resident += m.resident
		sum.anonymous += m.anonymous
		sum.peak += m.peak
	}
	return sum, nil
}

// processMemory is the resident memory of a process in bytes: now, the part of it that is not backed by a file, and the
// peak since the process started.
type processMemory struct{ resident, anonymous, peak int64 }

// memory returns the memory of p.
func (p process) memory() (processMemory, error) {
	var m processMemory
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return m, fmt.Errorf("memory of process %d: %w", p, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var kib int64
		fmt.Sscan(value, &kib)
		switch name {
		case "VmRSS":
			m.resident = kib << 10
		case "RssAnon":
			m.anonymous = kib << 10
		case "VmHWM":
			m.peak = kib << 10
		}
	}
	if m.resident == 0 {
		return m, fmt.Errorf("memory of process %d: the process has exited", p)
	}
	return m, nil
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
