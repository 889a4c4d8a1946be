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

// kills is how often TestFailoverDeliversEachEventOnce kills a process, by broker: each of six processes about twice.
// The variable $FAULTS replaces it.
var kills = map[string]int{"redis": 15, "nats": 15, "kafka": 10, "rabbitmq": 10}

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

// TestFailoverDeliversEachEventOnce lets clients roam between the relays of a cluster, while relays and broker are
// killed and restarted at random.
func TestFailoverDeliversEachEventOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a minute")
	}
	t.Parallel()
	for name, startBroker := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, url := startBroker(t)
			testFailover(t, newCluster(t, server, url), killsOf(name))
		})
	}
}

func testFailover(t *testing.T, c *cluster, kills int) {
	defer c.logIfFailed()
	ctx := t.Context()
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
	t.Cleanup(roaming.Wait)
	stopWriting := writeContinuously(t, plugin)
	killed := make(map[string]int)
	for range kills {
		roamers[rand.IntN(len(roamers))].waitForEvent()
		killed[c.restartOne()]++
	}
	stopWriting()
	last.Store(int64(plugin.last))
	for _, r := range roamers {
		for !r.hasAll() && !t.Failed() {
			r.waitForEvent()
		}
	}
	roaming.Wait()
	moves := 0
	for _, r := range roamers {
		moves += r.moves
	}
	t.Logf("%d events for %d clients, which moved %d times; killed: %v", plugin.last, len(roamers), moves, killed)
}

// logIfFailed prints the end of each relay's log.
func (c *cluster) logIfFailed() {
	for i, r := range c.relays {
		if c.t.Failed() {
			log := r.log.String()
			c.t.Logf("the log of relay %d ends with\n%s", i, log[max(0, len(log)-2000):])
		}
	}
}

// writeContinuously writes an event about every 3 milliseconds. The returned function ends that and waits for the last
// write.
func writeContinuously(t *testing.T, c *companion) (stop func()) {
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(rand.N(6 * time.Millisecond)):
				c.write()
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); writing.Wait() })
	t.Cleanup(stop)
	return stop
}
