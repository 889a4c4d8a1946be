//go:build linux

package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadinessFollowsWatch moves wp-content away, so that there is no directory left to watch, and back.
func TestReadinessFollowsWatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	r.waitForBody("/readyz", "ok")
	content := filepath.Join(s.root, "wp-content")
	if err := os.Rename(content, content+".away"); err != nil {
		t.Fatal(err)
	}
	r.waitForBody("/readyz", "the watch is lost: found neither the event file nor a directory to create it in")
	if status, _ := r.get("/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	if err := os.Rename(content+".away", content); err != nil {
		t.Fatal(err)
	}
	r.waitForBody("/readyz", "ok")
}

func TestDrainingRelayIsNotReady(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--drain", "20s")
	for range 3 {
		r.dial() // does not answer the close frame at once
	}
	r.signal(syscall.SIGTERM)
	r.waitForBody("/readyz", "the relay is stopping")
}

func TestMetricsCountDeliveriesAndCloses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	conn := r.dial()
	events := 0
	for timed := false; !timed; { // events that a client gets while it catches up are not timed
		events++
		s.write(events)
		expect(t, conn, document(events))
		_, metrics := r.get("/metrics")
		timed = !strings.Contains(metrics, "wpre_relay_delivery_seconds_count 0\n")
		if !timed && events == 1000 {
			t.Fatalf("after %d events no delivery was timed:\n%s", events, metrics)
		}
	}
	conn.Close(4001, "")
	r.waitForBody("/metrics", `wpre_relay_closes_total{code="other"} 1`)
	r.waitForBody("/metrics", fmt.Sprintf(`wpre_relay_events_total{decision="relayed"} %d`, events))
	r.waitForBody("/metrics", fmt.Sprintf(`wpre_relay_messages_sent_total %d`, events))
	conn = r.dial()
	conn.CloseNow()
	r.waitForBody("/metrics", `wpre_relay_closes_total{code="1006"} 1`)
}
