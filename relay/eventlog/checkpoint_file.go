package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"wpre-relay/relay/durable"
)

// readCheckpoint returns the checkpoint in dir. It returns false if there is none, or if the file is damaged.
func readCheckpoint(fsys durable.FS, dir string) (c checkpoint, ok bool, err error) {
	content, err := durable.ReadFile(fsys, filepath.Join(dir, checkpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	if json.Unmarshal(content, &c) != nil || c.Next.Epoch == "" {
		return checkpoint{}, false, nil
	}
	return c, true, nil
}

// write makes c the checkpoint in dir. On a full disk, it overwrites the file instead of replacing it. If that fails
// too, it deletes the file of a log with unwritten records: the next Open does not trust a journal without a
// checkpoint.
func (c checkpoint) write(fsys durable.FS, dir string) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	content = append(content, bytes.Repeat([]byte{' '}, max(0, checkpointSize-1-len(content)))...)
	content = append(content, '\n')
	path := filepath.Join(dir, checkpointName)
	if err = durable.Replace(fsys, path, content); err == nil {
		return nil
	}
	if durable.OverwriteSync(fsys, path, content) == nil && fsys.SyncDir(dir) == nil {
		return nil
	}
	if c.Unwritten && fsys.Remove(path) == nil {
		return errors.Join(err, fsys.SyncDir(dir))
	}
	return fmt.Errorf("write checkpoint: %w", err)
}

// setCheckpoint makes c the checkpoint on disk. If that fails, sync tries again. The caller holds j.mu, or is Open.
func (j *journal) setCheckpoint(c checkpoint) error {
	if c == j.checkpoint && !j.pending.Load() {
		return nil
	}
	j.checkpoint = c
	j.pending.Store(true)
	if j.state.Problem != nil { // another relay may use the directory
		return j.state.Problem
	}
	err := c.write(j.fs, j.dir)
	j.pending.Store(err != nil)
	return err
}

// updateCheckpoint changes the checkpoint on disk. It logs a failure at debug level only, because the journal usually
// fails for the same reason and reports it. The caller holds j.mu.
func (j *journal) updateCheckpoint(change func(c *checkpoint)) {
	c := j.checkpoint
	change(&c)
	if err := j.setCheckpoint(c); err != nil {
		j.logger.Debug("checkpoint not written", "error", err)
	}
}

// extendReservation reserves more sequence numbers once half of them are assigned, and writes a checkpoint that could
// not be written before. The caller holds j.mu.
func (j *journal) extendReservation() {
	j.updateCheckpoint(func(c *checkpoint) {
		if j.assigned > c.Reserved-reservedSeqs/2 {
			c.Reserved = j.assigned + reservedSeqs
		}
	})
}
