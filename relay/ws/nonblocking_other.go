//go:build !unix

package ws

// readNonblocking is never called: where there is no poller, each client is read by a goroutine of its own.
func readNonblocking(uintptr, []byte) (int, error) { return 0, nil }

// writeNonblocking takes nothing where sockets cannot be written without waiting: every client is then served by
// a goroutine of its own while it has something to get.
func writeNonblocking(uintptr, []byte) (int, error) { return 0, nil }
