package listener

const (
	// maxPendingConns is the default limit of pending connections.
	maxPendingConns = 1024

	// maxPendingBytes is the limit of the bytes of all unfinished requests and TLS handshakes. A request has 1 or 2 KiB
	// with cookies, and is unfinished for milliseconds.
	maxPendingBytes = 512 << 10

	// maxAnsweredHello is the size of a browser's ClientHello with a post-quantum key. As much of it does not count once
	// it is answered: 350 clients that connect at once, and wait for the network, exceeded maxPendingBytes.
	maxAnsweredHello = 2 << 10

	// maxHeaderFields is the limit of the header fields of a request. Each takes a hundred bytes or more, also one of
	// four bytes. Browsers and proxies send about 20.
	maxHeaderFields = 100

	// reservedFiles is the number of open files reserved for the event file, the journal, the broker and operators.
	reservedFiles = 64
)

// MaxClients returns the number of clients that the limit of open files leaves room for, or 0 if there is no such
// limit.
func MaxClients() int {
	limit := maxOpenFiles()
	if limit == 0 {
		return 0
	}
	return max(1, limit-pendingLimit()-reservedFiles)
}

// pendingLimit returns the limit of pending connections: maxPendingConns, but at most an eighth of the open files.
func pendingLimit() int {
	if n := maxOpenFiles() / 8; n > 0 && n < maxPendingConns {
		return n
	}
	return maxPendingConns
}
