package eventlog_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/relay/eventlog"
)

var powerStates = flag.Int("power.states", 25_000/raceCost, "states that TestPowerFailure opens in each model")

const (
	// maxDepth is how many failures a log survives one after the other, except for the last.
	maxDepth = 2

	// continued is the mean number of cuts of which one is continued.
	continued = 1500
)

// powerOptions make the log rotate after a few records.
var powerOptions = eventlog.Options{Records: 4, MemoryRecords: 4, Provisional: true, Logger: quiet}

// power is a run of a log on a disk that loses power before each change.
type power struct {
	t      *testing.T
	random *rand.Rand
	states int // number of disks that were opened after a power failure or a kill
	broken map[string]int
	what   string // the call that has failed, if any
	thin   int    // mean number of disks of which TestEveryCallFailsOnce opens one
}

// TestPowerFailure cuts the power before each change of a disk, and at the end. On each disk that may be left, the log
// has every synced record, reuses no sequence number, and hides no gap.
func TestPowerFailure(t *testing.T) {
	for _, model := range durabletest.Models {
		t.Run(fmt.Sprintf("piece %d, entries by file %v", model.Piece, model.EntriesByFile), func(t *testing.T) {
			t.Parallel()
			p := &power{t: t, broken: make(map[string]int)}
			for seed := uint64(0); p.states < *powerStates && len(p.broken) == 0; seed++ {
				p.random = rand.New(rand.NewPCG(seed, 0))
				p.run(durabletest.NewDisk(model), new(history), maxDepth)
			}
			t.Logf("%d states, broken: %v", p.states, p.broken)
		})
	}
}

// run writes to a log on a disk, and restarts it, in random order. It cuts the power before each change. After some of
// the cuts it continues with the disk that is left, up to the given depth.
func (p *power) run(disk *durabletest.Disk, past *history, depth int) {
	disk.OnChange = func() { p.cut(disk, past, depth) }
	log := p.open(disk, past)
	for range 6 + p.random.IntN(10) {
		switch p.random.IntN(8) {
		case 0:
			log.Close()
			past.synced = len(past.published)
			log = p.open(disk, past)
		case 1:
			disk.OnChange = nil
			disk = disk.Kill()
			disk.OnChange = func() { p.cut(disk, past, depth) }
			log = p.open(disk, past)
		case 2, 3:
			n := len(past.published)
			log.Tick()
			past.synced = n
		default:
			past.append(p.t, log, 1+p.random.IntN(3))
		}
	}
	p.cut(disk, past, depth)
}

func (p *power) open(disk *durabletest.Disk, past *history) *eventlog.Log {
	log, err := openLog(disk, powerOptions)
	if err != nil {
		p.t.Fatalf("open: %v", err)
	}
	past.epoch = log.Epoch()
	return log
}

// openLog opens the log on a disk, and confirms it, as a relay does that starts.
func openLog(disk *durabletest.Disk, opts eventlog.Options) (*eventlog.Log, error) {
	opts.FS = disk
	log, err := eventlog.Open("/var/state", opts)
	if err == nil {
		log.Confirm()
	}
	return log, err
}

// cut opens the log on each disk that a power failure may leave, and on the one that a kill leaves.
func (p *power) cut(disk *durabletest.Disk, past *history, depth int) {
	if len(p.broken) > 0 || p.states >= *powerStates {
		return
	}
	p.restart(disk.Kill(), past, true, 0)
	disk.Cuts(p.random, func(left *durabletest.Disk) {
		again := 0
		if depth > 0 && p.random.IntN(continued) == 0 {
			again = depth
		}
		p.restart(left, past, false, again)
	})
}

// restart opens the log on a disk and checks it. If depth is not 0, it runs the log on with more failures.
func (p *power) restart(disk *durabletest.Disk, past *history, killed bool, depth int) {
	p.states++
	log, err := openLog(disk, powerOptions)
	if err != nil {
		p.fail("it does not open", err)
		return
	}
	next := past.clone()
	for _, problem := range next.check(p.t, log, killed) {
		p.fail(problem, next)
	}
	if depth > 0 {
		p.run(disk.Kill(), next, depth-1)
	}
}

// fail counts a broken state, and reports the first ones.
func (p *power) fail(problem string, detail any) {
	p.broken[problem]++
	if p.broken[problem] <= 2 {
		p.t.Errorf("state %d: %s: %s: %v", p.states, p.what, problem, detail)
	}
}

// history is what clients have got from a log, over all its runs.
type history struct {
	epoch     string
	published []published
	synced    int // how many of published must not be lost
	next      int // number of the next event
}

// published is a record as a client has got it.
type published struct {
	seq   uint64
	event string
	lost  bool // a power failure has dropped it
}

func (h *history) clone() *history {
	copied := *h
	copied.published = slices.Clone(h.published)
	return &copied
}

func (h *history) String() string {
	return fmt.Sprintf("epoch %s, %d synced, published %v", h.epoch, h.synced, h.published)
}

// append appends n different events to the log and publishes them.
func (h *history) append(t *testing.T, log *eventlog.Log, n int) {
	t.Helper()
	for range n {
		h.next++
		rec := log.Append(numbered(t, h.next))[0]
		h.published = append(h.published, published{seq: rec.Position.Seq, event: string(rec.Event.Document)})
	}
}
