//go:build linux

package integration_test

import (
	"syscall"
	"testing"
)

// TestRelayStopsWhileBrokerHangs stops a capture relay and an edge relay whose broker keeps its connections open and
// sends nothing.
func TestRelayStopsWhileBrokerHangs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"redis", "nats"} {
		server, url := brokers[name](t)
		s := newSite(t)
		relays := []*relay{
			s.start("--drain", "0s", "--broker", url),
			start(t, relayCommand(t, "--drain", "0s", "--broker", url, "--state-dir", t.TempDir())),
		}
		conn := relays[1].dial()
		s.write(1)
		expect(t, conn, document(1))
		relays[0].waitForBody("/api/status", `"pending": 0`) // the broker's answer may come after the event itself
		server.Freeze()
		s.write(2) // cannot be published
		relays[0].waitForBody("/api/status", `"pending": 1`)
		for _, r := range relays {
			if status := r.stop(syscall.SIGTERM); status != 0 {
				t.Errorf("%s: exit status %d; the log:\n%s", name, status, r.log.String())
			}
		}
		if got := s.journal(); len(got) != 2 {
			t.Errorf("%s: the journal holds %v, want 2 events", name, got)
		}
	}
}
