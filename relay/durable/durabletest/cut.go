package durabletest

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

const (
	// window is the number of pending changes that Cuts reorders in every way, behind each prefix of them.
	window = 3

	// randomCuts is the number of random selections of the pending changes.
	randomCuts = 12
)

// Kill returns the disk that a killed process leaves: all changes are there, and none is durable because of that.
func (d *Disk) Kill() *Disk { return d.kill(func(change) bool { return true }) }

// Evict is like Kill, but the kernel has also evicted the pages that a failed sync could not write.
func (d *Disk) Evict() *Disk { return d.kill(func(c change) bool { return !c.dropped }) }

func (d *Disk) kill(stays func(change) bool) *Disk {
	next := d.restore(d.durable, d.boot)
	for _, c := range d.pending {
		if stays(c) {
			next.pending = append(next.pending, c)
			c.apply(snapshot{next.names, next.content})
		}
	}
	return next
}

// Cuts calls yield with the disks that a power failure may leave now. It selects each prefix of the pending changes
// with each selection of the next ones, all changes except one, only directory entries or only contents, and random
// ones. A change of a directory entry is never selected without the earlier ones of the same entry.
func (d *Disk) Cuts(random *rand.Rand, yield func(*Disk)) {
	d.SomeCuts(random, func() bool { return true }, yield)
}

// SomeCuts is Cuts for those disks for which chosen returns true. It does not build the others, which would take long.
func (d *Disk) SomeCuts(random *rand.Rand, chosen func() bool, yield func(*Disk)) {
	n := len(d.pending)
	var selected []bool
	selection := func(is func(i int) bool) {
		selected = selected[:0]
		for i := range n {
			selected = append(selected, is(i))
		}
		if chosen() {
			yield(d.cut(selected))
		}
	}
	for k := range n + 1 {
		for mask := range 1 << min(window, n-k) {
			if k == 0 || mask&1 == 0 { // otherwise it is a selection behind a longer prefix
				selection(func(i int) bool { return i < k || i < k+window && mask>>(i-k)&1 == 1 })
			}
		}
	}
	for k := range n {
		selection(func(i int) bool { return i != k })
	}
	selection(func(i int) bool { return d.pending[i].isEntry() })
	selection(func(i int) bool { return !d.pending[i].isEntry() })
	for k := range randomCuts {
		selection(func(int) bool { return random.IntN(randomCuts) <= k })
	}
}

// Cut returns one of the disks that a power failure may leave now. Random changes survive behind a random prefix.
func (d *Disk) Cut(random *rand.Rand) *Disk {
	prefix, selected := random.IntN(len(d.pending)+1), make([]bool, len(d.pending))
	for i := range selected {
		selected[i] = i < prefix || random.IntN(2) == 0
	}
	return d.cut(selected)
}

// cut returns the disk after a power failure that only the selected pending changes survive.
func (d *Disk) cut(selected []bool) *Disk {
	next := d.restore(d.durable, d.boot+1)
	var lost []change
	for i, c := range d.pending {
		if !selected[i] || c.isEntry() && slices.ContainsFunc(lost, c.conflicts) {
			lost = append(lost, c)
			continue
		}
		c.apply(snapshot{next.names, next.content})
	}
	next.dropUnreachable()
	next.durable = snapshot{next.names, next.content}.clone()
	return next
}

// restore returns a disk with a copy of a snapshot.
func (d *Disk) restore(s snapshot, boot int) *Disk {
	now := s.clone()
	return &Disk{
		model:   d.model,
		boot:    boot,
		inodes:  d.inodes,
		names:   now.names,
		content: now.content,
		durable: s.clone(),
	}
}

// dropUnreachable deletes the entries below directories that do not exist.
func (d *Disk) dropUnreachable() {
	for path := range d.names {
		for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
			if _, ok := d.names[dir]; !ok {
				delete(d.names, path)
			}
		}
	}
}

// clone returns a copy of s.
func (s snapshot) clone() snapshot {
	copied := snapshot{maps.Clone(s.names), make(map[inode][]byte, len(s.content))}
	for n, content := range s.content {
		copied.content[n] = slices.Clone(content)
	}
	return copied
}
