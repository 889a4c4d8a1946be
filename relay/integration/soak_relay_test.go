//go:build linux

package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"wpre-relay/schema"
)

// soaked is one relay of TestSoak with its site.
type soaked struct {
	*site
	name    string
	args    []string
	address string // of clients; stays the same across restarts
	relay   *relay // the current process; written by restart only
	key     string // the file with the key of tokens, or ""

	begin    schema.Position // where all clients begin
	last     atomic.Int64    // number of the last event of type post_saved
	received atomic.Int64    // the highest number of these that a client has received
	end      atomic.Uint64   // sequence number of the last event, 0 while more are written
	published,
	restarts int

	readers []*reader
	done    atomic.Int32 // number of readers that have ended
	idle    usage
	samples []soakSample
}

// start starts a relay with one event. It listens at an address that clients never connect from, so that no client
// occupies its port while it restarts.
func (s *soak) start(name string, args ...string) *soaked {
	on := &soaked{site: newSite(s.t), name: name}
	on.args = append([]string{"--log-level", "warn", "--pprof", "--drain", "100ms"}, args...)
	on.relay = on.site.start(append(on.args, "--listen", "127.0.0.9:0", "--log-level", "info")...)
	on.address = on.relay.address
	on.args = append(on.args, "--listen", on.address, "--log-level", "info")
	on.last.Store(1)
	if on.name == "plugin" {
		on.write(1)
	} else {
		(&companion{site: on.site}).write()
	}
	on.waitUntil(s.t.Context(), "the first event", func() bool { return on.relay.position().Seq == 1 })
	on.begin = on.relay.position()
	on.received.Store(1)
	on.idle = on.relay.usage()
	return on
}

// token returns a token with which a client sees all events.
func (on *soaked) token(lifetime string) string {
	return mintToken(on.t, "--jwt-key", on.key, "--expires", lifetime, "--claim", `roles=["editor"]`)
}

// pause waits for a random time below the limit, or until ctx ends.
func pause(ctx context.Context, limit time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(limit)):
	}
}

// soakDocument returns the document of event n of a type, of a random size.
func soakDocument(kind string, n int64) string {
	return fmt.Sprintf(`{"timestamp":%d,"type":"%s","post_title":"%s"}`, n, kind, strings.Repeat("x", rand.IntN(4000)))
}

// writeAsPlugin writes bursts from two processes at once, in the plugin's way, so that events are overwritten and files
// are torn. The event after each burst must arrive.
func (on *soaked) writeAsPlugin(ctx context.Context) {
	initialized := int64(0)
	for ctx.Err() == nil && !on.t.Failed() {
		var writing sync.WaitGroup
		writing.Go(func() {
			for range rand.IntN(30) {
				initialized++
				on.writeDocument(soakDocument("initialized", initialized))
			}
		})
		for range rand.IntN(30) {
			on.writeDocument(soakDocument("post_saved", on.last.Add(1)))
		}
		writing.Wait()
		n := on.last.Add(1)
		on.writeDocument(soakDocument("post_saved", n))
		on.waitUntil(ctx, "the last event of a burst", func() bool { return on.received.Load() >= n })
		pause(ctx, 200*time.Millisecond)
	}
}

// publishEvents calls POST /publish. Each second event is one that the public does not see. While a disturbance
// occupies the memory for requests, the relay answers 503, and the call is repeated.
func (on *soaked) publishEvents(ctx context.Context) {
	for n := int64(1); ctx.Err() == nil && !on.t.Failed(); n++ {
		document := soakDocument([]string{"published", "secret"}[n%2], n)
		on.waitUntil(context.Background(), "a call of /publish", func() bool {
			status, body := on.relay.publish("Bearer "+secret, document)
			if status != http.StatusOK && status != http.StatusServiceUnavailable {
				on.t.Errorf("publish: %d %s", status, body)
			}
			return status == http.StatusOK
		})
		on.published++
		pause(ctx, 100*time.Millisecond)
	}
}

// writeAsCompanion writes bursts into the outbox and the event file.
func (on *soaked) writeAsCompanion(ctx context.Context) {
	c := &companion{site: on.site, last: 1}
	for ctx.Err() == nil && !on.t.Failed() {
		for range rand.IntN(60) {
			c.write()
			on.last.Store(int64(c.last))
		}
		on.waitUntil(ctx, "the backlog", func() bool { return on.last.Load()-on.received.Load() < soakBacklog })
		pause(ctx, 300*time.Millisecond)
	}
}

// writeLast writes the last event and tells the clients its number. One more event wakes clients that had it before.
func (on *soaked) writeLast() {
	on.writeOne()
	n := on.last.Load()
	on.waitUntil(context.Background(), "the last event", func() bool { return on.received.Load() >= n })
	on.end.Store(on.relay.position().Seq)
	on.writeOne()
}

// writeOne writes the next event.
func (on *soaked) writeOne() {
	n := on.last.Add(1)
	if on.name == "plugin" {
		on.writeDocument(soakDocument("post_saved", n))
	} else {
		(&companion{site: on.site, last: int(n) - 1}).write()
	}
}

// restart stops or kills the relay every few seconds and starts it again.
func (on *soaked) restart(ctx context.Context) {
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGKILL}
	for pause(ctx, 2*time.Second); ctx.Err() == nil && !on.t.Failed(); pause(ctx, 4*time.Second) {
		on.relay.stop(signals[on.restarts%len(signals)])
		pause(ctx, 300*time.Millisecond)
		on.relay = on.site.start(on.args...)
		on.restarts++
	}
}
