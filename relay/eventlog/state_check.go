package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"wpre-relay/relay/durable"
)

// stateCheckInterval is the time between two checks of the files on disk, so that a loss is detected within a second.
const stateCheckInterval = 500 * time.Millisecond

// StateStatus says whether the state directory holds the files of this log. Another program, or an operator, may have
// deleted, moved, replaced or truncated them.
type StateStatus struct {
	Problem    error     // why lost files could not be re-created, or nil
	Restored   uint64    // how often lost files were re-created
	RestoredAt time.Time // when files were last re-created
	Files      string    // the files that were re-created then
}

// checkState re-creates lost files. It does nothing if another relay uses the directory now.
func (l *Log) checkState() {
	lost := l.journal.lostFiles()
	if len(lost) == 0 {
		l.journal.setProblem(nil)
		return
	}
	l.appendMu.Lock() // so that the memory holds every appended record
	defer l.appendMu.Unlock()
	l.journal.restore(l.Records())
}

// lostFiles returns the names of the files that the state directory does not hold as this process wrote them.
func (j *journal) lostFiles() (names []string) {
	if !j.isCurrent(lockName, j.lock.Stat, 0) {
		names = append(names, lockName)
	}
	j.segmentsMu.Lock()
	segments := j.segments()
	files, sizes := make([]string, len(segments)), make([]int64, len(segments))
	for i, s := range segments {
		files[i], sizes[i] = s.name, s.size
	}
	j.segmentsMu.Unlock()
	for i, s := range segments {
		if !j.isCurrent(files[i], s.stat, sizes[i]) {
			names = append(names, files[i])
		}
	}
	if _, err := j.fs.Stat(j.path(checkpointName)); isMissing(err) && !j.pending.Load() {
		names = append(names, checkpointName)
	}
	return names
}

// verify returns why the files on disk do not hold all records at the moment, or nil if they do.
func (j *journal) verify() error {
	if err := j.err(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if lost := j.lostFiles(); len(lost) > 0 && !j.closed {
		return fmt.Errorf("state files lost (%s), re-creating them", strings.Join(lost, ", "))
	}
	return nil
}

// isCurrent reports whether the file with this name is the open one that stat describes, with at least this size. A
// file that cannot be examined counts as current.
func (j *journal) isCurrent(name string, stat func() (fs.FileInfo, error), size int64) bool {
	onDisk, err := j.fs.Stat(j.path(name))
	if err != nil {
		return !isMissing(err)
	}
	opened, err := stat()
	if err != nil {
		return true
	}
	return onDisk.Size() >= size && (j.unstable || j.fs.SameFile(onDisk, opened))
}

// isMissing reports whether err says that a file or one of its directories does not exist.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// restore re-creates the lost files, and writes the records that could not be written meanwhile. The records in memory
// replace a journal that was truncated. The caller holds appendMu.
func (j *journal) restore(recent []*Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	lost := j.lostFiles() // again, since the journal may have been rotated meanwhile
	if j.closed || len(lost) == 0 {
		return
	}
	if err := j.restoreFiles(lost, recent); err != nil {
		j.reportProblem(fmt.Errorf("state files lost (%s): %w", strings.Join(lost, ", "), err))
		return
	}
	// Some network file systems have no stable file numbers. A file that seems replaced right after it was created
	// shows this, and from then on only missing and truncated files count as lost.
	j.unstable = j.unstable || len(j.lostFiles()) > 0
	j.state = StateStatus{Restored: j.state.Restored + 1, RestoredAt: time.Now(), Files: strings.Join(lost, ", ")}
	j.logger.Warn("state files were deleted or changed by another program, re-created", "files", j.state.Files)
	if j.writeErr != nil {
		j.write() // the records of meanwhile, before the next sync: a kill must not lose them
	}
}

// restoreFiles takes the lock again before it writes: another relay may have started with the directory.
func (j *journal) restoreFiles(lost []string, recent []*Record) error {
	if err := durable.MkdirAll(j.fs, j.dir, 0o700); err != nil {
		return err
	}
	if slices.Contains(lost, lockName) {
		if err := j.acquireLock(); err != nil {
			return err
		}
	}
	err := j.restoreSegments(recent)
	return errors.Join(err, j.checkpoint.write(j.fs, j.dir))
}

// setProblem records why lost files could not be re-created.
func (j *journal) setProblem(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reportProblem(err)
}

// reportProblem records a problem and logs it if it is another one. The caller holds j.mu.
func (j *journal) reportProblem(err error) {
	if err != nil && (j.state.Problem == nil || j.state.Problem.Error() != err.Error()) {
		j.logger.Error("state files were deleted or changed by another program and cannot be re-created; "+
			"events may be lost or repeated after a restart", "error", err)
	}
	j.state.Problem = err
}
