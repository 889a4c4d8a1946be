package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/listener"
	"wpre-relay/relay/testwait"
)

// brokenSocket is a socket that can never accept a connection.
type brokenSocket struct{ net.Listener }

func (s brokenSocket) Accept() (net.Conn, error) { return nil, syscall.EINVAL }

func TestPermanentAcceptErrorEndsTheRelay(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	logger := slog.New(slog.DiscardHandler)
	public := &publicListener{socket: listener.NewSocket(brokenSocket{socket}, logger), logger: logger}
	public.serve(fail)
	defer public.close()
	select {
	case <-ctx.Done():
		if err := failure(ctx); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("got %v, want %v", err, syscall.EINVAL)
		}
	case <-time.After(testwait.Limit):
		t.Error("the relay continues without a listener")
	}
}
