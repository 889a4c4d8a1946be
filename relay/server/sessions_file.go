package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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

// loadSessions returns the sessions in a file, if they are of the log's epoch, and deletes the file: its content is
// outdated as soon as a client reconnects.
func loadSessions(file, epoch string, logger *slog.Logger) *sessions {
	defer fileop.Begin("read", file)()
	s := newSessions(file)
	var content sessionsFile
	text, err := durable.ReadFile(durable.OS, file)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &content), os.Remove(file), durable.OS.SyncDir(filepath.Dir(file)))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	defer fileop.Begin("write", s.file)()
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
	if err := durable.MkdirAll(durable.OS, dir, 0o700); err != nil { // it may have been deleted since the start
		return err
	}
	return durable.Replace(durable.OS, s.file, text)
}
