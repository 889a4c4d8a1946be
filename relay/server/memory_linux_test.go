package server_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// BenchmarkIdleClient connects b.N clients and reports the memory and the goroutines of each while there are no
// events. The clients are plain sockets, so they use no heap of this process. A heap profile is an artifact:
//
//	go test -run '^$' -bench IdleClient -benchtime 5000x -memprofilerate 1 -artifacts -outputdir /tmp ./relay/server
//	go tool pprof -sample_index inuse_space -top $(find /tmp/_artifacts -name heap.out)
func BenchmarkIdleClient(b *testing.B) {
	_, address := serve(b, openLog(b, eventlog.Options{}), 0, server.Options{})
	var sockets []int
	defer func() {
		for _, fd := range sockets {
			unix.Close(fd)
		}
	}()
	sockets = append(sockets, connectSocket(b, address)) // allocates what all clients share
	heap, goroutines := inUse()
	for b.Loop() {
		sockets = append(sockets, connectSocket(b, address))
	}
	heapNow, goroutinesNow := inUse()
	b.ReportMetric(float64(heapNow-heap)/float64(b.N), "heap-B/client")
	b.ReportMetric(float64(goroutinesNow-goroutines)/float64(b.N), "goroutines/client")
	writeHeapProfile(b)
}

func writeHeapProfile(b *testing.B) {
	f, err := os.Create(filepath.Join(b.ArtifactDir(), "heap.out"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := pprof.WriteHeapProfile(f); err != nil {
		b.Fatal(err)
	}
}

// connectSocket connects a client and returns its socket.
func connectSocket(b *testing.B, address string) int {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatalf("open socket: %v; each client needs two open files", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		b.Fatal(err)
	}
	const handshake = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := unix.Write(fd, []byte(handshake)); err != nil {
		b.Fatal(err)
	}
	response := make([]byte, 512)
	if n, err := unix.Read(fd, response); err != nil || n < 12 || string(response[9:12]) != "101" {
		b.Fatalf("response %q, %v", response[:max(n, 0)], err)
	}
	return fd
}
