package eventlog

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"wpre-relay/schema"
)

const checkpointName = "state.json"

// checkpoint is a file beside the journal. It says which sequence numbers may have been assigned although the
// journal does not hold them; those must not be assigned to other events.
type checkpoint struct {
	// Next is the position of the next record when the checkpoint was written. Before then, no sequence number from
	// Next on was assigned.
	Next schema.Position `json:"next"`

	// Boot identifies the system's boot in which the log was opened. It is "" after an orderly close. If the system
	// went down in between, the newest records may be missing on disk.
	Boot string `json:"boot,omitempty"`

	// Unwritten is set if records were published that could not be written to the journal.
	Unwritten bool `json:"unwritten,omitempty"`

	// Provisional is set until Log.Confirm is called, if Options.Provisional is set and the log is new. No
	// client or publisher knows its records, and the next Open discards them.
	Provisional bool `json:"provisional,omitempty"`
}

// uncertain reports whether sequence numbers beyond both the journal and Next may have been assigned.
func (c checkpoint) uncertain() bool { return c.Unwritten || c.Boot != "" && c.Boot != bootID() }

// readCheckpoint returns the checkpoint in dir, or the zero checkpoint if there is none. It sets Unwritten for a
// file that is not valid JSON.
func readCheckpoint(dir string) (c checkpoint, err error) {
	content, err := os.ReadFile(filepath.Join(dir, checkpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil && json.Unmarshal(content, &c) != nil {
		c = checkpoint{Unwritten: true}
	}
	return c, err
}

// write writes c into dir and syncs it to disk.
func (c checkpoint) write(dir string) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, checkpointName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(content, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}
