//go:build linux

package integration_test

import (
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestWhatChangedWhileTheRelayWasDownIsSentOnce(t *testing.T) {
	s := newSite(t)
	s.write(1)
	first := s.start()
	conn := first.dial()
	expect(t, conn, document(1)) // the first start relays what is there
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
	expect(t, conn, document(3)) // and not 2 again
}

func TestAPageThatComesLateGetsNothingOld(t *testing.T) {
	s := newSite(t)
	s.write(1)
	p := s.start("--catch-up", "0")
	conn := p.dial()
	s.write(2)
	expect(t, conn, document(2))
}

// TestNothingIsSentTwiceHoweverTheRelayDies kills the relay at random moments under a stream of writes. What the
// journals of all runs hold is in order and without repetition, and the numbers have no gap.
func TestNothingIsSentTwiceHoweverTheRelayDies(t *testing.T) {
	s := newSite(t)
	const kills = 25
	last := 0
	for range kills {
		p := s.start()
		deadline := time.Now().Add(time.Duration(rand.IntN(30)) * time.Millisecond)
		for time.Now().Before(deadline) {
			last++
			s.write(last)
		}
		p.stop(syscall.SIGKILL)
	}
	p := s.start()
	conn := p.dial()
	last++
	s.write(last)
	expect(t, conn, document(last), document(last-1)) // the one before may be found at the start
	conn.CloseNow()
	p.stop(syscall.SIGTERM)

	var event int
	for _, next := range s.journal() {
		if next <= event {
			t.Fatalf("event %d comes behind event %d", next, event)
		}
		event = next
	}
	if event != last {
		t.Errorf("the last record holds event %d, want %d", event, last)
	}
}

// TestThePluginsPageIsServedAcrossARestart has pages of one browser that know nothing but their cookie.
func TestThePluginsPageIsServedAcrossARestart(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"graceful": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			p := s.start("--resume-cookie")
			first, cookie := page(t, p, "")
			second, _ := page(t, p, cookie)
			s.write(1)
			tabs := []*websocket.Conn{first, second}
			for _, tab := range tabs {
				expect(t, tab, document(1))
				tab.CloseRead(t.Context()) // answers the close frame
			}
			p.stop(signal)
			s.write(2)
			p = s.start("--resume-cookie", "--listen", p.address)
			s.write(3)
			for range tabs {
				tab, again := page(t, p, cookie)
				if again != cookie {
					t.Errorf("the browser with %s is called %s", cookie, again)
				}
				expect(t, tab, document(2))
				expect(t, tab, document(3))
			}
		})
	}
}

// page connects as the plugin's page does, whose browser has a cookie, and returns which it has then.
func page(t *testing.T, p *process, cookie string) (*websocket.Conn, string) {
	t.Helper()
	options := &websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie}}}
	conn, response, err := websocket.Dial(t.Context(), "ws://"+p.address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	for _, set := range response.Cookies() {
		cookie = set.Name + "=" + set.Value
	}
	return conn, cookie
}
