//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/sharedlog/enginetest"
)

// kills is how often TestFailoverDeliversEachEventOnce kills a process, by broker. The variable $FAULTS replaces it.
var kills = map[string]int{"redis": 50, "nats": 40, "kafka": 15, "rabbitmq": 15}

func killsOf(broker string) int {
	if n, err := strconv.Atoi(os.Getenv("FAULTS")); err == nil {
		return n
	}
	return kills[broker]
}

// cluster is two capture relays of one site and three edge relays, which share the stream of a broker.
type cluster struct {
	t       *testing.T
	broker  *enginetest.Server // nil if it cannot be killed
	site    *site
	args    [][]string // of each relay
	address []string   // of each relay
	relays  []*relay
}

func newCluster(t *testing.T, broker *enginetest.Server, url string) *cluster {
	t.Helper()
	const capture, edges = 2, 3
	c := &cluster{t: t, broker: broker, site: newSite(t)}
	for i := range capture + edges {
		address := enginetest.FreePort(t)
		args := []string{"--broker", url, "--state-dir", t.TempDir(), "--listen", address,
			"--admin-listen", enginetest.FreePort(t), "--drain", "50ms"}
		if i < capture {
			args = append(args, "--watch", c.site.root)
		}
		c.args, c.address, c.relays = append(c.args, args), append(c.address, address), append(c.relays, nil)
		c.start(i)
	}
	return c
}

// start starts a relay and does not wait for its broker.
func (c *cluster) start(i int) {
	c.t.Helper()
	c.relays[i] = spawn(c.t, relayCommand(c.t, c.args[i]...))
	c.relays[i].logged("admin listening", "url")
}

// restartOne kills a relay or the broker and starts it again. It returns which of them.
func (c *cluster) restartOne() string {
	c.t.Helper()
	i := rand.IntN(len(c.relays) + 1)
	if c.broker != nil && i == len(c.relays) {
		c.broker.Kill()
		time.Sleep(rand.N(200 * time.Millisecond)) // the length of the outage
		c.broker.Start()
		return "broker"
	}
	i %= len(c.relays)
	signals := []os.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}
	c.relays[i].stop(signals[rand.IntN(len(signals))])
	c.start(i)
	return "relay"
}

// firstPosition returns the position of the first event.
func (c *cluster) firstPosition(ctx context.Context) string {
	c.t.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+c.address[len(c.address)-1]+"/?last=1", withPositions)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.CloseNow()
	var message struct{ ID string }
	if _, text, err := conn.Read(ctx); err != nil || json.Unmarshal(text, &message) != nil || message.ID == "" {
		c.t.Fatalf("got %s, %v, want the first event", text, err)
	}
	return message.ID
}

// withPositions asks for messages that contain the position.
var withPositions = &websocket.DialOptions{Subprotocols: []string{"wpre.v1"}}

// roamer is a client that moves from relay to relay and resumes from its position. It fails the test unless it gets
// each event once and in order.
type roamer struct {
	t       *testing.T
	cluster *cluster
	since   string        // position of the last event that it got
	got     atomic.Int64  // number of that event
	last    *atomic.Int64 // number of the last event, 0 while more are written
	moves   int
}

func (c *roamer) hasAll() bool {
	last := c.last.Load()
	return last > 0 && c.got.Load() >= last
}

// roam reads until the client has all events or ctx ends.
func (c *roamer) roam(ctx context.Context) {
	for ctx.Err() == nil && !c.t.Failed() && !c.hasAll() {
		c.readFrom(ctx, c.cluster.address[rand.IntN(len(c.cluster.address))])
		c.moves++
	}
}

// waitForEvent waits until the client gets another event or ctx ends.
func (c *roamer) waitForEvent(ctx context.Context) {
	for before := c.got.Load(); c.got.Load() == before && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
}

// readFrom reads at most 200 events from one relay. It returns when the connection ends or no event comes for a
// second.
func (c *roamer) readFrom(ctx context.Context, address string) {
	conn, _, err := websocket.Dial(ctx, "ws://"+address+"/?since="+c.since, withPositions)
	if err != nil {
		select {
		case <-time.After(10 * time.Millisecond): // the relay is down
		case <-ctx.Done():
		}
		return
	}
	defer conn.CloseNow()
	for range 1 + rand.IntN(200) {
		if c.hasAll() {
			return
		}
		stay, cancel := context.WithTimeout(ctx, time.Second)
		_, text, err := conn.Read(stay)
		cancel()
		if err != nil || !c.receive(text) {
			return
		}
	}
}

// receive reports whether a message is the next event.
func (c *roamer) receive(text []byte) bool {
	var message struct {
		ID    string
		Event struct{ Timestamp int64 }
		Gap   json.RawMessage
	}
	err := json.Unmarshal(text, &message)
	if err != nil || message.Gap != nil || message.Event.Timestamp != c.got.Load()+1 {
		c.t.Errorf("after event %d, at %s, a client gets %s", c.got.Load(), c.since, text)
		return false
	}
	c.since = message.ID
	c.got.Store(message.Event.Timestamp)
	return true
}

// TestFailoverDeliversEachEventOnce lets clients roam between the relays of a cluster, while relays and broker are
// killed and restarted at random.
func TestFailoverDeliversEachEventOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a minute")
	}
	t.Parallel()
	for name, startBroker := range brokers {
		t.Run(name, func(t *testing.T) {
			server, url := startBroker(t)
			testFailover(t, newCluster(t, server, url), killsOf(name))
		})
	}
}

func testFailover(t *testing.T, c *cluster, kills int) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	plugin := &companion{site: c.site}
	plugin.write()
	for _, r := range c.relays {
		r.logged("listening", "url")
	}
	var last atomic.Int64
	var roaming sync.WaitGroup
	roamers := make([]*roamer, 8)
	first := c.firstPosition(ctx)
	for i := range roamers {
		roamers[i] = &roamer{t: t, cluster: c, since: first, last: &last}
		roamers[i].got.Store(1)
		roaming.Go(func() { roamers[i].roam(ctx) })
	}
	stopWriting := writeContinuously(plugin)
	killed := make(map[string]int)
	for range kills {
		roamers[rand.IntN(len(roamers))].waitForEvent(ctx)
		killed[c.restartOne()]++
	}
	stopWriting()
	last.Store(int64(plugin.last))
	roaming.Wait()
	moves := 0
	for i, r := range roamers {
		moves += r.moves
		if got := r.got.Load(); got != last.Load() {
			t.Errorf("client %d has got %d of %d events", i, got, last.Load())
		}
	}
	t.Logf("%d events for %d clients, which moved %d times; killed: %v", plugin.last, len(roamers), moves, killed)
	for i, r := range c.relays {
		if t.Failed() {
			log := r.log.String()
			t.Logf("the log of relay %d ends with\n%s", i, log[max(0, len(log)-2000):])
		}
	}
}

// writeContinuously writes an event about every millisecond. The returned function ends that and waits for the last
// write.
func writeContinuously(c *companion) (stop func()) {
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(rand.N(2 * time.Millisecond)):
				c.write()
			}
		}
	})
	return func() { close(done); writing.Wait() }
}
