//go:build linux

package integration_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestEventWrittenWhileDownIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(1)
	first := s.start()
	conn := first.dial()
	expect(t, conn, document(1)) // the first start relays the event that is there
	conn.CloseNow()
	if status := first.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	s.write(2)
	second := s.start()
	conn = second.dial()
	expect(t, conn, document(2))
	second.stop(syscall.SIGKILL)
	third := s.start()
	conn = third.dial()
	s.write(3)
	expect(t, conn, document(3)) // event 2 is not sent again
}

func TestNewClientGetsNoOldEventsWithoutCatchUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(1)
	r := s.start("--catch-up", "0")
	conn := r.dial()
	s.write(2)
	expect(t, conn, document(2))
}

// TestKilledRelayRepeatsNoEvent kills the relay at random moments while events are written. The journal then holds
// the events in order, without repetition, and its sequence numbers have no gap.
func TestKilledRelayRepeatsNoEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const kills = 25
	last := 0
	for range kills {
		r := s.start()
		deadline := time.Now().Add(rand.N(30 * time.Millisecond))
		for time.Now().Before(deadline) {
			last++
			s.write(last)
		}
		r.stop(syscall.SIGKILL)
	}
	r := s.start()
	conn := r.dial()
	last++
	s.write(last)
	expect(t, conn, document(last), document(last-1)) // the relay may find event last-1 at its start
	conn.CloseNow()
	r.stop(syscall.SIGTERM)

	var event int
	for _, next := range s.journal() {
		if next <= event {
			t.Fatalf("event %d follows event %d", next, event)
		}
		event = next
	}
	if event != last {
		t.Errorf("the last record holds event %d, want %d", event, last)
	}
}

// TestResumeCookieDeliversMissedEvents connects two tabs of a browser that sends nothing but its cookie.
func TestResumeCookieDeliversMissedEvents(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.start("--resume-cookie")
			first, cookie := dialTab(r, "")
			second, _ := dialTab(r, cookie)
			s.write(1)
			tabs := []*websocket.Conn{first, second}
			for _, tab := range tabs {
				expect(t, tab, document(1))
				tab.CloseRead(t.Context()) // answers the close frame
			}
			r.stop(signal)
			s.write(2)
			r = s.start("--resume-cookie", "--listen", r.address)
			s.write(3)
			for range tabs {
				tab, again := dialTab(r, cookie)
				if again != cookie {
					t.Errorf("the browser with cookie %s gets %s", cookie, again)
				}
				expect(t, tab, document(2))
				expect(t, tab, document(3))
			}
		})
	}
}

// dialTab connects as the plugin's page does in a browser that has a cookie, and returns the cookie that it has then.
func dialTab(r *relay, cookie string) (*websocket.Conn, string) {
	r.t.Helper()
	conn, response := r.dialWith("/", http.Header{"Cookie": {cookie}})
	for _, set := range response.Cookies() {
		cookie = set.Name + "=" + set.Value
	}
	return conn, cookie
}

// TestTailResumesAfterKill kills the relay below the command tail and writes an event while it is down.
func TestTailResumesAfterKill(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(1)
	r := s.start()
	_, lines := startTail(t, "--last", "1", r.address)
	for n := 1; n <= 4; n++ {
		if n > 1 {
			r.stop(os.Kill)
			s.write(n)
			r = s.start("--listen", r.address)
		}
		if got, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(got) != document(n) {
			t.Fatalf("tail prints %q, %v, want %s", got, err, document(n))
		}
	}
}
