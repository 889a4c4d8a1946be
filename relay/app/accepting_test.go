package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

// deafSocket is a socket that returns errors from Accept while deaf is set, and otherwise blocks until it is closed.
type deafSocket struct {
	net.Listener
	deaf   atomic.Bool
	closed chan struct{}
}

func (s *deafSocket) Accept() (net.Conn, error) {
	if s.deaf.Load() {
		return nil, syscall.EPERM
	}
	<-s.closed
	return nil, net.ErrClosed
}

func (*deafSocket) Addr() net.Addr { return &net.TCPAddr{Port: 80} }

func (s *deafSocket) Close() error { close(s.closed); return nil }

// TestDeafListenerIsNotAlive lets each of two listeners fail for a while.
func TestDeafListenerIsNotAlive(t *testing.T) {
	for _, flag := range []string{"--listen", "--admin-listen"} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			open := func(deaf bool) (*deafSocket, *listener.Socket) {
				fake := &deafSocket{closed: make(chan struct{})}
				fake.deaf.Store(deaf)
				socket := listener.NewSocket(fake, slog.New(slog.DiscardHandler))
				go socket.Accept()
				return fake, socket
			}
			fakePublic, public := open(flag == "--listen")
			fakeAdmin, admin := open(flag == "--admin-listen")
			c := &components{
				group:    group{logger: logger},
				capture:  new(capture),
				public:   &publicListener{inner: public},
				admin:    admin,
				security: &security{tls: new(listener.TLS)},
			}
			stop := c.start("checks", 0, c.checkListeners)
			time.Sleep(10 * time.Second)
			err := c.accepting()
			if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), flag) || !c.alive().IsZero() {
				t.Errorf("%s: accepting returns %v, and alive %v", flag, err, c.alive())
			}
			synctest.Wait()
			fakePublic.deaf.Store(false)
			fakeAdmin.deaf.Store(false)
			time.Sleep(10 * time.Second)
			if c.accepting() != nil || c.alive().IsZero() {
				t.Errorf("%s: not alive after recovery: %v", flag, c.accepting())
			}
			stop()
			defer public.Close()
			defer admin.Close()
			for _, want := range []string{"listener accepts no connections", "accepts connections again"} {
				if strings.Count(log.String(), want) != 1 {
					t.Errorf("%s: want %q once:\n%s", flag, want, &log)
				}
			}
		})
	}
}
