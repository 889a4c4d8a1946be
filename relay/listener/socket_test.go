package listener

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a listener whose Accept returns the results that a test sends.
type scripted struct {
	net.Listener
	results chan error
}

func (l scripted) Accept() (net.Conn, error) { return nil, <-l.results }

func (scripted) Addr() net.Addr { return &net.TCPAddr{Port: 80} }

// newScripted returns a socket that is being served, with the results of its Accept.
func newScripted() (*Socket, chan<- error) {
	results := make(chan error)
	s := NewSocket(scripted{results: results}, slog.New(slog.DiscardHandler))
	go func() {
		for {
			if _, err := s.Accept(); isBroken(err) {
				return
			}
		}
	}()
	synctest.Wait()
	return s, results
}

func TestCheckReportsRepeatedErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, results := newScripted()
		fail := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				results <- syscall.EPERM
				synctest.Wait()
				time.Sleep(maxBackoff)
			}
		}
		expect := func(when string, want error) {
			t.Helper()
			synctest.Wait()
			if err := s.Check(); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", when, err, want)
			}
		}
		expect("at the start", nil)
		fail(maxDeaf - 2*time.Second)
		expect("errors for less than maxDeaf", nil)
		fail(3 * time.Second)
		expect("errors for maxDeaf", syscall.EPERM)
		results <- nil
		expect("after a connection", nil)
		fail(time.Second)
		time.Sleep(time.Hour) // no client connects
		fail(time.Second)
		expect("two errors with an hour between", nil)
		fail(2 * maxDeaf)
		expect("errors again", syscall.EPERM)
		time.Sleep(time.Minute)
		expect("waiting for a client after errors", nil)
		results <- net.ErrClosed
	})
}

func TestCheckReportsClientsThatAreNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, results := newScripted()
		waiting := 0
		s.backlog = func() int { return waiting }
		expect := func(when string, deaf bool) {
			t.Helper()
			if err := s.Check(); (err != nil) != deaf {
				t.Errorf("%s: got %v", when, err)
			}
		}
		expect("at the start", false)
		waiting = 3
		expect("clients have just connected", false)
		for range 10 { // a flood
			results <- nil
			synctest.Wait()
			time.Sleep(time.Second)
			expect("clients are accepted while others wait", false)
		}
		time.Sleep(maxDeaf - time.Second)
		expect("clients wait for less than maxDeaf", false)
		time.Sleep(time.Second)
		expect("clients wait for maxDeaf", true)
		waiting = 0
		expect("the clients are gone", false)
		results <- net.ErrClosed
	})
}

func TestCheckIgnoresClientsBeforeServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSocket(scripted{}, slog.New(slog.DiscardHandler))
		s.backlog = func() int { return 1 }
		for range 3 {
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			time.Sleep(maxDeaf)
		}
	})
}
