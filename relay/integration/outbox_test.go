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

// companion writes events as the companion in WordPress does: into the outbox, which it begins anew at 1000 lines, and
// then into the plugin's file.
type companion struct {
	site *site
	last int
}

func (c *companion) outbox(kind string) string {
	return filepath.Join(filepath.Dir(c.site.file), "events-0123456789abcdef"+kind)
}

func (c *companion) write() {
	c.site.t.Helper()
	c.last++
	stamp := schema.Stamp{Position: schema.Position{Epoch: "5f3a9c01", Seq: uint64(c.last)}, Time: time.Now().UTC().Truncate(time.Microsecond)}
	line := schema.Line{Stamp: stamp, Document: []byte(document(c.last))}.Append(nil)
	var rotated error
	if c.last%1000 == 0 {
		rotated = os.Rename(c.outbox(".ndjson"), c.outbox(".1.ndjson"))
	}
	outbox, err := os.OpenFile(c.outbox(".ndjson"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		c.site.t.Fatal(err)
	}
	_, err = outbox.Write(line)
	err = errors.Join(rotated, err, outbox.Close(), os.WriteFile(c.outbox(".tmp"), []byte(document(c.last)), 0o644), os.Rename(c.outbox(".tmp"), c.site.file))
	if err != nil {
		c.site.t.Fatal(err)
	}
}

// TestEveryEventOfTheOutboxComesOnceHoweverTheRelayDies kills the relay at random moments, and leaves it down for others.
func TestEveryEventOfTheOutboxComesOnceHoweverTheRelayDies(t *testing.T) {
	s := newSite(t)
	c := &companion{site: s}
	c.write() // a relay that remembers nothing begins with the newest
	until := func(ms int) {
		for deadline := time.Now().Add(time.Duration(rand.IntN(ms)) * time.Millisecond); time.Now().Before(deadline); {
			c.write()
		}
	}
	for range 25 {
		p := s.start()
		until(30)
		p.stop(syscall.SIGKILL)
		until(10)
	}
	p := s.start()
	conn := p.dial()
	for range 2 {
		c.write()
	}
	expect(t, conn, document(c.last), s.documents(c.last)...)
	conn.CloseNow()
	p.stop(syscall.SIGTERM)
	events := s.journal()
	for i, event := range events {
		if event != i+1 {
			t.Fatalf("event %d comes as the %d.", event, i+1)
		}
	}
	if len(events) != c.last {
		t.Errorf("the last event is %d, want %d", len(events), c.last)
	}
}

// documents returns those of events 1 to n.
func (s *site) documents(n int) (all []string) {
	for i := range n {
		all = append(all, document(i+1))
	}
	return all
}

// TestTheCompanionComesAndGoes installs the companion, removes it with its outbox, and without, while the relay runs.
func TestTheCompanionComesAndGoes(t *testing.T) {
	s := newSite(t)
	c := &companion{site: s}
	conn := s.start().dial()
	next := func(write func()) {
		t.Helper()
		write()
		expect(t, conn, document(c.last))
	}
	plain := func() { c.last++; s.write(c.last) }
	for range 3 {
		next(plain)
		next(plain)
		next(c.write)
		next(c.write)
		next(plain)
		next(c.write)
		next(plain)
		if err := os.Remove(c.outbox(".ndjson")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}
