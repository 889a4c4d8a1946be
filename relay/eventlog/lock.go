package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"wpre-relay/relay/durable"
)

// maxLockAttempts bounds the attempts to lock a file that is deleted meanwhile.
const maxLockAttempts = 3

// acquireLock locks the state directory in place of the locks that the journal holds, if any. It fails if another
// process has the journal open. The kernel releases the locks when the process ends, even after kill -9.
func (j *journal) acquireLock() error {
	if err := j.lockDir(); err != nil {
		return err
	}
	path := j.path(lockName)
	for range maxLockAttempts {
		lock, ok, err := j.fs.TryLock(path, os.O_CREATE)
		if err != nil {
			return fmt.Errorf("lock state directory: %w; set --state-dir to a writable directory", err)
		}
		if !ok {
			return j.inUse()
		}
		if !j.isCurrent(lockName, lock.Stat, 0) { // a relay that stopped has deleted the file
			lock.Unlock()
			continue
		}
		if j.lock != nil {
			j.lock.Unlock()
		}
		j.lock = lock
		if err := durable.Overwrite(j.fs, path, fmt.Appendln(nil, os.Getpid())); err != nil {
			j.logger.Debug("PID not written to lock file", "error", err)
		}
		return nil
	}
	return fmt.Errorf("lock state directory %s: another program deletes the lock file", j.dir)
}

// lockDir locks the directory itself, so that a second relay cannot start after the lock file was deleted. Some systems
// and file systems have no such locks; then only the lock file counts.
func (j *journal) lockDir() error {
	if j.dirLock != nil && j.isCurrent("", j.dirLock.Stat, 0) {
		return nil
	}
	lock, ok, err := j.fs.TryLock(j.dir, os.O_RDONLY)
	switch {
	case err != nil:
		j.logger.Debug("state directory itself not locked", "error", err)
		return nil
	case !ok:
		return j.inUse()
	}
	if j.dirLock != nil {
		j.dirLock.Unlock()
	}
	j.dirLock = lock
	return nil
}

// inUse returns the error for a directory that another process has locked.
func (j *journal) inUse() error {
	pid, _ := durable.ReadFile(j.fs, j.path(lockName))
	return fmt.Errorf("state directory %s is in use by another wpre-relay (PID %s); stop it, "+
		"or set --state-dir to another directory", j.dir, cmp.Or(strings.TrimSpace(string(pid)), "unknown"))
}

// unlock releases the locks.
func (j *journal) unlock() (err error) {
	if j.dirLock != nil {
		err = j.dirLock.Unlock()
	}
	if j.lock != nil {
		err = errors.Join(err, j.lock.Unlock())
	}
	return err
}
