//go:build linux

package integration_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wpre-relay/schema"
)

// outboxName is the name of the companion's outbox without its suffix.
const outboxName = "events-0123456789abcdef"

// companion writes events as the companion in WordPress does: into the outbox, which it rotates every 1000 lines, and
// then into the event file.
type companion struct {
	site *site
	last int // number of the last event
}

// outbox returns the path of the outbox with a suffix.
func (c *companion) outbox(suffix string) string {
	return filepath.Join(filepath.Dir(c.site.file), outboxName+suffix)
}

// write writes the next event.
func (c *companion) write() {
	c.site.t.Helper()
	c.last++
	line := schema.Line{
		Stamp: schema.Stamp{
			Position: schema.Position{Epoch: "5f3a9c01", Seq: uint64(c.last)},
			Time:     time.Now().UTC().Truncate(time.Microsecond),
		},
		Document: []byte(document(c.last)),
	}
	err := errors.Join(
		c.rotate(),
		appendFile(c.outbox(".ndjson"), line.Append(nil)),
		os.WriteFile(c.outbox(".tmp"), line.Document, 0o644),
		os.Rename(c.outbox(".tmp"), c.site.file),
	)
	if err != nil {
		c.site.t.Error(err)
	}
}

// rotate renames the outbox if it has 1000 lines.
func (c *companion) rotate() error {
	if c.last%1000 != 0 {
		return nil
	}
	return os.Rename(c.outbox(".ndjson"), c.outbox(".1.ndjson"))
}

// appendFile appends bytes to a file, which it creates if necessary.
func appendFile(path string, bytes []byte) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(bytes)
	return errors.Join(err, file.Close())
}

// writeFor writes events for a random time below the limit.
func (c *companion) writeFor(limit time.Duration) {
	for deadline := time.Now().Add(rand.N(limit)); time.Now().Before(deadline); {
		c.write()
	}
}

// TestKilledRelayDeliversEachOutboxEventOnce kills the relay at random moments and leaves it down while more events
// are written.
func TestKilledRelayDeliversEachOutboxEventOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &companion{site: s}
	c.write() // a relay without a state begins with the newest event
	for range 25 {
		r := s.start()
		c.writeFor(30 * time.Millisecond)
		r.stop(syscall.SIGKILL)
		c.writeFor(10 * time.Millisecond)
	}
	r := s.start()
	conn := r.dial()
	for range 2 {
		c.write()
	}
	expect(t, conn, document(c.last), documents(c.last)...)
	conn.CloseNow()
	r.stop(syscall.SIGTERM)
	events := s.journal()
	for i, event := range events {
		if event != i+1 {
			t.Fatalf("record %d holds event %d", i+1, event)
		}
	}
	if len(events) != c.last {
		t.Errorf("%d events in the journal, want %d", len(events), c.last)
	}
}

// TestNumbersDecideTheOrderWhenTheOutboxIsHidden hides the outbox while events are written.
func TestNumbersDecideTheOrderWhenTheOutboxIsHidden(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &companion{site: s}
	c.write()
	r := s.start()
	conn := r.dial()
	c.write()
	expect(t, conn, document(2), document(1))
	path, hidden := c.outbox(".ndjson"), filepath.Join(t.TempDir(), "hidden")
	if err := errors.Join(os.Rename(path, hidden), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	r.logged("outbox not readable", "error") // before that, it may read the hidden file, which it has open
	for range 8 {
		c.last++
		line := schema.Line{Document: []byte(document(c.last))}
		line.Position, line.Time = schema.Position{Epoch: "5f3a9c01", Seq: uint64(c.last)}, time.Now().UTC()
		if err := appendFile(hidden, line.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if c.last%4 == 0 {
			s.writeDocument(string(line.Document))
		}
	}
	r.logged("outbox cannot be read, events wait for it", "limit")
	if err := errors.Join(os.Remove(path), os.Rename(hidden, path)); err != nil {
		t.Fatal(err)
	}
	for n := 3; n <= c.last; n++ {
		expect(t, conn, document(n))
	}
	c.write()
	expect(t, conn, document(c.last))
}

// TestCompanionIsInstalledAndRemovedWhileRunning alternates between events with and without the companion, and
// removes its outbox in between.
func TestCompanionIsInstalledAndRemovedWhileRunning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &companion{site: s}
	conn := s.start().dial()
	plugin := func() { c.last++; s.write(c.last) }
	for range 3 {
		for _, write := range []func(){plugin, plugin, c.write, c.write, plugin, c.write, plugin} {
			write()
			expect(t, conn, document(c.last))
		}
		if err := os.Remove(c.outbox(".ndjson")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}
