//go:build !unix

package guard

import "os"

// notifyHangup does nothing: there is no such signal.
func notifyHangup(chan<- os.Signal) {}
