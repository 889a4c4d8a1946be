package enginetest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy is a TCP proxy between an engine and its server.
type Proxy struct {
	Address string

	silent atomic.Bool
}

// StartProxy starts a proxy to the server at target and stops it when the test ends.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			running.Go(func() { p.forward(server, client) })
			running.Go(func() { p.forward(client, server) })
		}
	})
	return p
}

// SetSilent makes the proxy drop all data in both directions while its connections stay open, or ends that.
func (p *Proxy) SetSilent(silent bool) { p.silent.Store(silent) }

// forward copies data until either connection ends, and then closes both.
func (p *Proxy) forward(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
