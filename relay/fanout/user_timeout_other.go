//go:build !linux

package fanout

import (
	"net"
	"time"
)

// setUserTimeout has no effect: the system's own timeout applies, which may be a quarter of an hour.
func setUserTimeout(net.Conn, time.Duration) {}
