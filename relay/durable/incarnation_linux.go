package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// remoteTypes are the types (statfs(2)) of file systems whose server may lose unsynced data on its own: NFS, SMB, FUSE,
// 9P and Ceph.
var remoteTypes = []uint32{0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400}

// incarnation reads the identifier of the system's boot (random(4)). The mount is identified by the inode number of
// the directory that ext4, XFS and F2FS create in sysfs at each mount. It is unique within a boot. Other file systems
// have none.
func incarnation(dir string) (i Incarnation) {
	var system syscall.Statfs_t
	if syscall.Statfs(dir, &system) == nil && slices.Contains(remoteTypes, uint32(system.Type)) {
		return i
	}
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	i.Boot = strings.TrimSpace(string(id))
	var file syscall.Stat_t
	if syscall.Stat(dir, &file) != nil {
		return i
	}
	device := uint64(file.Dev)
	major, minor := device>>8&0xfff|device>>32&^0xfff, device&0xff|device>>12&^0xff
	link, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", major, minor))
	if err != nil {
		return i
	}
	for _, system := range []string{"ext4", "xfs", "f2fs"} {
		path := filepath.Join("/sys/fs", system, filepath.Base(link))
		if syscall.Stat(path, &file) == nil {
			i.Mount = fmt.Sprintf("%s %d", path, file.Ino)
		}
	}
	return i
}
