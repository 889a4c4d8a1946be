//go:build linux

package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	settings "wpre-relay/relay/config"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// site is a directory with the layout of WordPress, and the state directory of its relay.
type site struct {
	t     testing.TB
	root  string
	file  string // the event file
	state string
}

func newSite(t testing.TB) *site {
	t.Helper()
	root := t.TempDir()
	s := &site{
		t:     t,
		root:  root,
		file:  filepath.Join(root, "wp-content", "realtime-events", "latest_event.json"),
		state: filepath.Join(root, "state"),
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts a relay for the site and waits until it is ready.
func (s *site) start(args ...string) *relay {
	s.t.Helper()
	all := append([]string{"--watch", s.root, "--state-dir", s.state, "--log-level", "debug"}, args...)
	return start(s.t, relayCommand(s.t, all...))
}

// writeHistory writes n events of a size to the journal of a relay that does not run yet. To publish them takes a
// relay with the race detector 20 times as long.
func (s *site) writeHistory(n, size int) {
	s.t.Helper()
	capture := settings.Capture{StateDir: s.state}
	dir, err := capture.StatePath(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := eventlog.Open(dir, eventlog.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	for range n {
		event, _, err := schema.Decode([]byte(paddedDocument(size)), 0)
		if err != nil {
			s.t.Fatal(err)
		}
		log.Append(event)
	}
	if err := log.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// document returns the document of event n.
func document(n int) string { return fmt.Sprintf(`{"timestamp":%d,"type":"post_saved"}`, n) }

// documents returns the documents of events 1 to n.
func documents(n int) (all []string) {
	for i := range n {
		all = append(all, document(i+1))
	}
	return all
}

// write writes event n to the event file.
func (s *site) write(n int) {
	s.t.Helper()
	s.writeDocument(document(n))
}

// writeDocument writes the event file with the system calls of the plugin: open, truncate, write, chmod.
func (s *site) writeDocument(document string) {
	s.t.Helper()
	if err := errors.Join(os.WriteFile(s.file, []byte(document), 0o644), os.Chmod(s.file, 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// journal returns the events in the relay's journal. It fails the test if the sequence numbers are not 1, 2, 3 and so
// on.
func (s *site) journal() (events []int) {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.state, "*", "journal*.ndjson"))
	if err != nil || len(paths) != 1 {
		s.t.Fatalf("journals: %v, %v, want one", paths, err)
	}
	content, err := os.ReadFile(paths[0])
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var record struct {
			ID    string
			Event struct{ Timestamp int }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			s.t.Fatalf("%v in %q", err, line)
		}
		events = append(events, record.Event.Timestamp)
		if !strings.HasSuffix(record.ID, fmt.Sprintf("-%d", len(events))) {
			s.t.Fatalf("record %d has position %s", len(events), record.ID)
		}
	}
	return events
}

// writeFile writes a file for a test and creates its directory.
func writeFile(t testing.TB, path, content string) {
	t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}
