//go:build linux

package up

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// backupDir holds the record of all changes and copies of all files before they were changed. Only root can read it.
const backupDir = "/var/backups/wpre-relay"

// errRunning is returned while another up or down runs.
var errRunning = errors.New("another wpre-relay up or down is running")

// record is the list of all changes, for down and for a rollback. A step is stored before it is applied, so that also
// a run that was killed can be undone.
type record struct {
	Steps []step

	// Proven is the number of steps, from the first, that belong to a run that has succeeded.
	Proven int

	disk system
	lock *flock.Flock
}

const (
	recordFile = backupDir + "/record.json"

	// backupName is the name of a directory with copies, one for each step that changes files: when the step began.
	backupName = "20060102T150405.000000000Z"

	// maxBackups bounds the directories with copies that no step in the record needs. A run creates at most five, so that
	// the copies of the last ten runs or more stay.
	maxBackups = 50
)

// openRecord locks and reads the record. The caller must close it.
func openRecord(ctx context.Context) (*record, error) {
	if err := os.MkdirAll(backupDir, 0o700); err != nil {
		return nil, err
	}
	r := &record{lock: flock.New(filepath.Join(backupDir, "lock"))}
	if _, _, err := r.disk.resolve(recordFile); err != nil {
		return nil, err
	}
	if err := os.Chmod(backupDir, 0o700); err != nil {
		return nil, err
	}
	locked, err := r.lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", backupDir, err)
	case !locked:
		return nil, errRunning
	}
	text, err := r.disk.read(ctx, recordFile)
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = r.prune()
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("read %s: %w", recordFile, err)
	}
	return r, nil
}

// prune deletes the oldest copies beyond maxBackups.
func (r *record) prune() error {
	entries, err := os.ReadDir(backupDir) // in the order of time
	if err != nil {
		return err
	}
	needed := make(map[string]bool)
	for _, s := range r.Steps {
		for _, c := range s.Changes {
			needed[filepath.Base(filepath.Dir(c.Backup))] = true
		}
	}
	entries = slices.DeleteFunc(entries, func(entry os.DirEntry) bool {
		_, err := time.Parse(backupName, entry.Name())
		return err != nil || needed[entry.Name()]
	})
	for _, entry := range entries[:max(0, len(entries)-maxBackups)] {
		err = errors.Join(err, os.RemoveAll(filepath.Join(backupDir, entry.Name())))
	}
	return err
}

func (r *record) close() { r.lock.Unlock() }

// save stores the record, or removes it if it has no steps.
func (r *record) save(ctx context.Context) error {
	if len(r.Steps) == 0 {
		return r.disk.remove(ctx, recordFile)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return r.disk.write(ctx, recordFile, text, 0o600, user{})
}

// begin copies the files that the step changes, and stores the step. It sets Backup in the step's changes.
func (r *record) begin(ctx context.Context, s *step, disks disks) error {
	dir := filepath.Join(backupDir, time.Now().UTC().Format(backupName))
	for i, c := range s.Changes {
		if c.Kind != makeFile && c.Kind != editFile {
			continue
		}
		content, err := disks.of(c).read(ctx, c.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.MkdirAll(dir, 0o700)
		}
		if err != nil {
			return err
		}
		s.Changes[i].Backup = filepath.Join(dir, strings.ReplaceAll(strings.Trim(c.Path, "/"), "/", "_"))
		if err := r.disk.write(ctx, s.Changes[i].Backup, content, 0o600, user{}); err != nil {
			return err
		}
	}
	r.Steps = append(r.Steps, *s)
	return r.save(ctx)
}

// undoFrom undoes the steps from an index on, the last one first. It continues after an error, and keeps the steps
// that could not be undone.
func (r *record) undoFrom(ctx context.Context, index int, undo func(step) error) error {
	var errs []error
	var saved error
	for i := len(r.Steps) - 1; i >= index; i-- {
		if err := undo(r.Steps[i]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Steps[i].Name, err))
			continue
		}
		r.Steps = slices.Delete(r.Steps, i, i+1)
		r.Proven = min(r.Proven, len(r.Steps))
		saved = r.save(ctx) // undoing a step again has no effect, so only the last save counts
	}
	return errors.Join(append(errs, saved)...)
}
