package listener

const (
	// maxPendingConns is the default limit of pending connections.
	maxPendingConns = 1024

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
