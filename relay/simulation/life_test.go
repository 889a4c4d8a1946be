package simulation

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing/synctest"
	"time"

	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// ending is how a process ends.
type ending int

const (
	stopped ending = iota
	killed
	powerCut
)

// yields is how often other goroutines may run during the last disk call of a process.
const yields = 200

// stopLimit is the longest time that a stop may take.
const stopLimit = 20 * time.Second

// live runs one process until it ends.
func (s *simulation) live() {
	s.prepare()
	if s.random.IntN(3) == 0 {
		s.armCrash()
	}
	if s.random.IntN(8) == 0 {
		s.failDisk()
	}
	if !s.open() {
		return
	}
	for range 10 + s.random.IntN(50) {
		s.randomStep()
		if s.crashed.Load() || len(s.problems) > 0 {
			break
		}
	}
	s.end(ending(s.random.IntN(3)))
}

// liveLast runs a process without failures, in which each client gets everything.
func (s *simulation) liveLast() {
	s.prepare()
	if !s.open() {
		return
	}
	for _, c := range s.clients {
		c.connect()
	}
	s.pass(acceptTime)
	s.write(s.writer.document(s.random))
	s.pass(3 * time.Second)
	s.end(stopped)
}

// prepare makes a process that is not started.
func (s *simulation) prepare() {
	s.process = &process{disk: newDisk(s.inner), network: newNetwork(), notifications: new(notifications)}
	s.writer.tell = s.process.notifications
	s.stopping, s.lossy, s.inexact, s.observed = false, false, false, 0
	s.crashed.Store(false)
	if s.writer.late { // the file looks as if it was written again since
		s.writer.repeats[strings.TrimSpace(s.writer.content)]++
	}
}

// armCrash makes the process crash before one of its next changes of the disk.
func (s *simulation) armCrash() {
	random := rand.New(rand.NewPCG(s.random.Uint64(), 0)) // another goroutine uses it
	how, drop, d := killed+ending(s.random.IntN(2)), s.random.IntN(2) == 0, s.process.disk
	defer d.lock()()
	d.crashIn = 1 + s.random.IntN(80)
	d.onCrash = func() { s.crash(random, how, drop) }
	s.step("crash %d armed, in %d changes of the disk", how, d.crashIn)
}

// crash ends the process during a disk call, which takes so long that other goroutines run meanwhile. The caller holds
// the disk's lock.
func (s *simulation) crash(random *rand.Rand, how ending, drop bool) {
	for range yields {
		runtime.Gosched()
	}
	if s.crashed.Swap(true) {
		return
	}
	s.step("crash %d", how)
	s.process.network.cutAll(drop)
	s.inner = s.process.disk.after(random, how == powerCut)
	s.ending = max(s.ending, how)
	if how == killed {
		s.counts.kills++
	} else {
		s.counts.powerCuts++
	}
}

// open starts the process and compares its log with the model. It reports false if the process does not run.
func (s *simulation) open() bool {
	err := s.process.start(s)
	synctest.Wait()
	if err != nil && !s.crashed.Load() {
		if !s.process.disk.hasFailed() {
			s.problem("the relay does not start: %v", err)
		}
		s.step("start failed: %v", err)
		s.end(killed)
		return false
	}
	if s.crashed.Load() {
		s.end(killed)
		return false
	}
	s.compare()
	return true
}

// compare compares the log of a new process with the model.
func (s *simulation) compare() {
	log, m := s.process.log, s.model
	if m.epoch != log.Epoch() {
		if m.epoch != "" && len(m.of(m.epoch).records) > 0 && !s.excuse {
			s.problem("the log has epoch %s, want %s", log.Epoch(), m.epoch)
		}
		m.epoch = log.Epoch()
		clear(m.times)
	}
	kept := s.observe()
	if problem := m.lose(kept, s.ending != powerCut, s.excuse); problem != "" {
		s.problem("after ending %d: %s", s.ending, problem)
	}
	if s.ending == stopped && !s.excuse {
		m.sync()
	}
	s.ending, s.excuse = stopped, s.process.disk.hasFailed()
}

// observe adds the new records of the log to the model, and returns their numbers. It must be called before the log
// drops them. After a crash, the process may have records that no client has got.
func (s *simulation) observe() (numbers []uint64) {
	for !s.crashed.Load() {
		recs, upTo, _, err := s.process.log.Read(nil, s.observed, 1<<20)
		if err != nil && !s.process.disk.hasFailed() {
			s.problem("read log: %v", err)
		}
		if err != nil || upTo == s.observed || s.crashed.Load() {
			return numbers
		}
		for _, rec := range recs {
			numbers = append(numbers, rec.Position.Seq)
			at := schema.Position{Epoch: rec.Position.Epoch, Seq: rec.Position.Seq}
			if problem := s.model.see(at, string(rec.Event.Document), s.unordered()); problem != "" {
				s.problem("record %v: %s", at, problem)
			}
		}
		s.observed = upTo
	}
	return numbers
}

// end ends the process. It has crashed, or ends in the given way.
func (s *simulation) end(how ending) {
	p := s.process
	if how == stopped && !s.crashed.Load() {
		s.stop()
	}
	if !s.crashed.Load() && (how != stopped || len(s.problems) > 0) {
		unlock := p.disk.lock()
		s.crash(s.random, max(how, killed), s.random.IntN(2) == 0)
		unlock()
	}
	for _, c := range s.clients {
		c.stalled = false
		for c.read(1 << 20) {
		}
		c.conn = nil
		c.session.lost = c.session.lost && !s.crashed.Load()
	}
	p.network.cutAll(true)
	p.abandon()
	s.excuse = s.excuse || p.disk.hasFailed()
}

// stop stops the process as a service manager does, while clients read.
func (s *simulation) stop() {
	s.settle()
	s.check()
	p, over := s.process, time.Duration(s.random.IntN(3))*time.Second
	s.step("stop, spread over %s", over)
	s.stopping = true
	ended := make(chan error, 1)
	go func() { ended <- p.stop(fanout.CloseRestart, over) }()
	for begun := time.Now(); ; {
		s.settle()
		select {
		case err := <-ended:
			s.stopped(err)
			return
		default:
		}
		if s.crashed.Load() {
			<-ended
			return
		}
		if time.Since(begun) > over+stopLimit {
			s.problem("the relay does not stop")
			<-ended
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stopped checks a process that has stopped.
func (s *simulation) stopped(err error) {
	p := s.process
	if s.crashed.Load() {
		return
	}
	if err != nil && !p.disk.hasFailed() {
		s.problem("stop: %v", err)
	}
	if n := p.server.Status().Clients; n != 0 {
		s.problem("%d clients are left", n)
	}
	if used := p.buffers.Status().Used; used != 0 {
		s.problem("%d bytes of the budget are left", used)
	}
	defer p.disk.lock()()
	s.inner, p.log = p.disk.disk.Kill(), nil
	p.disk.crashIn = 0
}
