package simulation

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/durable/durabletest"
)

var (
	duration = flag.Duration("sim.duration", defaultDuration, "how long TestSimulation runs new seeds")
	seedFlag = flag.Uint64("sim.seed", 0, "the only seed that TestSimulation runs; 0: all from 1")
	repeat   = flag.Int("sim.repeat", 1, "how often it runs the seed of -sim.seed")
	verbose  = flag.Bool("sim.log", false, "print the relay's log")
)

// maxTrace is the number of steps that a failure prints.
const maxTrace = 40

// simulation is the run of one seed: several processes of the relay, one after the other, on one disk.
type simulation struct {
	t            *testing.T
	random       *rand.Rand
	logger       *slog.Logger
	writer       *writer
	model        *model
	clients      []*client
	sessionsFile string
	counts       *counts

	inner    *durabletest.Disk // what the next process finds
	process  *process
	lives    int
	clock    time.Time // end of the last process
	ending   ending    // the worst since the last process that ran
	excuse   bool      // disk calls have failed, so that records may be lost
	observed uint64    // number of the newest record that the model knows from the log
	stopping bool
	crashed  atomic.Bool // the process was killed, or lost its power
	lossy    bool        // notifications were lost; the watcher may be late
	inexact  bool        // the estimate of overwritten documents may be wrong

	mu       sync.Mutex
	trace    []string // guarded by mu
	problems []string // guarded by mu
}

// counts are the figures of all seeds.
type counts struct{ seeds, lives, kills, powerCuts, events, connections, steps int }

// TestSimulation runs random seeds. It checks that the relay keeps its promises (see guarantees.md) whatever happens.
func TestSimulation(t *testing.T) {
	var total counts
	start := time.Now()
	failed := 0
	for seed := uint64(1); failed == 0 && time.Since(start) < *duration; seed++ {
		if *seedFlag == 0 {
			failed += runSeed(t, seed, &total)
			continue
		}
		for range *repeat {
			failed += runSeed(t, *seedFlag, &total)
		}
		break
	}
	seconds := time.Since(start).Seconds()
	t.Logf("%+v in %.1f s; %d of %d runs failed", total, seconds, failed, total.seeds)
}

// runSeed runs one seed. It returns 1 if it has found a problem, and otherwise 0.
func runSeed(t *testing.T, seed uint64, total *counts) (failed int) {
	fmt.Println("seed", seed) // a panic of the relay ends the process; go test then prints this
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	s := &simulation{
		t: t, random: random, model: newModel(), writer: newWriter(dir), counts: total,
		logger:       slog.New(slog.DiscardHandler),
		sessionsFile: filepath.Join(dir, "resume.json"),
		inner: durabletest.NewDisk(durabletest.Model{
			Piece: 512 << (3 * random.IntN(2)), EntriesByFile: random.IntN(2) == 0,
		}),
	}
	if *verbose {
		s.logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	files := openFiles()
	s.run()
	if now := openFiles(); now != files {
		s.problem("%d files were open before, and %d are now", files, now)
	}
	total.seeds++
	if len(s.problems) == 0 {
		return 0
	}
	t.Errorf("seed %d:\n%s\n\nthe last steps:\n%s\n\nrepeat: go test ./relay/simulation -run TestSimulation -sim.seed=%d"+
		" -sim.repeat=20", seed, strings.Join(s.problems, "\n"),
		strings.Join(s.trace[max(0, len(s.trace)-maxTrace):], "\n"), seed)
	return 1
}

// openFiles returns the number of open files, or 0 where the system has no list of them.
func openFiles() int {
	if r, w, err := os.Pipe(); err == nil { // makes Go's runtime open its own
		r.Close()
		w.Close()
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// run runs some processes with failures, and a last one without.
func (s *simulation) run() {
	defer func() {
		if failure := recover(); failure != nil {
			s.problem("panic: %v", failure)
		}
	}()
	for range 1 + s.random.IntN(5) {
		s.bubble(s.live)
	}
	s.bubble(s.liveLast)
}

// bubble runs one process in virtual time, which begins again for each. It does nothing after a problem.
func (s *simulation) bubble(life func()) {
	if len(s.problems) > 0 {
		return
	}
	synctest.Test(s.t, func(*testing.T) {
		defer func() {
			if failure := recover(); failure != nil {
				s.problem("panic of the test: %v", failure)
				panic(failure)
			}
		}()
		s.lives++
		s.counts.lives++
		s.setClock()
		life()
		s.clock = time.Now()
		synctest.Wait()
	})
}

// setClock waits until the process starts: some time after the last one ended, or before, as if the clock was set back.
func (s *simulation) setClock() {
	start := s.clock.Add(time.Duration(s.random.IntN(20)) * time.Second)
	if s.clock.IsZero() {
		start = time.Now().Add(10 * time.Hour)
	}
	if s.random.IntN(5) == 0 {
		start = start.Add(time.Duration(s.random.IntN(7200)-3600) * time.Second)
	}
	time.Sleep(time.Until(start))
	s.step("process %d starts", s.lives)
}

// step adds a line to the trace.
func (s *simulation) step(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.steps++
	s.trace = append(s.trace, fmt.Sprintf("%d %s  ", s.lives, time.Now().UTC().Format("15:04:05.000"))+
		fmt.Sprintf(format, args...))
}

// problem records a broken promise. Only the first ones are kept.
func (s *simulation) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.step("PROBLEM: %s", text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.problems) < 5 {
		s.problems = append(s.problems, fmt.Sprintf("process %d: %s", s.lives, text))
	}
}
