package simulation

import (
	"context"
	"strings"
	"syscall"
	"time"
)

const (
	maxSimulated = 16   // clients
	stalledRead  = 2000 // bytes that a stalled client reads now and then

	// acceptTime is longer than the listener takes to accept a few connections.
	acceptTime = 10 * time.Millisecond
)

// steps are the random steps, with their weights.
var steps = []struct {
	weight int
	run    func(*simulation)
}{
	{10, func(s *simulation) { s.write(s.writer.document(s.random)) }},
	{4, (*simulation).burst},
	{3, (*simulation).writeSlowly},
	{3, (*simulation).writeOddly},
	{2, (*simulation).rewrite},
	{2, (*simulation).loseNotifications},
	{8, (*simulation).connectSome},
	{3, (*simulation).disconnectSome},
	{3, (*simulation).stallSome},
	{2, (*simulation).readSome},
	{2, (*simulation).flood},
	{3, (*simulation).failHandshakes},
	{2, (*simulation).publish},
	{5, func(s *simulation) { s.pass(time.Duration(s.random.IntN(3000)) * time.Millisecond) }},
	{1, func(s *simulation) { s.pass(time.Duration(s.random.IntN(90)) * time.Second) }},
	{1, (*simulation).suspend},
	{1, (*simulation).jumpClock},
	{1, (*simulation).failDisk},
}

// randomStep takes one step.
func (s *simulation) randomStep() {
	sum := 0
	for _, step := range steps {
		sum += step.weight
	}
	n := s.random.IntN(sum)
	for _, step := range steps {
		if n -= step.weight; n < 0 {
			step.run(s)
			return
		}
	}
}

// write writes a document. It must be relayed at once.
func (s *simulation) write(document string) {
	s.step("write %.50s", document)
	s.counts.events++
	s.change(func() { s.writer.write(document) })
	s.settle()
	s.check()
}

// change changes the event file while no notification arrives, so that the watcher does not read it meanwhile.
func (s *simulation) change(change func()) {
	s.process.notifications.hold(true)
	change()
	s.process.notifications.hold(false)
}

// burst writes several documents before the watcher can read one.
func (s *simulation) burst() {
	n := 2 + s.random.IntN(30)
	s.step("write %d documents at once", n)
	s.change(func() {
		for range n {
			s.writer.write(s.writer.document(s.random))
		}
	})
	s.counts.events += n
	if s.random.IntN(3) > 0 {
		s.settle()
		s.check()
	}
}

// writeSlowly writes a document in parts, with pauses.
func (s *simulation) writeSlowly() {
	document := s.writer.document(s.random)
	s.step("write slowly %.50s", document)
	s.counts.events++
	s.change(s.writer.begin)
	for rest := document; rest != ""; {
		if s.random.IntN(2) == 0 {
			pause := time.Duration(s.random.IntN(80)) * time.Millisecond
			s.inexact = s.inexact || pause > 0
			s.pass(pause)
		}
		n := 1 + s.random.IntN(len(rest))
		s.change(func() { s.writer.append(rest[:n]) })
		rest = rest[n:]
	}
	s.change(s.writer.end)
	s.settle()
	s.check()
}

// writeOddly writes a torn document, something that is no event, or removes the file.
func (s *simulation) writeOddly() {
	s.counts.events++
	switch s.random.IntN(4) {
	case 0:
		s.write(s.writer.document(s.random) + `xxx"}`)
	case 1:
		s.write([]string{`{"type":"a"}`, "[]", "null", "\xff", strings.Repeat("x", maxEventSize+10)}[s.random.IntN(5)])
	case 2:
		s.write(" " + s.writer.document(s.random) + "\n")
	default:
		s.step("remove the file")
		s.change(s.writer.remove)
		s.settle()
	}
}

// rewrite writes a document again: the newest, or an earlier one as from a backup.
func (s *simulation) rewrite() {
	if len(s.writer.written) > 0 {
		s.again(s.writer.written[s.random.IntN(len(s.writer.written))])
	}
}

// loseNotifications writes a document that is not announced, or fills the kernel's queue.
func (s *simulation) loseNotifications() {
	document := s.writer.document(s.random)
	s.step("lose notifications about %.50s", document)
	s.lossy, s.inexact = true, true
	if s.random.IntN(2) == 0 {
		s.change(func() {
			s.writer.write(document)
			s.process.notifications.overflow()
		})
	} else {
		s.writer.set(document)
	}
	s.settle()
	s.pass(time.Duration(s.random.IntN(5000)) * time.Millisecond)
}

// publish sends many documents past the event file.
func (s *simulation) publish() {
	n := 1 + s.random.IntN(100)
	s.step("publish %d documents", n)
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := s.process.relay.Publish(ctx, []byte(s.writer.document(s.random)))
		cancel()
		if err != nil && !s.process.disk.hasFailed() && !s.crashed.Load() {
			s.problem("publish: %v", err)
		}
		s.observe()
	}
	s.counts.events += n
	s.inexact = true
	s.settle()
	s.check()
}

// suspend lets time pass in which no client reads.
func (s *simulation) suspend() {
	d := time.Duration(s.random.IntN(600)) * time.Second
	s.step("suspend for %s", d)
	for _, c := range s.clients {
		c.unhealthy = true
	}
	time.Sleep(d)
	s.settle()
}

// jumpClock changes the clock of the writer.
func (s *simulation) jumpClock() {
	s.writer.skew = time.Duration(s.random.IntN(7200)-3600) * time.Second
	s.step("the writer's clock differs by %s", s.writer.skew)
}

// failDisk makes the next calls of one kind fail.
func (s *simulation) failDisk() {
	f := fault{
		call: []string{"open", "write", "sync", "rename", "read", "truncate"}[s.random.IntN(6)],
		path: stateDir + "/" + []string{"journal.ndjson", "state.json", "state.json.tmp"}[s.random.IntN(3)],
		left: 1 + s.random.IntN(4),
		err:  []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS}[s.random.IntN(3)],
	}
	s.step("disk calls fail: %+v", f)
	s.process.disk.setFault(f)
}
