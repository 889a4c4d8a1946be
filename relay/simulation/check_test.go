package simulation

import (
	"runtime"
	"testing/synctest"
	"time"

	"wpre-relay/watcher"
)

// maxGoroutines bounds the goroutines of a process with maxSimulated clients and unfinished handshakes.
const maxGoroutines = 2000

// settle lets the relay run until it waits, and clients read until there is nothing more.
func (s *simulation) settle() {
	for progress := true; progress; {
		synctest.Wait()
		if s.process.log != nil {
			s.observe()
		}
		progress = false
		for _, c := range s.clients {
			progress = c.read(1<<20) || progress
		}
	}
}

// pass lets time pass, in which clients read.
func (s *simulation) pass(d time.Duration) {
	s.step("pass %s", d)
	known := len(s.model.of(s.model.epoch).records)
	for end := time.Now().Add(d); time.Now().Before(end) && !s.crashed.Load(); {
		time.Sleep(min(time.Second, time.Until(end)))
		s.settle()
	}
	p := s.process
	if s.crashed.Load() {
		return
	}
	if d > 2*time.Second && !p.disk.hasFailed() {
		for _, r := range s.model.of(s.model.epoch).records[:known] {
			r.synced = true
		}
	}
	if d > 3*time.Second {
		s.lossy = false
	}
	s.check()
}

// mayClose reports whether the relay may end connections now.
func (s *simulation) mayClose() bool {
	return s.stopping || s.crashed.Load() || s.process.disk.hasFailed()
}

// excused reports whether disk calls have failed, so that the log may lack records.
func (s *simulation) excused() bool { return s.excuse || s.process.disk.hasFailed() }

// unordered reports whether the model learns of records out of order: after a crash, the clients have different ones,
// and records that cannot be written are in memory only until newer ones replace them.
func (s *simulation) unordered() bool { return s.crashed.Load() || s.process.disk.hasFailed() }

// check checks the promises about a relay that waits.
func (s *simulation) check() {
	p := s.process
	if s.crashed.Load() || s.stopping || len(s.problems) > 0 {
		return
	}
	if n := runtime.NumGoroutine(); n > maxGoroutines {
		s.problem("%d goroutines", n)
	}
	if b := p.buffers.Status(); b.Used > b.Total {
		s.problem("%d bytes of a budget of %d are used", b.Used, b.Total)
	}
	if n := len(p.log.Records()); n > memoryRecords {
		s.problem("%d records are in memory", n)
	}
	s.checkCapture()
	for _, c := range s.clients {
		s.checkLive(c)
	}
}

// checkCapture checks that the document in the event file was relayed, and each one once.
func (s *simulation) checkCapture() {
	m := s.model
	for _, document := range s.writer.written {
		if n := m.times[document]; n > 1+s.writer.repeats[document] {
			s.problem("%.50s was relayed %d times", document, n)
		}
	}
	status := s.process.watcher.Status()
	if s.lossy || status.Mode == watcher.Polling {
		return
	}
	if s.writer.content == s.writer.newest && s.writer.exists && m.times[s.writer.newest] == 0 {
		s.problem("%.50s was not relayed", s.writer.newest)
	}
	if decided := s.process.decisions() - s.process.atStart; !s.inexact &&
		decided != uint64(s.process.notifications.announced()) {
		s.problem("%d decisions about %d writes: %v", decided, s.process.notifications.announced(),
			s.process.relay.Decisions().Counts())
	}
}

// checkLive checks that a client that reads has everything.
func (s *simulation) checkLive(c *client) {
	if c.conn == nil || !c.open || c.stalled || s.process.disk.hasFailed() {
		return
	}
	head := s.process.log.Head().Seq
	switch {
	case c.jumps > 0: // it got the events of the catch-up, and none since
	case c.kind == plain:
		all := len(s.model.of(s.model.epoch).records)
		if c.expects >= 0 && (c.expects > all || c.expects+c.session.unsure < all) {
			s.problem("plain client %d has %d of %d records", c.id, c.expects, all)
		}
	case c.only != "" || c.at.Epoch == "":
	case c.at.Seq != head:
		s.problem("client %d is at %v, want %d", c.id, c.at, head)
	}
}

// again writes an earlier document again. It is a new event only if it is not older than the newest, and another one.
func (s *simulation) again(document string) {
	s.settle()
	if all := s.model.of(s.model.epoch).records; len(all) == 0 || all[len(all)-1].document != document || s.unordered() {
		s.writer.repeats[document]++
	}
	s.step("write again %.50s", document)
	s.change(func() { s.writer.write(document) })
	s.settle()
}
