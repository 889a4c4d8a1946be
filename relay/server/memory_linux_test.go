package server_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// BenchmarkIdleClient admits b.N clients and tells what each costs while nothing happens. The clients are bare
// sockets, of which this process's heap holds nothing. What the heap consists of then is in an artifact:
//
//	go test -run '^$' -bench IdleClient -benchtime 5000x -memprofilerate 1 -artifacts -outputdir /tmp ./relay/server
//	go tool pprof -sample_index inuse_space -top $(find /tmp/_artifacts -name heap.out)
func BenchmarkIdleClient(b *testing.B) {
	_, address := serve(b, openLog(b, b.TempDir(), eventlog.Options{}), 0, server.Options{})
	var sockets []int
	defer func() {
		for _, fd := range sockets {
			unix.Close(fd)
		}
	}()
	sockets = append(sockets, admit(b, address)) // what there is but once is there now
	heap, goroutines := inUse()
	for b.Loop() {
		sockets = append(sockets, admit(b, address))
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

// admit opens a connection, and returns its socket.
func admit(b *testing.B, address string) int {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatalf("socket: %v; each client needs two open files", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		b.Fatal(err)
	}
	const handshake = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := unix.Write(fd, []byte(handshake)); err != nil {
		b.Fatal(err)
	}
	answer := make([]byte, 512)
	if n, err := unix.Read(fd, answer); err != nil || n < 12 || string(answer[9:12]) != "101" {
		b.Fatalf("answer %q, %v", answer[:max(n, 0)], err)
	}
	return fd
}

// inUse returns the bytes of the heap that are in use, and the number of goroutines.
func inUse() (heap uint64, goroutines int) {
	runtime.GC()
	runtime.GC() // finalizers have run after the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc, runtime.NumGoroutine()
}
