//go:build linux

package steps

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tmpfs is a directory on tmpfs on most systems.
const tmpfs = "/dev/shm"

// pauses are the times between the arrival of an event and the next save. After 4 ms, the processor's caches have lost
// code and data of the server, as on a real site.
var pauses = []time.Duration{0, 4 * time.Millisecond}

// starter starts a server for the event file, which reports to a trace. It returns the server's port.
type starter func(t testing.TB, file string, trace *trace) (port int)

// measure sends events from a site to the server, and returns the ways that have all points of the steps. The first
// event creates the file, and does not count.
func measure(t testing.TB, dir string, s site, steps []step, start starter) []way {
	s.File = filepath.Join(dir, "latest_event.json")
	s.Events++
	trace := new(trace)
	s.Port = start(t, s.File, trace)
	visits := s.start(t)
	visits[0] = visit{}
	return trace.merge(visits, append(steps[:len(steps):len(steps)], total))
}

// relayOn returns a starter of a relay whose state directory is in dir.
func relayOn(dir string) starter {
	return func(t testing.TB, file string, trace *trace) int {
		return startRelay(t, filepath.Join(dir, "state"), file, trace)
	}
}

// tmpfsDir returns a new directory on tmpfs, or skips the benchmark.
func tmpfsDir(b *testing.B) string {
	var stat unix.Statfs_t
	if unix.Statfs(tmpfs, &stat) != nil || stat.Type != unix.TMPFS_MAGIC {
		b.Skip(tmpfs, "is not on tmpfs")
	}
	dir, err := os.MkdirTemp(tmpfs, "steps-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BenchmarkRelay reports the steps in the relay. Its state directory is on tmpfs, and on the file system of TMPDIR.
func BenchmarkRelay(b *testing.B) {
	for _, pause := range pauses {
		s := site{Upgrade: true, Pause: pause}
		run := func(b *testing.B, dir string) {
			s.Events = b.N
			report(b, measure(b, tmpfsDir(b), s, relaySteps, relayOn(dir)), relaySteps)
		}
		b.Run("pause="+pause.String()+"/journal=tmpfs", func(b *testing.B) { run(b, tmpfsDir(b)) })
		b.Run("pause="+pause.String()+"/journal=disk", func(b *testing.B) { run(b, b.TempDir()) })
	}
}

// BenchmarkBaseline reports the steps in the baseline.
func BenchmarkBaseline(b *testing.B) {
	for _, pause := range pauses {
		b.Run("pause="+pause.String(), func(b *testing.B) {
			s := site{Events: b.N, Pause: pause}
			report(b, measure(b, tmpfsDir(b), s, baselineSteps, startBaseline), baselineSteps)
		})
	}
}

// maxAttempts is how often the test starts a server. While the disk is slow, no event passes all steps.
const maxAttempts = 20

func TestEventsPassAllSteps(t *testing.T) {
	inTemp := func(t testing.TB, file string, trace *trace) int { return relayOn(t.TempDir())(t, file, trace) }
	for name, server := range map[string]struct {
		site  site
		steps []step
		start starter
	}{
		"relay":    {site{Upgrade: true, Events: 20}, relaySteps, inTemp},
		"baseline": {site{Events: 20}, baselineSteps, startBaseline},
	} {
		complete := 0
		for attempt := 0; complete == 0 && attempt < maxAttempts; attempt++ {
			t.Run(name, func(t *testing.T) {
				complete = len(measure(t, t.TempDir(), server.site, server.steps, server.start))
			})
		}
		if complete == 0 {
			t.Errorf("%s: no event has passed all steps", name)
		}
	}
}
