package watcher

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// feed gives e a burst in letters, as the loop does: W is a Write, + a Create and C a Chmod. After each of them the
// loop reads the file; an h means that this read handed over a content. After a D, the watch is doubled: each
// notification comes twice, except c, the first half of a Chmod. A space is a long pause. feed returns the sum of the
// estimates, and whether the burst was ever busy.
func feed(e *overwriteEstimate, burst string) (overwrites uint64, busy bool) {
	ops := map[byte]fsnotify.Op{'W': fsnotify.Write, '+': fsnotify.Create, 'C': fsnotify.Chmod, 'c': fsnotify.Chmod}
	doubled, pause := false, time.Duration(0)
	for i := range burst {
		switch burst[i] {
		case 'D':
			doubled = true
			continue
		case ' ':
			pause = time.Millisecond
			continue
		case 'h':
			continue
		}
		notifications := 1
		if doubled && burst[i] != 'c' {
			notifications = 2
		}
		for n := range notifications {
			busy = e.add(ops[burst[i]], pause, doubled) || busy
			pause = 0
			if n == 0 && strings.HasPrefix(burst[i+1:], "h") {
				e.accounted++
			}
			overwrites += e.take()
		}
	}
	return overwrites, busy
}

func TestOverwriteEstimate(t *testing.T) {
	for _, tc := range []struct {
		name, burst string
		want        uint64
		busy        bool
	}{
		{"one write", "WWhC", 0, false},
		{"one write, read after the chmod", "WWCh", 0, false},
		{"one write that creates the file", "+WhC", 0, false},
		{"two writes, the first is overwritten", "WWC WWhC", 1, false},
		{"two writes, the second is read at the first notification", "WhWC WWC", 1, false},
		{"fifty writes, the last is read", "Wh" + strings.Repeat("WC W ", 50), 49, false},
		{"no write, only chmods", "CCC", 0, false},
		{"writes without a pause", "Wh" + strings.Repeat("WCW", 6), 5, true},
		{"two processes truncate at once", "WWWWhC C", 1, true},
		{"two processes set the mode at once", "WWhCC", 1, true},
		{"doubled watch, one write", "DWWhC", 0, false},
		{"doubled watch, two writes, the first is overwritten", "DWWC WWhC", 1, false},
		{"doubled watch, two processes set the mode at once", "DWWhC WWhCC", 1, true},
		{"doubled watch, half of a chmod outstanding", "DWWhC WWhc", 0, false},
		{"doubled watch, half of an overwritten write's chmod", "DWWhC WWc", 1, false},
		{"doubled watch, half of a chmod from before", "DWWhc WWhC", 0, false},
		{"watch doubled during a burst", "WWC DWWC WWhC", 2, false},

		{"too low: no chmod", "WW WW WWh", 0, true},
		{"too low: the kernel merged two chmods", "WWWWhC", 0, true},
		{"too low: an incomplete content was handed over", "WhWhC WWC", 0, false},
		{"too high: another program changes the mode", "WWhC C", 1, true},
	} {
		var e overwriteEstimate
		if got, busy := feed(&e, tc.burst); got != tc.want || busy != tc.busy {
			t.Errorf("%s: %q: estimate %d, busy %t, want %d, %t", tc.name, tc.burst, got, busy, tc.want, tc.busy)
		}
	}
}

func TestOverwriteEstimateStartsAgainAfterReset(t *testing.T) {
	var e overwriteEstimate
	feed(&e, "WWC WWC ")
	e.reset()
	if got, _ := feed(&e, "C"); got != 0 {
		t.Errorf("a chmod alone after a reset counts %d writes", got)
	}
}

// TestOverwriteEstimateIsExactForOneWriter lets one process write as the plugin does while the watcher is delayed by
// random times.
func TestOverwriteEstimateIsExactForOneWriter(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		var e overwriteEstimate
		var queue []fsnotify.Op
		var written, read, handled, estimate uint64
		doubled := seed%2 == 1
		for writes := 1 + random.Uint64N(40); written < writes || len(queue) > 0; {
			if written < writes && (len(queue) == 0 || random.IntN(3) > 0) {
				written++
				for _, op := range []fsnotify.Op{fsnotify.Write, fsnotify.Write, fsnotify.Chmod} {
					queue = append(queue, op)
					if doubled {
						queue = append(queue, op)
					}
				}
				continue
			}
			e.add(queue[0], time.Millisecond, doubled)
			queue = queue[1:]
			if read < written {
				read = written
				handled++
				e.accounted++
			}
			estimate += e.take()
		}
		if want := written - handled; estimate != want {
			t.Fatalf("seed %d: estimate %d, want %d", seed, estimate, want)
		}
	}
}
