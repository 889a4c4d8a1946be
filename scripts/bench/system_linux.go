package main

import "golang.org/x/sys/unix"

// magic has the magic numbers of file systems (statfs(2)). Ext2 and ext3 have the same as ext4.
var magic = map[string]int64{"tmpfs": unix.TMPFS_MAGIC, "ext4": unix.EXT4_SUPER_MAGIC}

// isOn reports whether dir is on this file system.
func isOn(dir, fileSystem string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(dir, &stat) == nil && int64(stat.Type) == magic[fileSystem]
}

// maxOpenFiles returns the limit of open files of a process, or 0 if it is unknown.
func maxOpenFiles() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Max
}
