package fanout

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// longestStall is the last stallTimeout that a test tries, for a machine that is too slow for shorter ones.
const longestStall = 5 * time.Second

// waitOfSlowClient fills the buffers of a connection whose client takes a little in the middle of stallTimeout, and
// then nothing. It returns for how long waitWritable waits after that. The socket is never writable.
func waitOfSlowClient(t *testing.T, layer func(net.Conn) net.Conn) time.Duration {
	t.Helper()
	ours, theirs := newTCPPair(t)
	defer theirs.Close()
	ours.(*net.TCPConn).SetWriteBuffer(1 << 20)
	conn := connOf(layer(ours))
	defer conn.abort()
	block := make([]byte, 64<<10)
	for n := 1; n > 0; {
		var err error
		if n, err = newWriter().do(conn.socket(), block); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan time.Time)
	go func() {
		if err := conn.waitWritable(conn.waitOnce); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
		ended <- time.Now()
	}()
	time.Sleep(stallTimeout / 2)
	taken := time.Now()
	for before := unackedBytes(conn.socket()); unackedBytes(conn.socket()) == before; {
		if _, err := theirs.Read(block[:1<<10]); err != nil {
			t.Fatal(err)
		}
	}
	return (<-ended).Sub(taken)
}

// TestClientThatTakesALittleIsNotStalled connects clients that read too little to make the socket writable, for which a
// third of its buffer must be free. The time without progress begins when they stop reading.
func TestClientThatTakesALittleIsNotStalled(t *testing.T) {
	usual := stallTimeout
	defer func() { stallTimeout = usual }()
	for name, layer := range map[string]func(net.Conn) net.Conn{
		"TCP":             func(conn net.Conn) net.Conn { return conn },
		"layer above TCP": func(conn net.Conn) net.Conn { return raw{conn} },
	} {
		t.Run(name, func(t *testing.T) {
			for stallTimeout = 100 * time.Millisecond; waitOfSlowClient(t, layer) < stallTimeout; stallTimeout *= 2 {
				if stallTimeout > longestStall {
					t.Fatal("the wait ends too early after the client has taken bytes")
				}
			}
		})
	}
}
