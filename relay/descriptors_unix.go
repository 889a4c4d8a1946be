//go:build unix

package relay

import "syscall"

// maxDescriptors returns how many files and sockets the process may have open, 0 if that is unknown. Go has raised
// the limit as far as it may.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}
