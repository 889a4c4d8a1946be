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
)

// Silent tests that an engine's methods return when their context ends, while they wait for a server that takes what is said
// and never answers. It is for protocols in which the client speaks first.
func TestUnresponsiveServer(t *testing.T, open func(address string) (sharedlog.Engine, error)) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
	heard := make(chan struct{}, 3)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					heard <- struct{}{}
				}
				io.Copy(io.Discard, conn)
			})
		}
	})
	engine, err := open(listener.Addr().String())
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
		ended := make(chan error, 1)
		running.Go(func() { ended <- call(ctx) })
		<-heard
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s returns %v after its context ended", name, err)
			}
		case <-time.After(Timeout):
			t.Errorf("%s does not return when its context ends", name)
		}
	}
}
