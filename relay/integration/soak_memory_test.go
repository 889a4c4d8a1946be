//go:build linux

package integration_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// flatTime is the shortest run in which memory is judged. Before, the relay's histories and caches fill up.
	flatTime = 5 * time.Minute

	// flatHeap and flatResident bound how much more memory the last third of a run may take than the second, in bytes.
	// The heap is measured after a garbage collection; the runtime returns resident memory to the system later.
	flatHeap     = 2 << 20
	flatResident = 16 << 20
)

// soakSample is what a relay takes after a disturbance.
type soakSample struct {
	at   time.Duration // since the start
	heap int           // bytes after a garbage collection
	usage
}

// sample waits until the relay takes no more descriptors and goroutines than its clients need, and takes a sample.
func (on *soaked) sample(at time.Duration) {
	if on.t.Failed() {
		return
	}
	on.checkUsage(len(on.readers))
	sample := soakSample{at: at, heap: math.MaxInt}
	for range 3 { // events allocate memory between the collection and the measurement
		_, profile := on.relay.get("/debug/pprof/heap?gc=1&debug=1")
		_, after, _ := strings.Cut(profile, "# HeapAlloc = ")
		var heap int
		if _, err := fmt.Sscan(after, &heap); err != nil {
			on.t.Errorf("%s: the profile has no size of the heap: %v", on.name, err)
		}
		sample.heap = min(sample.heap, heap)
	}
	sample.usage = on.relay.usage()
	on.samples = append(on.samples, sample)
}

// checkUsage fails the test unless the relay soon takes no more descriptors and goroutines than when it was idle and
// what so many clients need.
func (on *soaked) checkUsage(clients int) {
	on.t.Helper()
	limit := bound(on.idle, clients)
	limit.memory = math.MaxInt
	var now usage
	on.waitUntil(on.t.Context(), "the end of a disturbance", func() bool {
		now = on.relay.usage()
		return !now.exceeds(limit)
	})
	if on.t.Failed() {
		on.t.Logf("%s: %v, want at most %v", on.name, now, limit)
	}
}

// checkIdle fails the test if the relay takes more without clients than before the first one.
func (on *soaked) checkIdle() { on.checkUsage(0) }

// checkFlat fails the test if memory grew.
func (on *soaked) checkFlat() {
	if *soakTime < flatTime || on.t.Failed() {
		return
	}
	second, third := on.samples[len(on.samples)/3:len(on.samples)*2/3], on.samples[len(on.samples)*2/3:]
	for name, value := range soakValues {
		if grown := median(third, value.of) - median(second, value.of); grown > value.limit {
			on.t.Errorf("%s: %s grew by %d KiB, want at most %d", on.name, name, grown>>10, value.limit>>10)
		}
	}
}

// soakValues are the values of a sample that must not grow by more than a limit, in bytes.
var soakValues = map[string]struct {
	of    func(soakSample) int
	limit int
}{
	"the heap":        {func(s soakSample) int { return s.heap }, flatHeap},
	"resident memory": {func(s soakSample) int { return s.memory }, flatResident},
}

// median returns the median of a value.
func median(samples []soakSample, of func(soakSample) int) int {
	var all []int
	for _, sample := range samples {
		all = append(all, of(sample))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// slope returns how much a value grows in an hour, in bytes, by the least squares over the last two thirds of the
// samples.
func slope(samples []soakSample, of func(soakSample) int) float64 {
	samples = samples[len(samples)/3:]
	var n, x, y, xx, xy float64
	for _, sample := range samples {
		hours, value := sample.at.Hours(), float64(of(sample))
		n, x, y, xx, xy = n+1, x+hours, y+value, xx+hours*hours, xy+hours*value
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// report prints what the clients received, and what the relays took at several times.
func (s *soak) report() {
	var out strings.Builder
	for _, on := range s.relays {
		var sum reader
		for _, r := range on.readers {
			sum.add(r)
		}
		fmt.Fprintf(&out, "%s: %d events of %d restarts and %d calls of /publish; %d clients received %d messages over "+
			"%d connections: %d gaps announced, %d lost, %d twice, %d out of order\n", on.name, on.end.Load(), on.restarts,
			on.published, len(on.readers), sum.messages, sum.connections, sum.gaps, sum.lost, sum.twice, sum.disordered)
	}
	const columns = 6
	fmt.Fprintf(&out, "\n| relay | minute | heap, MiB | resident, MiB | goroutines | descriptors |\n| --- |%s\n",
		strings.Repeat(" --- |", columns-1))
	for _, on := range s.steady {
		for part := range columns {
			if len(on.samples) == 0 {
				break
			}
			sample := on.samples[(len(on.samples)-1)*part/(columns-1)]
			fmt.Fprintf(&out, "| %s | %.1f | %.1f | %.1f | %d | %d |\n", on.name, sample.at.Minutes(),
				float64(sample.heap)/(1<<20), float64(sample.memory)/(1<<20), sample.goroutines, sample.descriptors)
		}
	}
	for _, on := range s.steady {
		for name, value := range soakValues {
			if *soakTime >= flatTime && len(on.samples) > columns {
				fmt.Fprintf(&out, "\n%s: %s changes by %+.2f MiB per hour (%d samples)", on.name, name,
					slope(on.samples, value.of)/(1<<20), len(on.samples))
			}
		}
	}
	s.t.Logf("%v\n%s", time.Since(s.started).Round(time.Second), out.String())
}
