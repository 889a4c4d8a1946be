package watcher

import "golang.org/x/sys/unix"

const (
	notifyMode  = "inotify"
	doubleWatch = true
)

// remoteTypes names the file systems, by their type in statfs(2), where inotify misses changes: network file systems,
// file systems served by a process, and directories that a hypervisor shares.
var remoteTypes = map[uint32]string{
	unix.NFS_SUPER_MAGIC:   "NFS",
	unix.SMB_SUPER_MAGIC:   "SMB",
	unix.SMB2_SUPER_MAGIC:  "SMB",
	unix.CIFS_SUPER_MAGIC:  "SMB",
	unix.V9FS_MAGIC:        "9p",
	unix.FUSE_SUPER_MAGIC:  "FUSE",
	unix.CEPH_SUPER_MAGIC:  "Ceph",
	unix.AFS_FS_MAGIC:      "AFS",
	unix.AFS_SUPER_MAGIC:   "AFS",
	unix.CODA_SUPER_MAGIC:  "Coda",
	unix.NCP_SUPER_MAGIC:   "NCP",
	unix.OCFS2_SUPER_MAGIC: "OCFS2",
	0x0bd00bd0:             "Lustre",
	0x01161970:             "GFS2",
	0x47504653:             "GPFS",
	0x786f4256:             "a VirtualBox shared folder",
	0xbacbacbc:             "a VMware shared folder",
}

// remoteFilesystem returns the name of dir's file system if inotify misses changes there, else "".
func remoteFilesystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	return remoteTypes[uint32(st.Type)] // a type has 32 bits; the field is signed, with 32 or 64 bits
}
