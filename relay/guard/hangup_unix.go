//go:build unix

package guard

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup has SIGHUP sent to c.
func notifyHangup(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
