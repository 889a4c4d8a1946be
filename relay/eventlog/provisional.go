package eventlog

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// traces describes the state directory before Open, so that a failed first start can restore it.
type traces struct {
	missing []string // directories that did not exist, the deepest first
	names   []string // files that existed
}

// findTraces returns what exists of the state directory now.
func (j *journal) findTraces() (t traces) {
	entries, _ := j.fs.ReadDir(j.dir)
	for _, entry := range entries {
		t.names = append(t.names, entry.Name())
	}
	for dir := j.dir; ; dir = filepath.Dir(dir) {
		if _, err := j.fs.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return t
		}
		t.missing = append(t.missing, dir)
	}
}

// confirm keeps a provisional log.
func (j *journal) confirm() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.discard = false
	j.updateCheckpoint(func(c *checkpoint) { c.Provisional = false })
}

// deleteLog deletes the segments and the checkpoint of a log that no client or publisher knew.
func (j *journal) deleteLog() (err error) {
	// The checkpoint is last: it says that the log is provisional.
	for _, name := range []string{nextName, previousName, journalName, checkpointName} {
		if e := j.fs.Remove(j.path(name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		err = errors.Join(err, j.fs.SyncDir(j.dir))
	}
	return err
}

// deleteTraces deletes the files and directories that did not exist before Open, including files of other packages
// beside the journal. The caller holds the lock; on Windows, the lock file and its directory remain, because it
// deletes no open file.
func (j *journal) deleteTraces() {
	err := j.deleteLog()
	entries, _ := j.fs.ReadDir(j.dir)
	for _, entry := range entries {
		if name := entry.Name(); entry.Type().IsRegular() && !slices.Contains(j.before.names, name) {
			err = errors.Join(err, j.fs.Remove(j.path(name)))
		}
	}
	for _, dir := range j.before.missing {
		err = errors.Join(err, j.fs.Remove(dir))
	}
	if err != nil {
		j.logger.Debug("state of the failed start not deleted", "error", err)
	}
}
