package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
)

// brokenSocket is a socket that can never accept a connection.
type brokenSocket struct {
	net.Listener
	err error
}

func (s brokenSocket) Accept() (net.Conn, error) { return nil, s.err }

func TestPermanentAcceptErrorEndsTheRelay(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	public := &publicListener{socket: brokenSocket{socket, broken}, logger: slog.New(slog.DiscardHandler)}
	public.serve(fail)
	defer public.close()
	select {
	case <-ctx.Done():
		if err := failure(ctx); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	case <-time.After(testwait.Limit):
		t.Error("the relay continues without a listener")
	}
}
