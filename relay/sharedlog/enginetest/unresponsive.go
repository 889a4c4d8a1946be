package enginetest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
)

// TestUnresponsiveServer tests that each method of an engine returns when its context ends, while the server accepts
// requests but sends no reply. It works for protocols in which the client sends first.
func TestUnresponsiveServer(t *testing.T, open func(address string) (sharedlog.Engine, error)) {
	address, requested := listenSilently(t)
	engine, err := open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	for name, call := range map[string]func(context.Context) error{
		"Join":   func(ctx context.Context) error { _, err := engine.Join(ctx); return err },
		"Read":   func(ctx context.Context) error { return engine.Read(ctx, 0, nil) },
		"Append": func(ctx context.Context) error { return engine.Append(ctx, "a", []byte("a")) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- call(ctx) }()
		<-requested
		cancel()
		select {
		case err := <-result:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s returns %v after its context ended", name, err)
			}
		case <-time.After(testwait.Limit):
			t.Errorf("%s does not return when its context ends", name)
		}
	}
}

// listenSilently starts a server that reads everything and sends nothing. It sends to requested when a connection
// has sent its first byte.
func listenSilently(t *testing.T) (address string, requested <-chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
	requests := make(chan struct{}, 3)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					requests <- struct{}{}
				}
				io.Copy(io.Discard, conn)
			})
		}
	})
	return listener.Addr().String(), requests
}
