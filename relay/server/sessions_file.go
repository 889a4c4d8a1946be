package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/fileop"
)

// sessionsFile is the format of the file that holds the sessions during a restart.
type sessionsFile struct {
	Epoch    string                    `json:"epoch"`
	Browsers map[string][]sessionEntry `json:"browsers"`
}

// sessionEntry is a lostConnection in the file.
type sessionEntry struct {
	LastDelivered uint64    `json:"had"`
	At            time.Time `json:"at"`
}

// loadSessions returns the sessions in a file, if they are of the log's epoch, and empties the file first: its content
// is outdated as soon as a client reconnects.
func loadSessions(fsys durable.FS, file, epoch string, logger *slog.Logger) *sessions {
	defer fileop.Begin("read", file).End()
	s := newSessions(fsys, file)
	var content sessionsFile
	text, err := durable.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return s
	}
	if len(text) > 0 { // otherwise it was emptied before
		err = errors.Join(err, json.Unmarshal(text, &content))
	}
	if err = errors.Join(err, s.deleteFile()); err != nil {
		logger.Warn("session load failed, returning browsers may miss events", "file", file, "error", err)
		return s
	}
	if content.Epoch != epoch {
		return s
	}
	var all []lostConnection
	for browser, entries := range content.Browsers {
		for _, entry := range entries {
			all = append(all, lostConnection{browser, entry.LastDelivered, entry.At})
		}
	}
	slices.SortFunc(all, func(a, b lostConnection) int { return a.at.Compare(b.at) }) // insert is fast in this order
	for _, lost := range all {
		s.insert(lost)
	}
	return s
}

// save writes the sessions to the file.
func (s *sessions) save(epoch string) error {
	defer fileop.Begin("write", s.file).End()
	s.mu.Lock()
	defer s.mu.Unlock()
	content := sessionsFile{epoch, make(map[string][]sessionEntry)}
	for browser, elements := range s.byBrowser {
		for _, element := range elements {
			lost := element.Value.(lostConnection)
			content.Browsers[browser] = append(content.Browsers[browser], sessionEntry{lost.lastDelivered, lost.at})
		}
	}
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode sessions: %w", err)
	}
	dir := filepath.Dir(s.file)
	if err := durable.MkdirAll(s.fs, dir, 0o700); err != nil { // it may have been deleted since the start
		return err
	}
	return errors.Join(durable.Replace(s.fs, s.file, text), durable.SyncParents(s.fs, dir))
}

// deleteFile deletes the file. It returns an error if a power failure may restore the file with its content.
func (s *sessions) deleteFile() error {
	emptied := durable.OverwriteSync(s.fs, s.file, nil)
	removed := s.fs.Remove(s.file)
	if emptied == nil {
		return nil
	}
	return errors.Join(removed, s.fs.SyncDir(filepath.Dir(s.file)))
}
