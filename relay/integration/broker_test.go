//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/twmb/franz-go/pkg/kfake"

	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/sharedlog/enginetest"
)

// faults is how often something is killed in TestEveryClientGetsEachEventOnceWhateverDies, by engine; $FAULTS is another number.
var faults = map[string]int{"redis": 50, "nats": 40, "kafka": 15, "rabbitmq": 15}

// nodes are relays that share a history: those that capture what a site writes, and edges.
type nodes struct {
	t       *testing.T
	broker  string
	site    *site
	args    [][]string // of each node
	address []string
	process []*process
}

// newNodes starts relays, of which the first few capture.
func newNodes(t *testing.T, broker string, capture, edges int) *nodes {
	t.Helper()
	n := &nodes{t: t, broker: broker, site: newSite(t)}
	for i := range capture + edges {
		address := enginetest.FreePort(t)
		args := []string{"--broker", broker, "--state-dir", t.TempDir(), "--listen", address, "--admin-listen", enginetest.FreePort(t),
			"--log-format", "json", "--log-level", "info", "--drain", "50ms"}
		if i < capture {
			args = append(args, "--watch", n.site.root)
		}
		n.args, n.address, n.process = append(n.args, args), append(n.address, address), append(n.process, nil)
		n.start(i)
	}
	return n
}

// start runs a node, and does not wait for its broker.
func (n *nodes) start(i int) {
	n.t.Helper()
	n.process[i] = spawn(n.t, command(n.t, n.args[i]...))
	n.process[i].logged("operators look here", "url")
}

// traveller is a client that goes from relay to relay, and on where it was.
type traveller struct {
	t     *testing.T
	nodes *nodes
	since string
	got   atomic.Int64 // the last event
	moves int
	want  func() int64
}

// travel reads until the client has got what it is to have, or ctx ends; it wants each event once and in order.
func (c *traveller) travel(ctx context.Context) {
	for ctx.Err() == nil && c.got.Load() < c.want() {
		c.visit(ctx, c.nodes.address[rand.IntN(len(c.nodes.address))])
		c.moves++
	}
}

// progress waits until the client has got one more event.
func (c *traveller) progress(ctx context.Context) {
	for before := c.got.Load(); c.got.Load() == before && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
}

// visit stays with one relay, until the connection ends or the client feels like leaving.
func (c *traveller) visit(ctx context.Context, address string) {
	conn, _, err := websocket.Dial(ctx, "ws://"+address+"/?since="+c.since, &websocket.DialOptions{Subprotocols: []string{"wpre.v1"}})
	if err != nil {
		select {
		case <-time.After(10 * time.Millisecond): // nobody is there: as a browser would, it comes again
		case <-ctx.Done():
		}
		return
	}
	defer conn.CloseNow()
	for range 1 + rand.IntN(200) {
		if c.got.Load() >= c.want() {
			return
		}
		stay, cancel := context.WithTimeout(ctx, time.Second)
		_, text, err := conn.Read(stay)
		cancel()
		if err != nil {
			return
		}
		var message struct {
			ID    string
			Event struct{ Timestamp int64 }
			Gap   json.RawMessage
		}
		switch err := json.Unmarshal(text, &message); {
		case err != nil || message.Gap != nil || message.Event.Timestamp != c.got.Load()+1:
			c.t.Errorf("after event %d, at %s, a client gets %s", c.got.Load(), c.since, text)
			c.got.Store(c.want())
			return
		default:
			c.got.Store(message.Event.Timestamp)
			c.since = message.ID
		}
	}
}

// TestEveryClientGetsEachEventOnceWhateverDies lets clients go between three edges and two relays that capture one site, while
// these, and the broker, are killed and run again at random.
func TestEveryClientGetsEachEventOnceWhateverDies(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			server, url := start(t)
			n := newNodes(t, url, 2, 3)
			c := &companion{site: n.site}
			c.write()
			var mu sync.Mutex
			last := int64(1 << 60) // the last event, once it is known
			want := func() int64 { mu.Lock(); defer mu.Unlock(); return last }
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			for _, p := range n.process {
				p.logged("browsers connect here", "url")
			}
			first := firstPosition(ctx, t, n.address[4])
			var travellers []*traveller
			var travelling sync.WaitGroup
			for range 8 {
				c := &traveller{t: t, nodes: n, since: first, want: want}
				c.got.Store(1)
				travellers = append(travellers, c)
				travelling.Go(func() { c.travel(ctx) })
			}
			stopWriting := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				for {
					select {
					case <-stopWriting:
						return
					case <-time.After(rand.N(2 * time.Millisecond)):
						c.write()
					}
				}
			})
			died := make(map[string]int)
			for range number("FAULTS", faults[name]) {
				travellers[rand.IntN(len(travellers))].progress(ctx)
				if i := rand.IntN(len(n.process) + 1); server != nil && i == len(n.process) {
					died["broker"]++
					server.Kill()
					time.Sleep(rand.N(200 * time.Millisecond))
					server.Start()
				} else {
					i %= len(n.process)
					died["relay"]++
					n.process[i].stop([]os.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[rand.IntN(3)])
					n.start(i)
				}
			}
			close(stopWriting)
			writing.Wait()
			mu.Lock()
			last = int64(c.last)
			mu.Unlock()
			travelling.Wait()
			for i, p := range n.process {
				if t.Failed() || ctx.Err() != nil {
					t.Logf("the log of relay %d ends with\n%s", i, tail(p.log.String(), 2000))
				}
			}
			moves := 0
			for i, c := range travellers {
				moves += c.moves
				if got := c.got.Load(); got != last {
					t.Errorf("client %d has got %d of %d events", i, got, last)
				}
			}
			t.Logf("%s: %d events for %d clients, which moved %d times while relays died %d times and the broker %d times",
				name, last, len(travellers), moves, died["relay"], died["broker"])
		})
	}
}

// tail returns the end of a text.
func tail(text string, bytes int) string { return text[max(0, len(text)-bytes):] }

// firstPosition returns that of the first event.
func firstPosition(ctx context.Context, t *testing.T, address string) string {
	t.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+address+"/?last=1", &websocket.DialOptions{Subprotocols: []string{"wpre.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	var message struct{ ID string }
	if _, text, err := conn.Read(ctx); err != nil || json.Unmarshal(text, &message) != nil || message.ID == "" {
		t.Fatalf("got %s, %v, want the first event", text, err)
	}
	return message.ID
}

// number returns that in a variable, or the usual one.
func number(variable string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return usual
}

// engines start the brokers that relays can share a history over, and return what can be killed of them, and the URL.
var engines = map[string]func(t testing.TB) (*enginetest.Server, string){
	"redis": func(t testing.TB) (*enginetest.Server, string) {
		server := enginetest.Redis(t)
		return server, "redis://" + server.Address
	},
	"nats": func(t testing.TB) (*enginetest.Server, string) {
		server := enginetest.NATS(t)
		return server, "nats://" + server.Address
	},
	// It is killed in a test of amqplog's: it takes seconds to start again, and one of version 3.10 that is killed a moment
	// after it has made a stream never finds that again.
	"rabbitmq": func(t testing.TB) (*enginetest.Server, string) {
		return nil, "amqp://guest:guest@" + enginetest.RabbitMQ(t).Address
	},
	// In this process, and in memory: it cannot be killed, but it is Kafka's protocol.
	"kafka": func(t testing.TB) (*enginetest.Server, string) {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		return nil, "kafka://" + cluster.ListenAddrs()[0]
	},
}

// BenchmarkWriteToBrowserThroughABroker measures the way of an event from the plugin's write to a client: of one relay, and of
// an edge that shares the history of another one over each engine. The writes take turns, so that all have the same weather.
func BenchmarkWriteToBrowserThroughABroker(b *testing.B) {
	const rounds = 1000
	type way struct {
		name  string
		site  *site
		conn  net.Conn
		times []time.Duration
	}
	alone := newSite(b)
	ways := []*way{{name: "none", site: alone, conn: dialRaw(b, alone.start("--log-level", "info").address)}}
	for _, name := range slices.Sorted(maps.Keys(engines)) {
		_, url := engines[name](b)
		s := newSite(b)
		s.start("--log-level", "info", "--broker", url)
		edge := launch(b, command(b, "--broker", url, "--state-dir", b.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"))
		ways = append(ways, &way{name: name, site: s, conn: dialRaw(b, edge.address)})
	}
	n := 1_000_000_000 // all documents have one length
	frame := make([]byte, len(fanouttest.TextFrame([]byte(document(n)))))
	for b.Loop() {
		for range rounds {
			n++
			for _, w := range ways {
				start := time.Now()
				w.site.write(n)
				if _, err := io.ReadFull(w.conn, frame); err != nil {
					b.Fatalf("%s: %v", w.name, err)
				}
				w.times = append(w.times, time.Since(start))
				time.Sleep(time.Millisecond) // as the benchmark's peers: a gap in which all come to rest
			}
		}
	}
	for _, w := range ways {
		slices.Sort(w.times)
		for name, share := range map[string]int{"p50": 50, "p99": 99} {
			took, usual := w.times[len(w.times)*share/100], ways[0].times[len(ways[0].times)*share/100]
			b.ReportMetric(float64(took.Microseconds()), w.name+"-"+name+"-µs")
			if w != ways[0] {
				b.ReportMetric(float64(took)/float64(usual), w.name+"-"+name+"-ratio")
			}
		}
	}
}

// TestWithoutABrokerTheLogStaysJSON starts edges of brokers that are not there: their libraries say nothing but through the
// relay.
func TestWithoutABrokerTheLogStaysJSON(t *testing.T) {
	for _, scheme := range []string{"redis", "nats", "kafka", "amqp"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			p := spawn(t, command(t, "--broker", scheme+"://"+enginetest.FreePort(t), "--state-dir", t.TempDir(),
				"--listen", "127.0.0.1:0", "--admin-listen", "off", "--log-format", "json"))
			p.logged("broker unreachable, retrying", "error")
			p.stop(syscall.SIGTERM)
			for line := range strings.Lines(p.log.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("it says %s", line)
				}
			}
		})
	}
}
