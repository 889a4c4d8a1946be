package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"wpre-relay/schema"
)

// sync retries failed writes, deletes expired records, and syncs the written ones to disk.
func (j *journal) sync() {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return
	}
	if j.writeErr != nil {
		j.write()
	} else {
		j.deleteExpired()
	}
	if !j.discard {
		j.keep()
	}
	current, rotated, deleted, dirty := j.current, j.rotated, j.deleted, j.dirty
	j.rotated, j.deleted, j.dirty = nil, nil, false
	j.mu.Unlock()
	// mu is not held here, because a slow disk must not delay append.
	var err error
	for _, s := range rotated {
		err = errors.Join(err, s.sync())
	}
	for _, s := range deleted {
		err = errors.Join(err, s.closeFile())
	}
	if dirty {
		err = errors.Join(err, current.sync())
	}
	if err != nil {
		j.logger.Error("journal sync failed", "error", err)
	}
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
		if err := os.Remove(filepath.Join(j.dir, previousName)); err != nil {
			j.logger.Error("expired events not deleted", "error", err)
			return
		}
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
