package eventlog

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"wpre-relay/schema"
)

const markerName = "state.json"

// marker is a note beside the journal of what that cannot tell by itself: which numbers may have been given out that
// do not stand in it. Such a number must not be given to another event.
type marker struct {
	// Next is the position of the record to come as of this note: no number from there on was given out before.
	Next schema.Position `json:"next"`

	// Boot is the boot of the system that the log was opened in, "" once it is closed in good order. If the system
	// went down meanwhile, what was written last may not have reached the disk.
	Boot string `json:"boot,omitempty"`

	// Unwritten says that records were given out that could not be written.
	Unwritten bool `json:"unwritten,omitempty"`
}

// unsure reports whether numbers beyond both the journal and Next may have been given out.
func (m marker) unsure() bool { return m.Unwritten || m.Boot != "" && m.Boot != bootID() }

// readMarker returns the marker in dir, the zero one if there is none. What cannot be understood counts as Unwritten.
func readMarker(dir string) (m marker, err error) {
	content, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil && json.Unmarshal(content, &m) != nil {
		m = marker{Unwritten: true}
	}
	return m, err
}

// write puts m into dir, and through to the disk.
func (m marker) write(dir string) error {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, markerName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(content, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}
