package fanout_test

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

// lockstep is a server whose clients all get each event before the next one.
type lockstep struct {
	*server
	received sync.WaitGroup
}

// newLockstep connects clients, each of which reads frames of this length.
func newLockstep(t testing.TB, clients, length int) *lockstep {
	l := &lockstep{server: serve(t, eventlog.Options{}, fanout.Options{HerdJoins: 2 * clients})}
	for range clients {
		conn, r := l.dial(t, "")
		conn.SetDeadline(time.Time{})
		go func() {
			for buf := make([]byte, length); ; l.received.Done() {
				if _, err := io.ReadFull(r, buf); err != nil {
					return
				}
			}
		}()
	}
	return l
}

// deliver appends ev and waits until all clients have it.
func (l *lockstep) deliver(ev schema.Event) {
	l.received.Add(l.clients.Len())
	l.log.Append(ev)
	l.received.Wait()
}

// mallocs returns the number of allocations for delivering an event this often.
func (l *lockstep) mallocs(ev schema.Event, times int) uint64 {
	l.deliver(ev) // makes the allocations of the first time
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		l.deliver(ev)
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func TestDeliveryAllocatesNothing(t *testing.T) {
	const events, few, many = 200, 1, 101
	ev := event(t, 1_000_000_000, 100)
	length := len(fanouttest.TextFrame(ev.Document))
	one := newLockstep(t, few, length).mallocs(ev, events)
	all := newLockstep(t, many, length).mallocs(ev, events)
	if more := float64(all) - float64(one); more > events*(many-few)/20 {
		t.Errorf("%.2f allocations per delivery", more/(events*(many-few)))
	}
}

// BenchmarkDeliver appends one event after the other, each when all clients have the previous one. The time
// includes the clients' side. wpre-relay bench measures the relay alone.
func BenchmarkDeliver(b *testing.B) {
	for _, clients := range []int{1, 100, 1000} {
		for _, size := range []int{160, 16 << 10} {
			b.Run(fmt.Sprintf("clients=%d/bytes=%d", clients, size), func(b *testing.B) {
				ev := event(b, 1_000_000_000, size)
				l := newLockstep(b, clients, len(fanouttest.TextFrame(ev.Document)))
				b.ReportAllocs()
				for b.Loop() {
					l.deliver(ev)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients), "ns/delivery")
			})
		}
	}
}
