//go:build linux

package integration_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	decisions "wpre-relay/relay"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// release is a release of a site whose companion writes into the release's own folder.
type release struct {
	t      *testing.T
	folder string // realtime-events
	last   schema.Position
	events []int // the events of this release
}

// newReleases creates n releases beside the link "current", which leads to the first one.
func newReleases(t *testing.T, n int) (s *site, releases []*release) {
	t.Helper()
	s = newSite(t)
	for i := range n {
		r := &release{
			t:      t,
			folder: filepath.Join(s.root, "releases", fmt.Sprint(i), "wp-content", "realtime-events"),
			last:   schema.Position{Epoch: fmt.Sprintf("e%d", i)},
		}
		if err := os.MkdirAll(r.folder, 0o755); err != nil {
			t.Fatal(err)
		}
		releases = append(releases, r)
	}
	s.root = filepath.Join(s.root, "current")
	s.file = filepath.Join(s.root, "wp-content", "realtime-events", "latest_event.json")
	s.deploy(0)
	return s, releases
}

// deploy switches the link to release n in one step.
func (s *site) deploy(n int) {
	s.t.Helper()
	link := s.root + ".new"
	target := filepath.Join("releases", fmt.Sprint(n))
	if err := errors.Join(os.Symlink(target, link), os.Rename(link, s.root)); err != nil {
		s.t.Fatal(err)
	}
}

// write writes event n as the companion of this release does.
func (r *release) write(n int) {
	r.t.Helper()
	r.last.Seq++
	r.events = append(r.events, n)
	stamp := schema.Stamp{Position: r.last, Time: time.Now().UTC().Truncate(time.Microsecond)}
	line := schema.Line{Stamp: stamp, Document: []byte(document(n))}
	outbox := filepath.Join(r.folder, outboxName)
	err := errors.Join(
		appendFile(outbox+".ndjson", line.Append(nil)),
		os.WriteFile(outbox+".tmp", line.Document, 0o644),
		os.Rename(outbox+".tmp", filepath.Join(r.folder, "latest_event.json")),
	)
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestDeploysLoseNoOutboxEvent switches between three releases, with rollbacks, while requests that began before a
// switch still write to the release before it.
func TestDeploysLoseNoOutboxEvent(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--poll-interval", "5ms"}} {
		s, releases := newReleases(t, 3)
		releases[0].write(1)
		r := s.start(args...)
		const events = 300
		current, previous := 0, 0
		for n := 2; n <= events; n++ {
			if n%20 == 0 {
				previous, current = current, (n/20*2)%3
				s.deploy(current)
			}
			if n%3 == 0 {
				releases[previous].write(n)
			} else {
				releases[current].write(n)
			}
		}
		relayed := func() bool { return r.status().Decisions[decisions.Relayed] >= events }
		if !testwait.Until(relayed) {
			t.Fatalf("%v relayed of %d events", r.status().Decisions, events)
		}
		r.stop(syscall.SIGTERM)
		journal := s.journal()
		for i, rel := range releases {
			got := slices.DeleteFunc(slices.Clone(journal), func(n int) bool { return !slices.Contains(rel.events, n) })
			if !slices.Equal(got, rel.events) {
				t.Errorf("%v: of release %d, relayed %v, want %v", args, i, got, rel.events)
			}
		}
		if len(journal) != events {
			t.Errorf("%v: %d events in the journal, want %d", args, len(journal), events)
		}
	}
}
