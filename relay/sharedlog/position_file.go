package sharedlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"wpre-relay/relay/durable"
	"wpre-relay/schema"
)

// savedSize is the size of a file with a position, which has 53 bytes at most and is padded with spaces.
const savedSize = 64

// positionFile is a file with one position. It always has a whole one, also after a kill, a power failure and a write
// that failed. After a power failure it may be an earlier one, since only a new file is synced.
type positionFile struct {
	fs   durable.FS
	path string
}

// load returns the position, and the text of the file for log messages. The error is fs.ErrNotExist, one of the file
// system, or says that the text is invalid.
func (f positionFile) load() (at schema.Position, text string, err error) {
	content, err := durable.ReadFile(f.fs, f.path)
	if err != nil {
		return at, "", err
	}
	text = strings.TrimSpace(string(content))
	at, err = schema.ParsePosition(text)
	if err != nil {
		err = errInvalidPosition{err}
	}
	return at, text, err
}

// errInvalidPosition says that a file holds no position.
type errInvalidPosition struct{ error }

// save writes a position in place, within one sector. If that fails, a part may be written, so it replaces the file.
func (f positionFile) save(at schema.Position) error {
	text := fmt.Appendf(nil, "%-*s\n", savedSize-1, at.String())
	if durable.Overwrite(f.fs, f.path, text) == nil {
		return nil
	}
	return durable.Replace(f.fs, f.path, text)
}

// remove deletes the file, if it exists, and makes that durable.
func (f positionFile) remove() error {
	if err := f.fs.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.fs.SyncDir(filepath.Dir(f.path))
}
