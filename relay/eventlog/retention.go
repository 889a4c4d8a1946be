package eventlog

import (
	"errors"
	"os"
	"time"

	"wpre-relay/schema"
)

// sync retries failed writes, deletes expired records, and makes the written ones durable. A failed sync counts as a
// failed write: see repair.
func (j *journal) sync() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if j.writeErr != nil {
		j.write()
	} else {
		j.deleteExpired()
	}
	j.extendReservation()
	unsynced, deleted, dirDirty := j.unsynced, j.deleted, j.dirDirty
	j.unsynced, j.deleted, j.dirDirty = nil, nil, false
	if err := j.syncSegments(unsynced, deleted, dirDirty); err != nil {
		j.dirDirty = j.dirDirty || dirDirty
		j.writeFailed(err)
	}
}

// syncSegments syncs segments and, if dirDirty is set, the directory's entries. It closes deleted segments. The caller
// holds j.mu, which is released meanwhile, because a slow disk must not delay append.
func (j *journal) syncSegments(unsynced, deleted []*segment, dirDirty bool) (err error) {
	sizes, failures := make([]int64, len(unsynced)), make([]error, len(unsynced))
	for i, s := range unsynced {
		sizes[i] = s.size
	}
	j.mu.Unlock()
	for i, s := range unsynced {
		failures[i] = s.sync()
	}
	if dirDirty {
		err = j.fs.SyncDir(j.dir)
	}
	for _, s := range deleted {
		s.closeFile() // nothing of it is needed
	}
	j.mu.Lock()
	for i, s := range unsynced {
		switch {
		case failures[i] != nil && !errors.Is(failures[i], os.ErrClosed):
			s.unsafe = true
			err = errors.Join(err, failures[i])
		case failures[i] == nil && err == nil:
			s.synced = max(s.synced, sizes[i])
		}
	}
	return err
}

// deleteExpired deletes the records that are older than Options.Age, one segment at a time, so they stay on disk
// for up to twice that age. It keeps the newest record, which the next start needs to recognize duplicates. The
// caller holds j.mu.
func (j *journal) deleteExpired() {
	if j.opts.Age <= 0 || j.state.Problem != nil {
		return
	}
	cutoff := time.Now().Add(-j.opts.Age)
	if s := j.previous; s != nil && s.indexSince(cutoff) == len(s.index) && len(j.current.index) > 0 {
		if err := j.fs.Remove(j.path(previousName)); err != nil {
			j.logger.Error("expired events not deleted", "error", err)
			return
		}
		j.dirDirty = true
		j.segmentsMu.Lock()
		j.previous, j.deleted = nil, append(j.deleted, s)
		j.segmentsMu.Unlock()
	}
	if n := len(j.current.index); j.previous != nil || n < 2 || j.current.indexSince(cutoff) == 0 {
		return
	}
	if err := j.rotateKeepingNewest(); err != nil {
		j.logger.Error("expired events not deleted", "error", err)
	}
}

// rotateKeepingNewest starts a new segment and moves the newest record into it. The caller holds j.mu.
func (j *journal) rotateKeepingNewest() error {
	s := j.current
	n := len(s.index)
	newest, err := s.read(s.start(n-1), s.index[n-1].end)
	if err == nil && len(newest) == 0 {
		err = schema.ErrDamaged
	}
	if err == nil {
		err = j.rotate()
	}
	if err != nil {
		return err
	}
	j.segmentsMu.Lock()
	s.index = s.index[:n-1]
	j.segmentsMu.Unlock()
	j.buffer.add(newest[0])
	j.write()
	return nil
}
