package watcher

import "golang.org/x/sys/unix"

const (
	notifyMode  = "inotify"
	doubleWatch = true
)

// remoteTypes are the file systems, by statfs(2) type, whose files change without this kernel's inotify seeing
// it: network ones, those served by a process, and those shared by a hypervisor's host.
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
	0x786f4256:             "VirtualBox's shared folder",
	0xbacbacbc:             "VMware's shared folder",
}

// remoteFilesystem returns the name of dir's file system if inotify does not see all changes there, else "".
func remoteFilesystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	return remoteTypes[uint32(st.Type)] // all magics have 32 bits; the field is signed and of either size
}
