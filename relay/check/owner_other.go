//go:build !unix

package check

// owner reports that the owner is not known: files have no numeric owners on this system.
func owner(string) (uid, gid int, ok bool) { return 0, 0, false }

// deniedAt reports that access is not denied, which cannot be checked on this system.
func deniedAt(string, int) (at, reason string) { return "", "" }

// groupName returns "": groups have no numbers on this system.
func groupName(int) string { return "" }
