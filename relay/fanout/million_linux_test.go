package fanout

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// BenchmarkMillionClients delivers events to a million clients of one shard. Their sockets are /dev/null,
// so the times are of the relay, and of a system call that does nothing. It does not use io_uring. It needs 1 GiB of
// memory:
//
//	go test -run '^$' -bench MillionClients -benchtime 20x ./relay/fanout
func BenchmarkMillionClients(b *testing.B) {
	const clients = 1_000_000
	log, err := eventlog.Open(b.TempDir(), eventlog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	s := New(log.Reader, Options{Shards: 1, PingInterval: time.Hour, HerdJoins: 2 * clients}).shards[0]
	s.sender.refused = true // a ring sends to sockets only
	before := heapInUse()
	connectToNowhere(b, s, clients)
	heap := heapInUse() - before
	var pass, second, collection time.Duration
	for b.Loop() {
		log.Append(schema.Event{Document: []byte(`{"timestamp":1700000000}`)})
		pass += timed(func() { s.deliver() })
		second += timed(s.everySecond)
		collection += timed(runtime.GC)
	}
	if got, want := s.sent.Load(), uint64(clients*b.N); got != want {
		b.Errorf("%d events sent, want %d", got, want)
	}
	perLoop := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(b.N) }
	b.ReportMetric(float64(heap)/clients, "heap-B/client")
	b.ReportMetric(perLoop(pass), "ms/pass")
	b.ReportMetric(perLoop(second), "ms/tick")
	b.ReportMetric(perLoop(collection), "ms/GC")
	stats := debug.GCStats{PauseQuantiles: make([]time.Duration, 2)}
	debug.ReadGCStats(&stats)
	b.ReportMetric(float64(stats.PauseQuantiles[1].Microseconds()), "max-GC-pause-µs")
	runtime.KeepAlive(s)
}

// connectToNowhere adds clients whose sockets are /dev/null. They send nothing.
func connectToNowhere(b *testing.B, s *shard, clients int) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { null.Close() })
	fd := int32(null.Fd())
	for i := range clients {
		c := newClient(s.set, s, nil, ClientConfig{OnDisconnect: func(Disconnect) { _ = i }})
		c.conn.direct = descriptor{&socket{fd: fd}}
		c.inputClosed = true
		s.join(c, nil)
	}
}

// heapInUse returns the bytes of the heap that are in use.
func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// timed returns the time that f takes.
func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
