//go:build linux

package integration_test

import (
	"net"
	"os"
	"slices"
	"testing"
)

// TestFailedFirstStartReplaysNoOutbox starts a relay for an outbox with old lines, at first while one of its ports is
// in use. The relay that serves then takes only the newest line.
func TestFailedFirstStartReplaysNoOutbox(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--listen", "--admin-listen"} {
		s := newSite(t)
		c := &companion{site: s}
		for range 20 {
			c.write()
		}
		failed := relayCommand(t, "--watch", s.root, "--state-dir", s.state, flag, taken.Addr().String())
		if text, status := run(t, failed); status != 1 {
			t.Fatalf("%s in use: exit status %d\n%s", flag, status, text)
		}
		if _, err := os.Lstat(s.state); err == nil {
			t.Errorf("%s in use: the failed start left %s", flag, s.state)
		}
		r := s.start()
		expect(t, r.dial(), document(20))
		if got := s.journal(); !slices.Equal(got, []int{20}) {
			t.Errorf("%s in use: the journal has the events %v, want only 20", flag, got)
		}
	}
}
