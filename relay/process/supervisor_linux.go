package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// childVariable is set in the child's environment.
	childVariable = "WPRE_SUPERVISED"

	// checkInterval is the time between two looks at a child that may be ending.
	checkInterval = 100 * time.Millisecond

	// exitGrace is the maximum time until a child that has exited disappears. If it takes longer, a system call hangs.
	exitGrace = 300 * time.Millisecond
)

// forwarded are the signals that the parent passes on.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// supervise runs the program with the same arguments in a child process and returns its exit status, if the program
// uses a network file system or one in user space. If such a file system hangs, a system call can be stuck in the
// kernel, and then the process that made it cannot end, not even by SIGKILL. The parent touches no file system, so it
// ends, and with it the program for whoever waits for it. It does not restart the child: that is the service
// manager's work.
//
// Otherwise, and in the child itself, supervise returns at once with supervised false. A service manager that the
// program notifies (sd_notify) knows how to leave a process behind, and wants to know the process that works. So
// there is no child then.
func supervise() (status int, supervised bool) {
	child := os.Getenv(childVariable) != ""
	os.Unsetenv(childVariable)
	if child || os.Getenv("NOTIFY_SOCKET") != "" || os.Getenv("LISTEN_PID") != "" || !usesRemoteFiles() {
		return 0, false
	}
	runtime.LockOSThread() // the kernel kills the child when this thread ends
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C in a terminal reaches the parent only, which passes it on
		Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		signal.Reset(forwarded...)
		runtime.UnlockOSThread()
		return 0, false
	}
	return wait(cmd, signals), true
}

// wait passes signals on until the child has ended, and returns its exit status.
func wait(cmd *exec.Cmd, signals <-chan os.Signal) int {
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	var exited time.Time
	for {
		select {
		case received := <-signals:
			cmd.Process.Signal(received)
		case <-ended:
			return statusOf(cmd.ProcessState.Sys().(syscall.WaitStatus))
		case <-tick.C:
			status, zombie := zombieStatus(cmd.Process.Pid)
			switch {
			case !zombie:
				exited = time.Time{}
			case exited.IsZero():
				exited = time.Now()
			case time.Since(exited) >= exitGrace:
				return statusOf(status)
			}
		}
	}
}

// statusOf returns the exit status for a wait status, as a shell returns it.
func statusOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// zombieStatus reports whether a process has exited although a thread of it may be stuck, and its wait status
// (proc_pid_stat(5)).
func zombieStatus(pid int) (status syscall.WaitStatus, zombie bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // they begin with the third field
	const exitCode = 52 - 3
	if len(fields) <= exitCode || fields[0] != "Z" {
		return 0, false
	}
	code, err := strconv.ParseUint(fields[exitCode], 10, 32)
	return syscall.WaitStatus(code), err == nil
}
