//go:build !linux

package listener

import "net"

// backlog returns 0: these systems do not tell how many clients wait.
func backlog(net.Listener) int { return 0 }
