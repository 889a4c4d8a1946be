package durabletest

import "slices"

// changeKind is the kind of a change.
type changeKind int

const (
	write changeKind = iota
	truncate
	link
	rename
	unlink
)

// change is a change of a file's content or of directory entries.
type change struct {
	kind   changeKind
	inode  inode
	isDir  bool   // of link
	path   string // the entry that a link, rename or unlink changes
	to     string // the other entry that a rename changes
	offset int64  // of write
	data   []byte // of write
	size   int64  // of truncate

	// dropped says that a sync has failed, and that no later one writes this again. It may be durable nevertheless.
	dropped bool
}

// isEntry reports whether c changes directory entries.
func (c change) isEntry() bool { return c.kind >= link }

// touches reports whether c changes the entry of a path.
func (c change) touches(path string) bool {
	return c.isEntry() && (c.path == path || c.kind == rename && c.to == path)
}

// conflicts reports whether both changes concern the same directory entry, so that a file system keeps their order.
func (c change) conflicts(other change) bool {
	return other.isEntry() && (c.touches(other.path) || other.kind == rename && c.touches(other.to))
}

// overwrites reports whether c changes content that an earlier write of the same file has written.
func (c change) overwrites(earlier change) bool {
	if c.isEntry() || earlier.kind != write || c.inode != earlier.inode {
		return false
	}
	end := earlier.offset + int64(len(earlier.data))
	if c.kind == truncate {
		return c.size < end
	}
	return c.offset < end && earlier.offset < c.offset+int64(len(c.data))
}

// split returns the parts of c that are durable separately.
func (c change) split(piece int64) (parts []change) {
	for c.kind == write && c.offset/piece != (c.offset+int64(len(c.data))-1)/piece && len(c.data) > 0 {
		n := piece - c.offset%piece
		part := c
		part.data = c.data[:n]
		parts = append(parts, part)
		c.offset, c.data = c.offset+n, c.data[n:]
	}
	return append(parts, c)
}

// apply changes s.
func (c change) apply(s snapshot) {
	switch c.kind {
	case write:
		content := s.content[c.inode]
		if missing := c.offset + int64(len(c.data)) - int64(len(content)); missing > 0 {
			content = append(content, make([]byte, missing)...)
		}
		copy(content[c.offset:], c.data)
		s.content[c.inode] = content
	case truncate:
		content := s.content[c.inode]
		if missing := c.size - int64(len(content)); missing > 0 {
			content = append(content, make([]byte, missing)...)
		}
		s.content[c.inode] = content[:c.size:c.size]
	case link:
		s.names[c.path] = c.inode
		if _, ok := s.content[c.inode]; !ok && !c.isDir {
			s.content[c.inode] = []byte{}
		}
	case rename:
		delete(s.names, c.path)
		s.names[c.to] = c.inode
	case unlink:
		delete(s.names, c.path)
	}
}

// syncFile makes the content of a file durable and, in that model, its directory entry.
func (d *Disk) syncFile(n inode) {
	d.settle(func(c change) bool { return c.inode == n && !c.dropped && (!c.isEntry() || d.model.EntriesByFile) })
}

// dropWrites makes the pending writes of a file stay pending for ever.
func (d *Disk) dropWrites(n inode) {
	for i, c := range d.pending {
		if c.inode == n && c.kind == write {
			d.pending[i].dropped = true
		}
	}
}

// SyncDir implements durable.FS.
func (d *Disk) SyncDir(dir string) error {
	if err := d.call("syncdir", dir); err != nil {
		return err
	}
	if _, err := d.lookup("syncdir", dir); err != nil && dir != "/" {
		return err
	}
	d.settle(func(c change) bool {
		return c.isEntry() && (inDir(c.path, dir) || c.kind == rename && inDir(c.to, dir))
	})
	return nil
}

// settle makes the pending changes durable that is selects, and the changes that must precede them.
func (d *Disk) settle(is func(change) bool) {
	if d.OnChange != nil {
		d.OnChange()
	}
	var chosen, rest []change
	for i := len(d.pending) - 1; i >= 0; i-- {
		c := d.pending[i]
		overwritten := func(later change) bool { return later.overwrites(c) }
		if is(c) || c.isEntry() && slices.ContainsFunc(chosen, c.conflicts) ||
			c.dropped && slices.ContainsFunc(chosen, overwritten) {
			chosen = append(chosen, c)
		} else {
			rest = append(rest, c)
		}
	}
	slices.Reverse(chosen)
	slices.Reverse(rest)
	for _, c := range chosen {
		c.apply(d.durable)
	}
	d.pending = rest
}
