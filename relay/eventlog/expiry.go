package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"wpre-relay/schema"
)

// sync retries what could not be written, flushes what was, and lets go of what is too old.
func (j *journal) sync() {
	j.mu.Lock()
	if j.failure != nil {
		j.write()
	} else {
		j.expire()
	}
	current, full, dropped, unsynced := j.current, j.full, j.dropped, j.unsynced
	j.full, j.dropped, j.unsynced = nil, nil, false
	j.mu.Unlock()
	// Without the lock: a slow disk must not hold up append.
	var err error
	for _, s := range full {
		err = errors.Join(err, s.sync())
	}
	for _, s := range dropped {
		err = errors.Join(err, s.closeFile())
	}
	if unsynced {
		err = errors.Join(err, current.sync())
	}
	if err != nil {
		j.logger.Error("the journal cannot be written through to the disk", "error", err)
	}
}

// expire takes from the disk what is beyond the history's age, a file at a time: so for up to twice that age it may
// still be there. The newest record stays, since that tells what was sent last; j.mu is held.
func (j *journal) expire() {
	if j.opts.Age <= 0 {
		return
	}
	limit := time.Now().Add(-j.opts.Age)
	if s := j.former; s != nil && s.expired(limit) == len(s.lines) && len(j.current.lines) > 0 {
		if err := os.Remove(filepath.Join(j.dir, formerName)); err != nil {
			j.logger.Error("what is too old cannot be removed", "error", err)
			return
		}
		j.placing.Lock()
		j.former, j.dropped = nil, append(j.dropped, s)
		j.placing.Unlock()
	}
	s := j.current
	n := len(s.lines)
	if j.former != nil || n < 2 || s.expired(limit) == 0 {
		return
	}
	newest, err := s.read(s.start(n-1), s.lines[n-1].end)
	if err == nil && len(newest) == 0 {
		err = schema.ErrDamaged
	}
	if err == nil {
		err = j.rotate()
	}
	if err != nil {
		j.logger.Error("what is too old cannot be removed", "error", err)
		return
	}
	j.placing.Lock()
	s.lines = s.lines[:n-1]
	j.placing.Unlock()
	j.pending.add(newest[0])
	j.write()
}
